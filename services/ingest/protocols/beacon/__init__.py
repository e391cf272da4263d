"""`POST /v1/beacon`: touchpoints by `navigator.sendBeacon`."""

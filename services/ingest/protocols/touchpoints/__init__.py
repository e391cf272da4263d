"""`POST /v1/touchpoints`: the native protocol."""

"""One module a provider: an item of its deliveries in, touchpoints out. Pure."""

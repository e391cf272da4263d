"""What the services have in common: words, contracts, storage. Nothing here knows a service."""

"""API keys: how they are made, parsed and checked. Their rows live in shared.storage.keys."""

"""What several protocols share: the endpoint, strict mode, campaigns."""

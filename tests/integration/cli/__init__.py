"""Commands against a real database and running services."""

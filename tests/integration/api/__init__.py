"""The api on a real database."""

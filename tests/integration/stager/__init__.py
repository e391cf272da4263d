"""The stager on a real database and a real log."""

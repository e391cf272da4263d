"""Ingest on a real port, with real keys and a real log."""

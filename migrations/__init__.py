"""Alembic migrations of the schema, safe to run twice at once."""

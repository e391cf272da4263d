"""The schema through time: Alembic migrations, safe to run twice at once."""

"""The event log in PostgreSQL: a table of records, and groups of readers by advisory locks."""

"""Who is who in Postgres: its tables, the words that name nobody, and requests to erase a person."""

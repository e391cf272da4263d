"""Event log in, Postgres out: the only writer of journey state."""

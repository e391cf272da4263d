"""Everything in one process, with its own PostgreSQL: what `make run` starts."""

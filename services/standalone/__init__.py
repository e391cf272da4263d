"""Ingest, stager and api in one process with an embedded PostgreSQL, as `make run` starts them."""

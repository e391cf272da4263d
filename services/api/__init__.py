"""The read side: stages, history, alerts and sources over HTTP, from Postgres."""

"""How commands reach Stageline: the api over HTTP, the database, and what a failure is reported as."""

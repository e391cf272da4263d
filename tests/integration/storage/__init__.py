"""Storage functions on a real database, in the roles of the services."""

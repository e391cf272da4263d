"""HTTP manners that every service shares: problems, request ids, health, the server."""

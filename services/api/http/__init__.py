"""How a route of the api meets HTTP: keys and scopes, limits of a request, problems, documentation."""

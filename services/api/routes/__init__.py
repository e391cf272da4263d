"""The calls of the api, one module for each resource; each gives its `operations`."""

"""All SQL of the api: one module for each resource, and the connections that they run on."""

"""Calls for the key of an operator, which opens nothing within a workspace."""

"""Models of the calls for the key of an operator."""

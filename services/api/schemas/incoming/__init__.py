"""Models of the calls on what came in."""

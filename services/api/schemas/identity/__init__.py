"""Models of who is who."""

"""`stageline identity`: who is who."""

"""`stageline source` and `stageline tail`: sources set up, tried, replayed and watched."""

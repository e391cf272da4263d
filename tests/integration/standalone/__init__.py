"""`make run`: what it makes, how it starts, what answers at `/`."""

"""Events of one instant: which came first, by every way in."""

"""Sources: who sends events by which way, and what is done to them before the log."""

"""What an event passes between its adapter and the log: admission, consent, privacy, limits. Pure."""

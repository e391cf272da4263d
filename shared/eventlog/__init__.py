"""The event log: one small port with two adapters, `kafka` and `postgres`."""

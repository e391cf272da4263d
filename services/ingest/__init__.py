"""HTTP in, event log out; 2xx only after the log has acknowledged."""

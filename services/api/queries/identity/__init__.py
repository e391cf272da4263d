"""SQL on who is who."""

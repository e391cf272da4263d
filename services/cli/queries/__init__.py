"""SQL of operator commands. No function commits; each runs as the owner."""

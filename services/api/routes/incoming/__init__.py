"""Calls on what came in, beside the senders of it."""

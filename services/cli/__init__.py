"""Operator commands: `stageline ...`."""

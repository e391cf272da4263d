"""Reads the event log: polls, deals records out to partition workers, commits the group's offsets."""

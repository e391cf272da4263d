"""Folds events into subjects by the journeys in force, and turns the outcome into rows."""

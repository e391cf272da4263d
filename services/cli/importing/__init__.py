"""`stageline import`: an event file, row by row, through the same way in as every other event."""

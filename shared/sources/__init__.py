"""Sources: senders of events, their settings, and the rules that apply to their events before the log."""

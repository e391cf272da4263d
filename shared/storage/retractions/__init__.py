"""What was taken back: its tables, and what ingest looks up before it accepts a retraction."""

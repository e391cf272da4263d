"""HTTP as ingest speaks it: bodies within bounds, queries, ready responses, rejected requests."""

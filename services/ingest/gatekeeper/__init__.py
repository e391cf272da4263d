"""Which sender may send now, and how much: pauses, origins, quotas and rates of a source."""

"""Statistics over runs: a run (one seed of one arm) is the unit of replication, never a test item."""

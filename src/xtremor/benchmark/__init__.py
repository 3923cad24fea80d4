"""What training and scoring cost: against the official way, and against what the machine could do at most."""

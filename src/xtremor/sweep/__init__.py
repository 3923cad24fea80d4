"""A grid or a random search of settings with equal trials for every method, chosen on English dev alone."""

"""From predictions to scores: one file per official scorer, and the tables that scores are computed from."""

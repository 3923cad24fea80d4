"""The report of a study: one page that answers its question, from the study's folder alone."""

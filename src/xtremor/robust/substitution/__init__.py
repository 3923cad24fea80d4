"""Word substitution (RS-DA, Huang et al. 2021, arXiv 2104.08645): each word a draw from itself and its neighbours.

Here: where neighbours come from, which words are left alone, and how examples are rewritten. It knows nothing of
training; ``training.draws`` makes the draws of a run.
"""

"""The choice of a trial, made on English dev and on nothing else, and what best-of-N English dev is worth.

Nothing in this module is given a target language's score, so that none can leak into a choice.
"""

from __future__ import annotations

from collections.abc import Sequence

# Scores nearer than this are equal: means over seeds differ in their last bits.
SAME = 1e-9


def choose(dev: Sequence[float], radius: Sequence[float | None], cost: Sequence[float]) -> int:
    """Index of the trial with the best English dev.

    Ties go to the smaller radius (none is smallest), then to the cheaper trial, then to the first.

    Args:
        dev: English dev of each trial, the mean over its seeds.
        radius: size of each trial's ball, None without one.
        cost: work of each trial, in any unit.
    """
    best = max(dev)
    tied = [index for index, score in enumerate(dev) if score >= best - SAME]
    return min(tied, key=lambda index: (radius[index] or 0.0, cost[index], index))


def expected_best(dev: Sequence[float]) -> list[float]:
    """Expected best English dev of 1, 2, ... N trials drawn from these N, with replacement.

    Expected validation performance (Dodge et al. 2019, arXiv 1909.03004, section 3.1): with F the empirical
    distribution of the N scores, E[max of n] = sum over scores v of v (F(v)^n - F(v-)^n). Drawn with replacement, so
    that the last value lies below the best score found wherever the scores differ.
    """
    ordered, size = sorted(dev), len(dev)
    return [
        sum(score * ((rank / size) ** n - ((rank - 1) / size) ** n) for rank, score in enumerate(ordered, start=1))
        for n in range(1, size + 1)
    ]

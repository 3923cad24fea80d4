"""Corrections for looking at many comparisons.

`holm` (in `intervals`) holds the chance of any false finding in a planned family; `benjamini_hochberg` holds the
share of false findings among exploratory ones.
"""

from __future__ import annotations

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p-values of Benjamini and Hochberg (1995), in the order given; None stays None and counts as none.

    Valid for independent tests and for those with positive dependence, as of languages that rise and fall together
    with the seed (Benjamini and Yekutieli 2001).
    """
    known = sorted(((p, index) for index, p in enumerate(p_values) if p is not None), reverse=True)
    adjusted: list[float | None] = [None] * len(p_values)
    ceiling = 1.0
    for above, (p, index) in enumerate(known):
        ceiling = min(ceiling, p * len(known) / (len(known) - above))
        adjusted[index] = ceiling
    return adjusted

"""Equivalence within a stated margin, by two one-sided tests (Schuirmann 1987).

That a difference is "not significant" says nothing: one seed an arm never finds any. Who wants to say that two arms
are alike must state beforehand which difference would not matter, and reject both that the treatment is worse by
more and that it is better by more.
"""

from __future__ import annotations

from dataclasses import dataclass

from xtremor.stats.means import NO_SPREAD, MeanDifference


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests at ``alpha``.

    Attributes:
        margin: the difference that would not matter.
        p: the larger of the two one-sided p-values.
        low, high: the interval of coverage 1 - 2 alpha, which lies within the margin where p <= alpha.
        alpha: of each test.
    """

    margin: float
    p: float
    low: float
    high: float
    alpha: float

    @property
    def shown(self) -> bool:
        """Whether the two are equivalent within the margin."""
        return self.p <= self.alpha


def equivalence(found: MeanDifference, margin: float, alpha: float = 0.05) -> Equivalence | None:
    """Test whether the true difference lies within ``margin`` of 0; None where nothing scatters.

    Raises:
        ValueError: the margin is not positive.
    """
    from scipy import stats

    if not margin > 0:
        raise ValueError(f"the margin must be positive, not {margin}")
    if found.error < NO_SPREAD:
        return None
    above = float(stats.t.sf((found.effect + margin) / found.error, found.freedom))
    below = float(stats.t.cdf((found.effect - margin) / found.error, found.freedom))
    half = float(stats.t.ppf(1 - alpha, found.freedom)) * found.error
    return Equivalence(margin, max(above, below), found.effect - half, found.effect + half, alpha)

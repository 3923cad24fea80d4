"""Looking at a study before it is complete, and still being wrong no more often than stated.

Who tests after five seeds, after ten and after twenty, and stops at the first p below 0.05, finds something in one
of seven studies of nothing. A spending function (Lan and DeMets 1983) fixes beforehand how much of alpha may be used
up when a given share of the seeds is in: `levels` gives the p-value that each look must fall below.

``obrien-fleming`` spends almost nothing early, so that the last look is at nearly the full alpha; ``pocock`` spends
evenly. The levels are those of normal statistics whose information grows with the number of seeds; applied to the
p-values of t-tests this is the usual approximation (Jennison and Turnbull 2000, chapter 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

KINDS = ("obrien-fleming", "pocock")
# Bounds beyond this many standard errors are as good as none.
_FAR = 9.0
_NODES = 300


def spent(share: float, alpha: float = 0.05, kind: str = "obrien-fleming") -> float:
    """How much of a two-sided alpha may be used up when ``share`` (0 to 1) of the seeds is in.

    Raises:
        ValueError: an unknown kind, or a share outside (0, 1].
    """
    from scipy import stats

    if not 0 < share <= 1:
        raise ValueError(f"the share of seeds must lie in (0, 1], not {share}")
    if kind == "obrien-fleming":
        # Each side spends half of alpha, as in DeMets and Lan (1994) and its tables.
        return float(4 * stats.norm.sf(stats.norm.isf(alpha / 4) / math.sqrt(share)))
    if kind == "pocock":
        return alpha * math.log1p((math.e - 1) * share)
    raise ValueError(f"unknown spending function {kind!r}; known: {', '.join(KINDS)}")


def bounds(shares: Sequence[float], alpha: float = 0.05, kind: str = "obrien-fleming") -> list[float]:
    """|z| that each look must exceed (two-sided, symmetric).

    Computed by numerical integration over what has not stopped yet (Armitage, McPherson and Rowe 1969).

    Args:
        shares: of the planned seeds that are in at each look, ascending, the last at most 1.

    Raises:
        ValueError: shares that do not ascend within (0, 1].
    """
    if not shares or any(b <= a for a, b in pairwise(shares)):
        raise ValueError(f"expected ascending shares of the seeds, got {list(shares)}")
    found: list[float] = []
    # Density of the Brownian motion over paths that have not stopped, at quadrature nodes; at first all is at 0.
    places, masses = np.zeros(1), np.ones(1)
    before, used = 0.0, 0.0
    for share in shares:
        total = spent(share, alpha, kind)
        step = math.sqrt(share - before)
        bound = _bound(places, masses, step, math.sqrt(share), total - used)
        found.append(bound)
        places, masses = _next(places, masses, step, min(bound, _FAR) * math.sqrt(share))
        before, used = share, total
    return found


def levels(shares: Sequence[float], alpha: float = 0.05, kind: str = "obrien-fleming") -> list[float]:
    """Two-sided p-value below which each look may stop and claim a difference; see `bounds`."""
    from scipy import stats

    return [float(2 * stats.norm.sf(bound)) for bound in bounds(shares, alpha, kind)]


def _bound(places: np.ndarray, masses: np.ndarray, step: float, root: float, allowed: float) -> float:
    from scipy import optimize, special

    def excess(bound: float) -> float:
        edge = bound * root
        out = special.ndtr((-edge - places) / step) + special.ndtr((places - edge) / step)
        return float(masses @ out) - allowed

    return _FAR if excess(_FAR) >= 0 else float(optimize.brentq(excess, 0.0, _FAR, xtol=1e-10))


def _next(places: np.ndarray, masses: np.ndarray, step: float, edge: float) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    there = nodes * edge
    density = np.exp(-0.5 * ((there[:, None] - places) / step) ** 2) @ masses / (step * math.sqrt(2 * math.pi))
    return there, density * weights * edge

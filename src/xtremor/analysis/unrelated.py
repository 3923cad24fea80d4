"""Which translation stands for an unrelated text beside each English row, and the error of figures over such pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.errors import UserError


@dataclass(frozen=True)
class Order:
    """Rows in the order in which they are read; row ``rows[k]`` is beside the translation of ``rows[(k + shift) % N]``.

    Rows of a cluster stand together and the shift is the size of the largest one, so that a row never meets its own
    translation nor that of a row that shares text with it.

    Attributes:
        rows: (N,) int64, a permutation.
        shift: s, at least 1.
    """

    rows: np.ndarray
    shift: int

    def partners(self) -> np.ndarray:
        """(N,) int64: the row whose translation is unrelated to each row."""
        found = np.empty_like(self.rows)
        found[self.rows] = np.roll(self.rows, -self.shift)
        return found


def order(clusters: Sequence[str], seed: int = 0) -> Order:
    """Draw an order; a function of the seed and of which rows share a cluster.

    Raises:
        UserError: nearly all rows share text, so that none is unrelated to them.
    """
    counts = Counter(clusters)
    shift = max(counts.values(), default=0)
    if len(clusters) < 2 * shift or len(clusters) < 2:
        raise UserError(
            f"{shift:,} of {len(clusters):,} rows share text, so that too few are unrelated to them; use more rows"
        )
    drawn = np.random.default_rng(seed).permutation(len(counts))
    place = dict(zip(counts, drawn, strict=True))
    rows = np.argsort([place[cluster] for cluster in clusters], kind="stable")
    return Order(rows.astype(np.int64), shift)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of means with its standard error.

    Attributes:
        value: mean of the first over mean of the second.
        error: standard error; NaN with fewer than three clusters.
    """

    value: float
    error: float


def ratio(own: np.ndarray, unrelated: np.ndarray, clusters: Sequence[str], partners: np.ndarray) -> Ratio:
    """Mean distance of translations over mean distance of unrelated rows.

    Two rows are correlated when they share text, or when the unrelated text of one is of the other's cluster. With the
    residual e = own - value * unrelated of each row, which belongs to its own cluster and to its partner's, the
    variance of the sum of e is the sum of e_i e_j over all pairs that have a cluster in common (linearised ratio;
    dyadic clustering after Aronow, Samii and Assenova 2015, Political Analysis 23). Where that is not positive, which
    happens with few clusters, clusters of the rows alone count.

    Args:
        own, unrelated: (N,) distances.
        clusters: N ids.
        partners: (N,) the row whose translation was the unrelated one.
    """
    value = float(own.mean() / unrelated.mean())
    names, of_row = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    count = len(names)
    if count < 3:
        return Ratio(value, float("nan"))
    residual = own - value * unrelated
    ends = np.stack([of_row, of_row[partners]])
    single = np.bincount(of_row, residual, count)
    touching = single + np.bincount(ends[1], residual, count)
    low, high = ends.min(axis=0), ends.max(axis=0)
    dyads = np.bincount(np.unique(low * count + high, return_inverse=True)[1], residual)
    variance = float((touching**2).sum() - (dyads**2).sum())
    if variance <= 0:
        variance = float((single**2).sum())
    error = np.sqrt(variance * count / (count - 1)) / (len(own) * unrelated.mean())
    return Ratio(value, float(error))

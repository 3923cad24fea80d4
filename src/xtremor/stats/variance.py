"""How much runs of one arm scatter: between seeds in all languages alike, and in each language apart.

Model of a run's score, Y[s, l] = language l + seed s + (seed s in language l). `components` takes it apart by the
two-way analysis of variance without replication. The seed's part is what moves an average over languages; a
language's own part averages out over languages. What is left in a language holds the noise of its finite test set
too, because another seed errs on other items: `of_items` says how much of it, where items are known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Components:
    """Standard deviations between runs of one arm, in the unit of the scores.

    Attributes:
        seed: shared by all languages; 0 where the estimate of its square is negative.
        language: of a seed in one language, around what the seed does to all.
        mean: of the macro mean between runs, as observed; its square is about seed^2 + language^2 / languages.
        seeds, languages: how many it rests on.
        items: the part of ``language`` that comes from finite test sets; None where items are not known.
        test_set: standard deviation of one run's macro mean over redrawn test items; None likewise.
    """

    seed: float
    language: float
    mean: float
    seeds: int
    languages: int
    items: float | None = None
    test_set: float | None = None

    def of_mean(self, languages: int) -> float:
        """Standard deviation between runs of the macro mean over so many languages."""
        return math.sqrt(self.seed**2 + self.language**2 / languages)


def components(scores: np.ndarray) -> Components:
    """Variance components of a (seeds, languages) table of one arm.

    With one language there is no telling the two parts apart: all of it counts as the language's.

    Raises:
        ValueError: fewer than two seeds, or a value that is not finite.
    """
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or not table.shape[1] or not np.isfinite(table).all():
        raise ValueError(f"expected finite scores of at least two seeds, got a table of {table.shape}")
    seeds, languages = table.shape
    means = table.mean(1)
    observed = float(means.var(ddof=1))
    if languages == 1:
        return Components(0.0, math.sqrt(observed), math.sqrt(observed), seeds, 1)
    left = float((residuals(table) ** 2).sum() / ((seeds - 1) * (languages - 1)))
    shared = max(0.0, observed - left / languages)
    return Components(math.sqrt(shared), math.sqrt(left), math.sqrt(observed), seeds, languages)


def residuals(table: np.ndarray) -> np.ndarray:
    """What is left of a (seeds, languages) table without its row and column means."""
    kept: np.ndarray = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    return kept


def pooled(each: Mapping[str, Components]) -> Components:
    """Components of several arms together: variances weighted by degrees of freedom.

    Raises:
        ValueError: there is none, or they are over different numbers of languages.
    """
    found = list(each.values())
    if not found or len({one.languages for one in found}) > 1:
        raise ValueError("expected components over the same languages")
    weights = np.array([one.seeds - 1 for one in found], np.float64)

    def mean(values: list[float]) -> float:
        return math.sqrt(float(np.average(np.square(values), weights=weights)))

    return Components(
        mean([one.seed for one in found]),
        mean([one.language for one in found]),
        mean([one.mean for one in found]),
        int(weights.sum()) + len(found),
        found[0].languages,
    )

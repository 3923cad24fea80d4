"""A/A test: how often does a method call runs of one and the same arm different?

Runs of one arm are split in two at random, many times, and both halves are compared as if they were arms. Whatever is
found is wrong. Halves of the same runs are not independent of each other, so that the rates say how a method fares on
*these* runs; twelve runs tell a rate of 5% from one of 40%, not from one of 8%. An exact permutation test rejects
5% of all splits of any runs at all, by its construction: its rate here is a check, and no finding.

The customary bootstrap over examples is also tried on pairs of single runs, as it is mostly used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from xtremor.stats.hierarchical import crossed_difference, fixed_difference, interval
from xtremor.stats.means import NO_SPREAD, permutation, welch

SPLITS = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """How often one test found a difference where there is none.

    Attributes:
        test: its name.
        compared: ``halves of 6`` or ``single runs``.
        mean: share of comparisons in which the macro mean was called different.
        languages: share of languages so called, over all comparisons; None where the test was not tried on languages.
        comparisons: how many were made.
    """

    test: str
    compared: str
    mean: float
    languages: float | None
    comparisons: int


def split_half(
    scores: np.ndarray,
    redrawn: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    splits: int = SPLITS,
    alpha: float = 0.05,
    seed: int = 0,
) -> list[Rate]:
    """Split the runs of one arm in two, again and again, and count findings.

    Args:
        scores: (runs, languages) of one arm, at least four runs.
        redrawn: (R, runs, languages) scores on redrawn items, for the bootstraps; None leaves them out.
        weights: (languages,) of the average; None is the plain mean.
        splits: at most so many; all different ones where there are fewer.
        alpha: level of the tests; intervals have 1 - alpha.
        seed: of the splits.

    Raises:
        ValueError: fewer than four runs.
    """
    runs, languages = scores.shape
    if runs < 4:
        raise ValueError(f"expected at least four runs of one arm, got {runs}")
    share = np.full(languages, 1 / languages) if weights is None else weights
    halves = list(_splits(runs, splits, seed))
    half = f"halves of {runs // 2}"
    mean = scores @ share
    found = [
        _rate(
            "Welch's t-test",
            half,
            [welch(mean[a], mean[b]) for a, b in halves],
            alpha,
            _by_language(scores, halves, alpha),
        ),
        _rate("permutation test", half, [permutation(mean[a], mean[b], False) for a, b in halves], alpha, None),
    ]
    if redrawn is None:
        return found
    whole = redrawn.astype(np.float64) @ share
    singles = [(np.array([a]), np.array([b])) for a, b in combinations(range(runs), 2)]
    drawn = [crossed_difference(whole[:, a], whole[:, b], (mean[a], mean[b]), False, seed) for a, b in halves]
    both = [_excludes(values, alpha, (runs // 2, runs // 2)) for values in drawn]
    found.append(Rate("bootstrap over seeds and items", half, float(np.mean(both)), None, len(halves)))
    for what, pairs in ((half, halves), ("single runs", singles)):
        every = [_excludes(fixed_difference(whole[:, a], whole[:, b]), alpha) for a, b in pairs]
        cells = [_languages_excluding(redrawn, a, b, alpha) for a, b in pairs]
        found.append(
            Rate(
                "bootstrap over items alone (customary)", what, float(np.mean(every)), float(np.mean(cells)), len(pairs)
            )
        )
    return found


def _splits(runs: int, most: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Two halves; of an odd number of runs one is left out. Each pair of halves once."""
    half = runs // 2
    everyone = np.arange(runs)
    ways = math.comb(runs, half) * math.comb(runs - half, half) // 2
    if ways <= most:
        for one in combinations(range(runs), half):
            for other in combinations([each for each in range(runs) if each not in one], half):
                if one[0] < other[0]:
                    yield np.array(one), np.array(other)
        return
    draw = np.random.default_rng(seed)
    seen: set[tuple[bytes, bytes]] = set()
    while len(seen) < most:
        order = draw.permutation(everyone)
        first, second = np.sort(order[:half]), np.sort(order[half : 2 * half])
        if second[0] < first[0]:
            first, second = second, first
        key = first.tobytes(), second.tobytes()
        if key not in seen:
            seen.add(key)
            yield first, second


def _rate(test: str, compared: str, results: Sequence[object], alpha: float, languages: float | None) -> Rate:
    p_values = [getattr(each, "p", None) for each in results]
    return Rate(
        test, compared, float(np.mean([p is not None and p <= alpha for p in p_values])), languages, len(results)
    )


def _by_language(scores: np.ndarray, halves: Sequence[tuple[np.ndarray, np.ndarray]], alpha: float) -> float:
    """Share of languages, over all halves, that Welch's test calls different; a constant language never is."""
    from scipy import special

    found = []
    for one, other in halves:
        parts = [scores[half].var(0, ddof=1) / len(half) for half in (one, other)]
        error = np.sqrt(parts[0] + parts[1])
        there = error > NO_SPREAD
        t = np.divide(scores[one].mean(0) - scores[other].mean(0), error, out=np.zeros_like(error), where=there)
        squares = parts[0] ** 2 / (len(one) - 1) + parts[1] ** 2 / (len(other) - 1)
        freedom = np.divide(error**4, squares, out=np.ones_like(error), where=there)
        found.append(2 * special.stdtr(freedom, -np.abs(t)) <= alpha)
    return float(np.mean(found))


def _excludes(values: np.ndarray, alpha: float, runs: Sequence[int] = ()) -> bool:
    found = interval(values, 0.0, 1 - alpha, runs)
    return found.low > 0 or found.high < 0


def _languages_excluding(redrawn: np.ndarray, one: np.ndarray, other: np.ndarray, alpha: float) -> float:
    gap = redrawn[:, one].mean(1) - redrawn[:, other].mean(1)
    low, high = np.nanquantile(gap, [alpha / 2, 1 - alpha / 2], axis=0)
    return float(((low > 0) | (high < 0)).mean())

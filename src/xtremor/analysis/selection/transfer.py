"""Whether a distance between languages tells anything about real transfer scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremor.analysis.selection.distances import Distances
from xtremor.analysis.selection.scores import Scores
from xtremor.languages import is_english

PERMUTATIONS = 1000
# With fewer sources the labels of sources cannot be permuted.
FEW_SOURCES = 4
# Pairs beyond the free sums of sources and targets; with fewer a correlation of what they leave says nothing.
FEW_LEFT = 3
# Permutations that are looked at together: bounds memory.
BLOCK = 100


def correlation(distances: Distances, scores: Scores, seed: int = 0, count: int = PERMUTATIONS) -> dict[str, Any]:
    """Rank correlation of distance and score over pairs, and Mantel's permutation test (Mantel 1967).

    Pairs share languages and are not independent, so whole languages are permuted: a permutation renames the languages
    of the distances. With fewer than four sources, targets alone are. p = (1 + as extreme) / (1 + permutations),
    two-sided. None where there are fewer than four pairs, or nothing varies.

    ``spearman`` is over all pairs as they are, and targets that are hard for every source and far from all of them are
    enough for it. ``within`` is the correlation of the same ranks with the means of sources and of targets taken out
    (residuals of an additive fit), which is what choosing a source for a target takes; ``within_p`` from the same
    permutations. None where no source can be compared with another.
    """
    rows, columns = scores.pairs()
    codes = list(dict.fromkeys((*scores.sources, *scores.targets)))
    matrix = distances.of(codes, codes)
    # Where every pair is there, a permutation permutes the ranks too.
    complete = len(rows) == len(codes) * (len(codes) - 1)
    matrix = _ranked(matrix) if complete else matrix
    place = {code: at for at, code in enumerate(codes)}
    one = np.array([place[scores.sources[row]] for row in rows], dtype=int)
    two = np.array([place[scores.targets[column]] for column in columns], dtype=int)
    ranks = _ranks(scores.values[rows, columns])
    apart = _ranks(matrix[one, two])
    seen = _pearson(apart, ranks) if len(rows) >= 4 else None
    if seen is None:
        return dict.fromkeys(("spearman", "p", "within", "within_p", "permuted")) | {"pairs": len(rows)}
    additive = scores.additive
    rest, left = (each - additive @ (additive.T @ each) for each in (ranks, apart))
    told = len(rows) - additive.shape[1] >= FEW_LEFT and all(
        np.linalg.norm(part) > 1e-9 * np.linalg.norm(whole) for part, whole in ((rest, ranks), (left, apart))
    )
    within = _pearson(left, rest) if told else None
    draw = np.random.default_rng(seed)
    joint = len(scores.sources) >= FEW_SOURCES
    moved = np.arange(len(codes)) if joint else np.setdiff1d(two, one)
    centred = ranks - ranks.mean()
    extreme = extreme_within = 0
    for start in range(0, count, BLOCK):
        renamed = np.tile(np.arange(len(codes)), (min(BLOCK, count - start), 1))
        renamed[:, moved] = draw.permuted(renamed[:, moved], axis=1)
        drawn = matrix[renamed[:, one], renamed[:, two]]
        drawn = drawn if complete else _ranks(drawn)
        drawn = drawn - drawn.mean(axis=1, keepdims=True)
        lengths = (drawn**2).sum(axis=1)
        extreme += _as_extreme(drawn @ centred, lengths, centred, seen)
        if within is not None:
            # What is left of the scores is orthogonal to all sums, so that of the distances only the length changes.
            lengths -= ((drawn @ additive) ** 2).sum(axis=1)
            extreme_within += _as_extreme(drawn @ rest, lengths, rest, within)
    return {
        "pairs": len(rows),
        "spearman": seen,
        "p": (1 + extreme) / (1 + count),
        "within": within,
        "within_p": None if within is None else (1 + extreme_within) / (1 + count),
        "permuted": "languages" if joint else "targets",
    }


def _as_extreme(products: np.ndarray, squares: np.ndarray, other: np.ndarray, seen: float) -> int:
    """How many correlations, products over root of squares, are as far from 0 as the one seen."""
    scale = np.sqrt(np.maximum(squares, 0) * float((other**2).sum()))
    return int(((scale > 1e-12) & (np.abs(products) >= (abs(seen) - 1e-12) * scale)).sum())


def _ranked(matrix: np.ndarray) -> np.ndarray:
    """Ranks of the entries beside the diagonal, ties averaged."""
    off = ~np.eye(len(matrix), dtype=bool)
    found = np.zeros_like(matrix, dtype=np.float64)
    found[off] = _ranks(matrix[off])
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    # Rounding must not break ties.
    found: np.ndarray = rankdata(np.round(values, 10), axis=-1)
    return found


def _pearson(one: np.ndarray, two: np.ndarray) -> float | None:
    one, two = one - one.mean(), two - two.mean()
    scale = math.sqrt(float((one**2).sum() * (two**2).sum()))
    return float((one * two).sum()) / scale if scale > 1e-12 else None


def left_out(distances: Distances, scores: Scores) -> dict[str, Any]:
    """Each target predicted from the others: score = a + b * distance, fitted on pairs in which it has no part.

    ``mae`` is the mean absolute error of the predictions in points, mean over targets, ``naive_mae`` that of the mean
    score of the same other pairs. With several sources also ``regret``: how much the nearest source loses against the
    best one of each target, beside ``random_regret`` (the mean source) and ``english_regret``.
    """
    rows, columns = scores.pairs()
    apart = distances.of(scores.sources, scores.targets)[rows, columns]
    values = scores.values[rows, columns]
    errors, naive = [], []
    for at, target in enumerate(scores.targets):
        mine = columns == at
        rest = ~mine & np.array([scores.sources[row] != target for row in rows], dtype=bool)
        if not mine.any() or rest.sum() < 3:
            continue
        slope, level = _fit(apart[rest], values[rest])
        errors.append(float(np.abs(level + slope * apart[mine] - values[mine]).mean()))
        naive.append(float(np.abs(values[rest].mean() - values[mine]).mean()))
    regrets = target_regrets(distances, scores)
    return {
        "targets": len(errors),
        "mae": float(np.mean(errors)) if errors else None,
        "naive_mae": float(np.mean(naive)) if naive else None,
        "regret": _mean(regrets["nearest"]),
        "random_regret": _mean(regrets["random"]),
        "english_regret": _mean(regrets["english"]),
    }


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 1e-12 else 0.0
    return slope, float(y.mean() - slope * x.mean())


def target_regrets(distances: Distances, scores: Scores) -> dict[str, list[float]]:
    """For each target with two sources or more, the best score minus that of the nearest source, of the mean source,
    and of English where that is a source. Of equally near sources the mean counts."""
    apart = distances.of(scores.sources, scores.targets)
    found: dict[str, list[float]] = {"nearest": [], "random": [], "english": []}
    english = next((at for at, code in enumerate(scores.sources) if is_english(code)), None)
    for column in range(len(scores.targets)):
        known = np.flatnonzero(~np.isnan(scores.values[:, column]))
        if len(known) < 2:
            continue
        values = scores.values[known, column]
        near = apart[known, column] <= apart[known, column].min() + 1e-12
        found["nearest"].append(float(values.max() - values[near].mean()))
        found["random"].append(float(values.max() - values.mean()))
        if english in known:
            found["english"].append(float(values.max() - scores.values[english, column]))
    return found


def chosen_by_others(each: Sequence[Distances], scores: Scores) -> dict[str, Any] | None:
    """The regret of the distance that does best on all other targets, target by target: what picking one costs."""
    regrets = [target_regrets(distances, scores)["nearest"] for distances in each]
    if not regrets or len(regrets[0]) < 3:
        return None
    table = np.array(regrets)
    others = (table.sum(axis=1, keepdims=True) - table) / (table.shape[1] - 1)
    picked = others.argmin(axis=0)
    names = [each[at].name for at in picked]
    return {
        "regret": float(table[picked, np.arange(table.shape[1])].mean()),
        "picked": {name: names.count(name) for name in dict.fromkeys(names)},
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None

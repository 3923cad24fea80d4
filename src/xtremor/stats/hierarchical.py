"""Bootstrap over seeds and test items: how far other seeds and other items could move a difference between arms.

Two levels. **Runs** are resampled with replacement, jointly where arms share seeds, apart where they do not. **Item
clusters** are resampled as in `bootstrap`: everything that shares text together, languages with common clusters
together. Seeds and items are crossed: all runs answer the same test set, so that one draw of clusters serves every
run of every arm in a replicate, and what items do to all runs alike cancels from differences. From the weighted sums
of a cell every run's official figure (F1, mean average precision, ...) is computed anew, then averaged over runs.

What a run gets wrong by chance on single items is in the scatter of the runs already. Resampling both levels counts
it three times over (Owen 2007, arXiv 0712.1111), so that with small test sets `redrawn_difference` hardly ever finds
anything. `crossed_difference` counts it once: runs are redrawn on the items as they are, and of the items' part only
what exceeds the runs' own noise is added, which is how differently the two arms take to items.

`fixed_difference` leaves the seeds as they are: the customary bootstrap over examples, which answers another question
(other items, these very models) and finds a difference between identical methods about four times in ten. It is here
to be shown beside the others.

With n runs an arm the spread between resampled runs comes out too small by sqrt((n - 1) / n), and its quantiles are the
normal's: with three runs one percentile interval in ten misses. `interval` and `p_value` given the numbers of runs
widen the percentiles accordingly (the expanded percentile interval, Hesterberg 2015, arXiv 1411.5279).
Below `FEW` runs too few values are drawn from, and the t-intervals are to be preferred.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.stats import bootstrap as over_items
from xtremor.stats.bootstrap import Interval

REPLICATES = 2000
# Fewest runs an arm for which the bootstrap over seeds is worth reporting.
FEW = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """What every run scored on one test set (a language of a task).

    Attributes:
        clusters: C distinct cluster ids.
        sums: (runs, C, k) additive statistics of a `Scorer`, summed over the items of a cluster.
        figure: sums (..., k) -> the official figure (...).
        items: (C,) number of items of each cluster.
    """

    clusters: Sequence[Hashable]
    sums: np.ndarray
    figure: Callable[[np.ndarray], np.ndarray]
    items: np.ndarray


def cell(
    statistics: Sequence[np.ndarray], clusters: Sequence[Hashable], figure: Callable[[np.ndarray], np.ndarray]
) -> Cell:
    """A cell from the items of each run, which all runs have in the same order.

    Args:
        statistics: for each run (N, k), as a `Scorer` gives them.
        clusters: N cluster ids.
        figure: as in `Cell`.

    Raises:
        ValueError: there is no item, or runs differ in their number.
    """
    if not len(clusters) or any(len(each) != len(clusters) for each in statistics):
        raise ValueError(f"expected {len(clusters)} items in every run, got {[len(each) for each in statistics]}")
    names, place = numbered(clusters)
    sums = np.stack([cluster_sums(each, place, len(names)) for each in statistics])
    return Cell(names, sums, figure, np.bincount(place, minlength=len(names)))


def numbered(clusters: Sequence[Hashable]) -> tuple[tuple[Hashable, ...], np.ndarray]:
    """Distinct ids in order, and (N,) the number of each item's."""
    numbers: dict[Hashable, int] = {}
    place = np.fromiter((numbers.setdefault(name, len(numbers)) for name in clusters), np.int64, len(clusters))
    return tuple(numbers), place


def cluster_sums(statistics: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """(count, k) sums of (N, k) statistics over the items of each cluster; float32, exact for counts."""
    return np.column_stack([np.bincount(place, column, count) for column in statistics.T]).astype(np.float32)


def resample_items(
    cells: Mapping[str, Cell], replicates: int = REPLICATES, seed: int = 0, stream: str = ""
) -> dict[str, np.ndarray]:
    """Redraw the item clusters of all cells of a task and score every run anew.

    Cells that share clusters are drawn together. Draws depend on seed, stream and the cells of a component, not on
    the order of cells. Memory: a block of draws (`bootstrap.BLOCK`) and (R, runs) for each cell.

    Returns:
        cell -> (R, runs) scores; NaN where the cell has no item in a replicate.

    Raises:
        ValueError: cells differ in their number of runs.
    """
    if len({each.sums.shape[0] for each in cells.values()}) > 1:
        raise ValueError("expected the same runs in every cell")
    found: dict[str, np.ndarray] = {}
    for names in over_items.components({name: each.clusters for name, each in cells.items()}):
        found.update(_component({name: cells[name] for name in names}, replicates, seed, stream))
    return {name: found[name] for name in cells}


def redrawn_difference(treatment: np.ndarray, control: np.ndarray, paired: bool, seed: int = 0) -> np.ndarray:
    """(R,) differences of arm means with the runs redrawn.

    Args:
        treatment, control: (R, runs) scores on redrawn items; in the same order of seeds where ``paired``.
        paired: draw runs of both arms together.
        seed: of the draws.
    """
    chosen = _choices(seed, *treatment.shape)
    other = chosen if paired else _choices(seed + 1, *control.shape)
    return _drawn_mean(treatment, chosen) - _drawn_mean(control, other)


def crossed_difference(
    treatment: np.ndarray,
    control: np.ndarray,
    seen: tuple[np.ndarray, np.ndarray],
    paired: bool,
    seed: int = 0,
) -> np.ndarray:
    """(R,) differences of arm means with runs and items redrawn, chance on single items counted once.

    Args:
        treatment, control: (R, runs) scores on redrawn items; in the same order of seeds where ``paired``.
        seen: (runs,) scores of treatment and control on the items themselves.
        paired: draw runs of both arms together.
        seed: of the draws.
    """
    chosen = _choices(seed, *treatment.shape)
    other = chosen if paired else _choices(seed + 1, *control.shape)
    runs: np.ndarray = seen[0][chosen].mean(1) - seen[1][other].mean(1)
    items = fixed_difference(treatment, control) - (seen[0].mean() - seen[1].mean())
    total = float(np.nanvar(items, ddof=1))
    parts = [treatment - control] if paired else [treatment, control]
    noise = sum(own_noise(part) / part.shape[1] for part in parts)
    keep = math.sqrt(max(0.0, 1 - noise / total)) if total else 0.0
    return runs + keep * items


def own_noise(scores: np.ndarray) -> float:
    """Variance over redrawn items of a run's score around its arm's mean; (R, runs) scores of two runs or more."""
    runs = scores.shape[1]
    around = scores - scores.mean(1, keepdims=True)
    return float(np.nanvar(around, axis=0, ddof=1).mean()) * runs / (runs - 1)


def fixed_difference(treatment: np.ndarray, control: np.ndarray) -> np.ndarray:
    """(R,) differences of arm means with the runs as they are: the customary bootstrap over examples."""
    found: np.ndarray = treatment.mean(1) - control.mean(1)
    return found


def _component(cells: Mapping[str, Cell], replicates: int, seed: int, stream: str) -> dict[str, np.ndarray]:
    union = sorted(set().union(*(each.clusters for each in cells.values())), key=over_items.order)
    places = {cluster: place for place, cluster in enumerate(union)}
    generator = over_items.generator_of(seed, stream, list(cells))
    flat = {name: _columns(each, places) for name, each in cells.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in cells}
    for counts in over_items.draws(len(union), replicates, generator):
        weights = counts.astype(np.float32)
        for name, (matrix, back) in flat.items():
            sums = (weights @ matrix).astype(np.float64)[:, back]
            found[name].append(_scores(cells[name], sums))
    return {name: np.concatenate(each) for name, each in found.items()}


def _columns(one: Cell, places: Mapping[Hashable, int]) -> tuple[np.ndarray, np.ndarray]:
    """(clusters of the component, distinct columns) float32, and where each of runs x k, items last, is found in it.

    Gold counts and numbers of items are equal in all runs: such columns are multiplied once.
    """
    runs, count, parts = one.sums.shape
    columns = np.concatenate((one.sums.transpose(0, 2, 1).reshape(runs * parts, count), one.items[None]))
    numbers: dict[bytes, int] = {}
    back = np.array([numbers.setdefault(np.ascontiguousarray(each).tobytes(), len(numbers)) for each in columns])
    first = np.array([int(np.flatnonzero(back == number)[0]) for number in range(len(numbers))])
    matrix = np.zeros((len(places), len(numbers)), np.float32)
    matrix[[places[cluster] for cluster in one.clusters]] = columns[first].T
    return matrix, back


def _scores(one: Cell, sums: np.ndarray) -> np.ndarray:
    runs, _, parts = one.sums.shape
    found = np.asarray(one.figure(sums[:, :-1].reshape(len(sums), runs, parts)), np.float64)
    return np.where(sums[:, -1:] == 0, np.nan, found)


def _choices(seed: int, replicates: int, runs: int) -> np.ndarray:
    """(R, runs) numbers of runs, drawn with replacement."""
    return np.random.default_rng([seed, runs]).integers(0, runs, (replicates, runs))


def _drawn_mean(scores: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    mean: np.ndarray = np.take_along_axis(scores, chosen, axis=1).mean(1)
    return mean


def interval(values: np.ndarray, estimate: float, level: float = 0.95, runs: Sequence[int] = ()) -> Interval:
    """Percentile interval of replicates of a difference.

    Args:
        values: (R,) replicates.
        estimate: the difference itself.
        level: coverage.
        runs: number of pairs, or of runs of both arms, where runs were redrawn: the percentiles are widened for so
            few. Empty: plain percentiles.
    """
    from scipy import stats

    if runs:
        wide = stats.t.ppf(0.5 + level / 2, sum(runs) - len(runs)) / _shrunk_by(runs)
        level = float(1 - 2 * stats.norm.sf(wide))
    return over_items.Distribution(estimate, values).interval(level)


def p_value(values: np.ndarray, runs: Sequence[int] = ()) -> float | None:
    """Two-sided p-value: twice the smaller share of replicates on either side of 0; None without usable replicates.

    With ``runs`` as in `interval`, whose widening it inverts.
    """
    from scipy import stats

    used = values[~np.isnan(values)]
    if not used.size:
        return None
    side = min(int((used <= 0).sum()), int((used >= 0).sum()))
    p = min(1.0, 2 * (side + 1) / (used.size + 1))
    if not runs:
        return p
    return float(2 * stats.t.sf(stats.norm.isf(p / 2) * _shrunk_by(runs), sum(runs) - len(runs)))


def _shrunk_by(runs: Sequence[int]) -> float:
    """Spread of redrawn means of so many runs, relative to the standard error."""
    return math.sqrt(1 - 1 / min(runs))

"""Cluster bootstrap of scores that are functions of sums over items (accuracy, F1, mean reciprocal rank, ...).

What is drawn is a cluster, never an item: everything that shares text (all translations and all hypotheses of a
premise, all questions of a paragraph). Languages that share clusters are drawn together, so that a premise and its
translations enter a replicate equally often, and differences and means over languages keep their correlation.

For that, languages that share clusters, directly or through others, form a component. A replicate of a component
draws as many clusters as it has, with replacement; a cluster's statistics are summed once beforehand, so that a
replicate is a weighted sum over clusters, from which figures such as F1 are computed anew. (Efron and Tibshirani,
An Introduction to the Bootstrap, 1993, chapters 8 and 13.) Intervals are percentiles of the replicates.

A language that lacks some of its component's clusters has more or fewer items in a replicate, and may have none:
its figures are then NaN, as are all means that include it, and intervals leave such replicates out; `Interval` says
how many were used. The intervals speak about other items of the same kind, not about other training seeds,
languages or models; with very few clusters (fewer than about 30) they are too narrow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

REPLICATES = 1000
LEVEL = 0.95
# Draws held at a time: 4 million int64, 32 MiB, and as much again for their counts.
BLOCK = 4_000_000
Figures = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Sample:
    """The scored items of a language.

    Attributes:
        statistics: (N, k) additive statistics, as a `Scorer` gives them.
        clusters: N cluster ids.
    """

    statistics: np.ndarray
    clusters: Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its percentile interval.

    Attributes:
        estimate: the figure of the items themselves.
        low, high: ends of the interval; NaN when no replicate could be used.
        replicates: how many replicates it rests on.
    """

    estimate: float
    low: float
    high: float
    replicates: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """A figure and its bootstrap replicates.

    Attributes:
        estimate: the figure of the items themselves.
        values: (R,) float64, NaN where a language of it has no item.
    """

    estimate: float
    values: np.ndarray

    def interval(self, level: float = LEVEL) -> Interval:
        """The percentile interval that holds ``level`` of the replicates."""
        used = self.values[~np.isnan(self.values)]
        if not used.size:
            return Interval(self.estimate, np.nan, np.nan, 0)
        low, high = np.quantile(used, [(1 - level) / 2, (1 + level) / 2])
        return Interval(self.estimate, float(low), float(high), used.size)


def average(distributions: Iterable[Distribution]) -> Distribution:
    """Unweighted mean, replicate by replicate.

    Languages of one `bootstrap` keep their correlation; distributions of different tasks count as independent.

    Raises:
        ValueError: there is nothing to average, or numbers of replicates differ.
    """
    each = list(distributions)
    if not each:
        raise ValueError("expected at least one distribution")
    values = np.stack([one.values for one in each]).mean(0)
    return Distribution(float(np.mean([one.estimate for one in each])), values)


def bootstrap(
    samples: Mapping[str, Sample],
    figures: Figures,
    replicates: int = REPLICATES,
    seed: int = 0,
    stream: str = "",
) -> dict[str, dict[str, Distribution]]:
    """Resample clusters and compute every figure of every language in each replicate.

    Draws depend on the seed, the stream, and the languages and number of clusters of a component: not on the order
    of languages or items, nor on languages that share no cluster with it.

    Args:
        samples: language -> its items.
        figures: sums (..., k) -> name -> (...), as a `Scorer` has it.
        replicates: R.
        seed: of the draws.
        stream: tasks with different names here are drawn independently.

    Returns:
        language -> figure -> distribution, languages in the order of ``samples``.

    Raises:
        ValueError: statistics and clusters of a language differ in length, or it has no item.
    """
    found: dict[str, dict[str, Distribution]] = {}
    for languages in components({code: sample.clusters for code, sample in samples.items()}):
        generator = generator_of(seed, stream, languages)
        found.update(_component({code: samples[code] for code in languages}, figures, replicates, generator))
    return {code: found[code] for code in samples}


def components(clusters: Mapping[str, Sequence[Hashable]]) -> list[list[str]]:
    """Languages that are drawn together: those that share a cluster, directly or through others; each sorted."""
    parent = {code: code for code in clusters}

    def root(code: str) -> str:
        while parent[code] != code:
            parent[code] = code = parent[parent[code]]
        return code

    owner: dict[Hashable, str] = {}
    for code in clusters:
        for cluster in dict.fromkeys(clusters[code]):
            parent[root(code)] = root(owner.setdefault(cluster, code))
    grouped: dict[str, list[str]] = {}
    for code in sorted(clusters):
        grouped.setdefault(root(code), []).append(code)
    return list(grouped.values())


def draws(count: int, replicates: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each of ``count`` clusters is drawn: blocks of rows of an (R, count) int64 array, each summing to
    ``count``, in bounded memory."""
    rows = max(1, BLOCK // count)
    for start in range(0, replicates, rows):
        size = min(rows, replicates - start)
        drawn = generator.integers(0, count, (size, count))
        drawn += np.arange(size)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)


def generator_of(seed: int, stream: str, languages: Sequence[str]) -> np.random.Generator:
    """What the draws of a component come from."""
    name = "\n".join((stream, *languages)).encode("utf-8", "surrogatepass")
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name).digest()[:8], "big")])


def _component(
    samples: Mapping[str, Sample], figures: Figures, replicates: int, generator: np.random.Generator
) -> dict[str, dict[str, Distribution]]:
    union = sorted(set().union(*(sample.clusters for sample in samples.values())), key=order)
    places = {cluster: place for place, cluster in enumerate(union)}
    totals = {code: _totals(code, sample, places) for code, sample in samples.items()}
    sums: dict[str, list[np.ndarray]] = {code: [] for code in samples}
    for counts in draws(len(union), replicates, generator):
        for code, (rows, each) in totals.items():
            chosen = counts if len(rows) == len(union) else counts[:, rows]
            sums[code].append(chosen.astype(np.float64) @ each)
    found = {}
    for code, (_, each) in totals.items():
        weighted = np.concatenate(sums[code])
        empty = weighted[:, -1] == 0
        whole, parts = figures(each[:, :-1].sum(0)), figures(weighted[:, :-1])
        found[code] = {name: Distribution(float(whole[name]), np.where(empty, np.nan, parts[name])) for name in whole}
    return found


def _totals(code: str, sample: Sample, places: Mapping[Hashable, int]) -> tuple[np.ndarray, np.ndarray]:
    """Places of a language's clusters, ascending, and the sums of their statistics with their numbers of items."""
    statistics = np.asarray(sample.statistics, np.float64)
    if len(statistics) != len(sample.clusters) or not len(statistics):
        raise ValueError(f"{code}: {len(statistics)} rows of statistics and {len(sample.clusters)} cluster ids")
    place = np.fromiter((places[cluster] for cluster in sample.clusters), np.int64, len(statistics))
    rows, inverse = np.unique(place, return_inverse=True)
    columns = [*statistics.T, np.ones(len(statistics))]
    return rows, np.column_stack([np.bincount(inverse, column, len(rows)) for column in columns])


def order(cluster: Hashable) -> tuple[str, str]:
    # Ids of mixed types can be sorted too; equal text of different types is told apart.
    return str(cluster), type(cluster).__name__

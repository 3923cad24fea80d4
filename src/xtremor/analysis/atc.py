"""Accuracy where there are no labels, from how sure a model is: average thresholded confidence and its simpler kin.

* ``atc-confidence``, ``atc-entropy`` (Garg et al. 2022, arXiv 2201.04234): with a threshold t on the score s (the
  largest probability, or the negative entropy of all) such that the share of English dev with s above t is the accuracy
  there, the estimate is the share of the language's items with s above t.
* ``average-confidence``: the mean largest probability (Hendrycks and Gimpel 2017), right for a calibrated model.
* ``confidence-difference``: English dev accuracy plus the difference of mean confidence between the language and
  English dev (Guillory et al. 2021).

Intervals are percentiles over replicates that resample the clusters of English dev and of the language (the threshold
is found anew in each; clusters that both have are drawn together). They speak about other items, not about whether
confidence means in this language what it means in English: that is what the check on languages with labels is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.stats.bootstrap import LEVEL, REPLICATES, Distribution, Interval, draws, generator_of, order

ATC = ("atc-confidence", "atc-entropy")
ESTIMATORS = (*ATC, "average-confidence", "confidence-difference")
# Weights of items held at a time.
BLOCK = 4_000_000


@dataclass(frozen=True)
class Items:
    """N answers.

    Attributes:
        confidence: (N,) largest probability.
        entropy: (N,) negative entropy of the probabilities in nats; the higher, the surer.
        right: (N,) bool; None where it is not known.
        clusters: N ids of what shares text.
    """

    confidence: np.ndarray
    entropy: np.ndarray
    right: np.ndarray | None
    clusters: Sequence[str]

    def __post_init__(self) -> None:
        sizes = {len(self.confidence), len(self.entropy), len(self.clusters)}
        sizes |= set() if self.right is None else {len(self.right)}
        if len(sizes) != 1 or not len(self.confidence):
            raise ValueError(f"expected as many scores as items, one at least, got {sorted(sizes)}")
        if not (np.isfinite(self.confidence).all() and np.isfinite(self.entropy).all()):
            raise ValueError("a score is not finite")

    @property
    def accuracy(self) -> float | None:
        """In percent."""
        return None if self.right is None else 100 * float(np.mean(self.right))


def items_of(logits: np.ndarray, gold: np.ndarray | None, clusters: Sequence[str], temperature: float = 1.0) -> Items:
    """Scores of answers.

    Args:
        logits: (N, C), minus infinity where an item has fewer classes.
        gold: (N,) right classes; None where they are not known.
        clusters: of the items.
        temperature: logits are divided by it.
    """
    shares = np.asarray(logits, np.float64) / temperature
    shares = np.exp(shares - shares.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    entropy = np.where(shares > 0, shares * np.log(np.where(shares > 0, shares, 1.0)), 0.0).sum(1)
    right = None if gold is None else np.argmax(logits, axis=1) == gold
    return Items(shares.max(1), entropy, right, clusters)


def fit_temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """The temperature with the smallest negative log-likelihood of the right classes (Guo et al. 2017), 0.05 to 20.

    Args:
        logits: (N, C), as in `items_of`.
        gold: (N,) right classes.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    values, rows = np.asarray(logits, np.float64), np.arange(len(gold))

    def loss(power: float) -> float:
        return -float(log_softmax(values / np.exp(power), axis=1)[rows, gold].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


@dataclass(frozen=True)
class Thresholds:
    """One for each of R replicates.

    Attributes:
        at: (R,) the threshold; infinite where everything is below.
        below: (R,) share of what lies exactly there that counts as below it: with ties no threshold alone would do.
    """

    at: np.ndarray
    below: np.ndarray


def thresholds(scores: np.ndarray, right: np.ndarray, weights: np.ndarray) -> Thresholds:
    """Such that the weight below is the weight of the wrong items.

    Where any number between two scores would do it is their middle, where nothing is wrong the smallest score.

    Args:
        scores: (N,) of labelled items.
        right: (N,) bool.
        weights: (R, N), each at least 0.
    """
    values, places = np.unique(scores, return_inverse=True)
    mass = np.zeros((len(weights), len(values)))
    for row, weight in zip(mass, weights, strict=True):
        row += np.bincount(places, weight, len(values))
    wrong = weights @ (~np.asarray(right, bool)).astype(np.float64)
    sums = np.concatenate([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)], axis=1)
    # Scores without weight in a replicate are not there: the first with some left is the threshold.
    place = (sums[:, 1:] <= wrong[:, None]).sum(1)
    rows, inside = np.arange(len(mass)), np.minimum(place, len(values) - 1)
    left = wrong - sums[rows, place]
    below = np.where(place < len(values), left / np.maximum(mass[rows, inside], 1e-300), 0.0)
    between = (below == 0) & (place > 0) & (place < len(values))
    at = np.where(between, (values[np.maximum(inside - 1, 0)] + values[inside]) / 2, values[inside])
    return Thresholds(np.where(place < len(values), at, np.inf), below)


def share_above(scores: np.ndarray, weights: np.ndarray, found: Thresholds) -> np.ndarray:
    """(R,): the share of weight above each threshold.

    Args:
        scores: (M,) of items.
        weights: (R, M).
        found: R thresholds.
    """
    ranked = np.argsort(scores, kind="stable")
    values = scores[ranked]
    sums = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights[:, ranked], axis=1)], axis=1)
    rows = np.arange(len(weights))
    below = sums[rows, np.searchsorted(values, found.at, "left")]
    there = sums[rows, np.searchsorted(values, found.at, "right")] - below
    return 1 - np.asarray((below + found.below * there) / sums[:, -1])


@dataclass(frozen=True)
class Learnt:
    """What R replicates of English dev say.

    Attributes:
        thresholds: name in `ATC` -> R thresholds.
        surplus: (R,) accuracy minus mean confidence, as shares.
    """

    thresholds: dict[str, Thresholds]
    surplus: np.ndarray

    @classmethod
    def of(cls, dev: Items, weights: np.ndarray) -> Learnt:
        """From labelled items; ``weights`` (R, N) are of them."""
        assert dev.right is not None
        found = {name: thresholds(scores, dev.right, weights) for name, scores in _scores(dev).items()}
        return cls(found, weights @ (dev.right - dev.confidence) / weights.sum(1))

    @classmethod
    def joined(cls, parts: Sequence[Learnt]) -> Learnt:
        """Replicates of several one after another."""
        found = {
            name: Thresholds(*(np.concatenate([getattr(each.thresholds[name], what) for each in parts])
                               for what in ("at", "below")))
            for name in ATC
        }  # fmt: skip
        return cls(found, np.concatenate([each.surplus for each in parts]))

    def part(self, start: int, count: int) -> Learnt:
        """Some of the replicates."""
        some = slice(start, start + count)
        found = {name: Thresholds(each.at[some], each.below[some]) for name, each in self.thresholds.items()}
        return Learnt(found, self.surplus[some])


def _scores(items: Items) -> dict[str, np.ndarray]:
    return dict(zip(ATC, (items.confidence, items.entropy), strict=True))


def estimates(learnt: Learnt, target: Items, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Estimator -> (R,) accuracies in percent; ``weights`` (R, M) are of the target's items."""
    found = {name: share_above(scores, weights, learnt.thresholds[name]) for name, scores in _scores(target).items()}
    mean = weights @ target.confidence / weights.sum(1)
    found["average-confidence"] = mean
    found["confidence-difference"] = np.clip(learnt.surplus + mean, 0, 1)
    return {name: 100 * values for name, values in found.items()}


class Expectation:
    """The accuracy that English dev lets expect of other items, with intervals.

    Args:
        dev: items with labels.
        replicates: R.
        seed: of the draws.
        level: of the intervals.

    Raises:
        ValueError: ``dev`` has no labels.
    """

    def __init__(self, dev: Items, replicates: int = REPLICATES, seed: int = 0, level: float = LEVEL) -> None:
        if dev.right is None:
            raise ValueError("the items that a threshold is chosen on need labels")
        self.dev, self.replicates, self.seed, self.level = dev, replicates, seed, level
        self._whole = Learnt.of(dev, np.ones((1, len(dev.confidence))))
        self._drawn: Learnt | None = None

    def of(self, target: Items) -> dict[str, Interval]:
        """Every estimator's accuracy of ``target`` in percent, with its interval; its labels are not looked at."""
        whole = estimates(self._whole, target, np.ones((1, len(target.confidence))))
        together = not set(self.dev.clusters).isdisjoint(target.clusters)
        parts = list(self._together(target) if together else self._apart(target))
        return {
            name: Distribution(float(whole[name][0]), np.concatenate([each[name] for each in parts])).interval(
                self.level
            )
            for name in ESTIMATORS
        }

    def _apart(self, target: Items) -> Iterator[dict[str, np.ndarray]]:
        """Without a cluster in common: what English dev says is drawn once for all languages."""
        if self._drawn is None:
            own = _weights((self.dev,), self.replicates, generator_of(self.seed, "expected accuracy", ("dev",)))
            self._drawn = Learnt.joined([Learnt.of(self.dev, weights) for (weights,) in own])
        done = 0
        for (weights,) in _weights((target,), self.replicates, generator_of(self.seed, "expected accuracy", ())):
            yield estimates(self._drawn.part(done, len(weights)), target, weights)
            done += len(weights)

    def _together(self, target: Items) -> Iterator[dict[str, np.ndarray]]:
        """Clusters of both are drawn together; a replicate without an item of one is left out."""
        generator = generator_of(self.seed, "expected accuracy", ())
        for own, other in _weights((self.dev, target), self.replicates, generator):
            kept = (own.sum(1) > 0) & (other.sum(1) > 0)
            yield estimates(Learnt.of(self.dev, own[kept]), target, other[kept])


def _weights(
    several: Sequence[Items], replicates: int, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """How often each item of each is drawn, from the clusters of all; blocks of replicates."""
    union = sorted(set().union(*(each.clusters for each in several)), key=order)
    first = {cluster: place for place, cluster in enumerate(union)}
    places = [np.array([first[cluster] for cluster in each.clusters]) for each in several]
    size = max(1, BLOCK // sum(map(len, places)))
    for start in range(0, replicates, size):
        drawn = np.concatenate(list(draws(len(union), min(size, replicates - start), generator)))
        yield tuple(drawn[:, place].astype(np.float64) for place in places)

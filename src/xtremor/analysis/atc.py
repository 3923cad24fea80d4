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


def estimates(dev: Items, target: Items, weights: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """Estimator -> (R,) accuracies in percent; ``weights`` (R, N) and (R, M) are of the items of both."""
    assert dev.right is not None
    own, other = weights
    found = {}
    for name, score in zip(ATC, ("confidence", "entropy"), strict=True):
        found[name] = share_above(getattr(target, score), other, thresholds(getattr(dev, score), dev.right, own))
    mean = other @ target.confidence / other.sum(1)
    found["average-confidence"] = mean
    before = own @ dev.confidence / own.sum(1)
    found["confidence-difference"] = np.clip(own @ dev.right / own.sum(1) + mean - before, 0, 1)
    return {name: 100 * values for name, values in found.items()}


def expected(
    dev: Items, target: Items, replicates: int = REPLICATES, seed: int = 0, level: float = LEVEL
) -> dict[str, Interval]:
    """Every estimator's accuracy of ``target`` in percent, with its interval.

    Args:
        dev: items with labels.
        target: items; labels are not looked at.
        replicates: R.
        seed: of the draws.
        level: of the intervals.

    Raises:
        ValueError: ``dev`` has no labels.
    """
    if dev.right is None:
        raise ValueError("the items that a threshold is chosen on need labels")
    ones = np.ones((1, len(dev.confidence))), np.ones((1, len(target.confidence)))
    whole = estimates(dev, target, ones)
    drawn = [estimates(dev, target, weights) for weights in _weights(dev.clusters, target.clusters, replicates, seed)]
    return {
        name: Distribution(float(whole[name][0]), np.concatenate([each[name] for each in drawn])).interval(level)
        for name in ESTIMATORS
    }


def _weights(
    dev: Sequence[str], target: Sequence[str], replicates: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """How often each item of both is drawn, in blocks of replicates; a replicate without an item of one is left out."""
    generator = generator_of(seed, "expected accuracy", ())
    own, other = sorted(set(dev), key=order), sorted(set(target), key=order)
    together = not set(own).isdisjoint(other)
    union = sorted({*own, *other}, key=order) if together else []
    first = {cluster: place for place, cluster in enumerate(union if together else own)}
    second = {cluster: place for place, cluster in enumerate(union if together else other)}
    one, two = np.array([first[each] for each in dev]), np.array([second[each] for each in target])
    size = max(1, BLOCK // (len(dev) + len(target)))
    for start in range(0, replicates, size):
        count = min(size, replicates - start)
        mine = np.concatenate(list(draws(len(first), count, generator)))
        theirs = mine if together else np.concatenate(list(draws(len(second), count, generator)))
        weights = mine[:, one].astype(np.float64), theirs[:, two].astype(np.float64)
        kept = (weights[0].sum(1) > 0) & (weights[1].sum(1) > 0)
        yield weights[0][kept], weights[1][kept]

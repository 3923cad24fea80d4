"""Effects of single languages, shrunk towards their mean (empirical Bayes).

With forty languages and five seeds the largest observed gain is mostly luck. The model: language l gains
theta[l] ~ N(mu, tau^2), observed with an error of its own, y[l] ~ N(theta[l], v[l]), besides what the seeds did to
all languages alike, which moves mu and no language against another. tau^2 is what the effects scatter beyond their
errors (DerSimonian and Laird 1986), each effect moves to the mean by the share v / (v + tau^2), and the interval
allows for that share being estimated (Morris 1983, first order).

`moderated` steadies the error variances, which from few seeds are poor themselves, by each other (Smyth 2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.stats.variance import residuals


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Effects of L languages after shrinkage.

    Attributes:
        mean: what they are shrunk towards.
        tau: standard deviation of true effects between languages; 0 where nothing beyond noise is seen.
        effects, low, high: L each; posterior means and intervals.
        weights: L shares of the observed deviation that are kept, 0 to 1.
    """

    mean: float
    tau: float
    effects: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    weights: tuple[float, ...]


def shrink(
    effects: Sequence[float], variances: Sequence[float], common: float = 0.0, confidence: float = 0.95
) -> Shrunk:
    """Shrink effects towards their mean.

    Args:
        effects: (L,) observed, at least three.
        variances: (L,) of their own errors, positive.
        common: variance of the error that all share (the seed's).
        confidence: of the intervals.

    Raises:
        ValueError: fewer than three effects, or a variance that is not positive.
    """
    from scipy import stats

    y, v = np.asarray(effects, np.float64), np.asarray(variances, np.float64)
    if y.shape != v.shape or len(y) < 3 or not (v > 0).all() or common < 0:
        raise ValueError(f"expected at least three effects with positive variances, got {len(y)}")
    tau2 = _between(y, v)
    precision = 1 / (v + tau2)
    mean, mean_variance = float((precision * y).sum() / precision.sum()), 1 / float(precision.sum())
    keep = tau2 / (v + tau2)
    moved = 1 - keep
    posterior = keep * v + moved**2 * mean_variance + common
    # The share itself is estimated from L - 1 deviations.
    posterior += 2 / max(len(y) - 3, 1) * moved**2 * (v / (v + tau2)) * (y - mean) ** 2
    found = mean + keep * (y - mean)
    half = float(stats.norm.ppf(0.5 + confidence / 2)) * np.sqrt(posterior)
    columns = (found, found - half, found + half, keep)
    first, second, third, fourth = (tuple(column.tolist()) for column in columns)
    return Shrunk(mean, math.sqrt(tau2), first, second, third, fourth)


def _between(y: np.ndarray, v: np.ndarray) -> float:
    weights = 1 / v
    mean = (weights * y).sum() / weights.sum()
    excess = (weights * (y - mean) ** 2).sum() - (len(y) - 1)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    return max(0.0, float(excess / scale))


def own_variances(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance of each language's own scatter, from a (seeds, languages) table, and their degrees of freedom.

    What a seed does to all languages is taken out first. Raises ValueError with fewer than two seeds or languages.
    """
    seeds, languages = table.shape
    if min(table.shape) < 2:
        raise ValueError(f"expected at least two seeds and languages, got {table.shape}")
    freedom = (seeds - 1) * (languages - 1) / languages
    return (residuals(np.asarray(table, np.float64)) ** 2).sum(0) / freedom, freedom


def moderated(variances: np.ndarray, freedom: float) -> np.ndarray:
    """Variances moved towards a common one, more so the fewer degrees of freedom they have (Smyth 2004).

    The prior's strength comes from how unlike their logarithms are. A variance of 0 takes part as a hundredth of the
    median, so that one constant language does not decide it. All zero: returned as they are.
    """
    from scipy import special

    s2 = np.asarray(variances, np.float64)
    if not (s2 > 0).any():
        return s2
    s2 = np.maximum(s2, float(np.median(s2[s2 > 0])) / 100)
    half = freedom / 2
    logs = np.log(s2) - special.digamma(half) + math.log(half)
    spread = float(logs.var(ddof=1)) - float(special.polygamma(1, half)) if len(s2) > 1 else 0.0
    if spread <= 0:
        return np.full_like(s2, s2.mean())
    prior = 2 * _trigamma_inverse(spread)
    common = math.exp(float(logs.mean()) + float(special.digamma(prior / 2)) - math.log(prior / 2))
    return np.asarray((prior * common + freedom * s2) / (prior + freedom))


def _trigamma_inverse(value: float) -> float:
    from scipy import optimize, special

    return float(optimize.brentq(lambda x: float(special.polygamma(1, x)) - value, 1e-4, 1e8))

"""Whether a gain goes with a fact about languages: rank correlation, with an interval over runs and languages.

Languages of one run rise and fall together, and the same languages are in every run: the p-value of a correlation over
languages knows neither other seeds nor other languages. Here runs and languages are left out one at a time (the
jackknife, Efron and Stein 1981, whose variance errs upwards), each by itself, and their variances on Fisher's scale add
up: runs as they would be with other seeds, languages as they would be with others of their kind. Noise of a run in one
language is in both parts, so that the interval is wide rather than narrow. The degrees of freedom are Satterthwaite's,
n - 1 of the runs and L - 1 of the languages, because few runs are few.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

# Fewest languages for which a correlation is worth an interval.
FEWEST = 6
# Coefficients nearer to 1 are this one, so that Fisher's scale stays finite.
_END = 0.999
# Variance below this is rounding.
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Association:
    """A rank correlation.

    Attributes:
        rho: Spearman's, the mean over tasks.
        low, high: 95% interval.
        p: two-sided, against ``null``.
        null: the coefficient tested against.
        languages: how many.
        runs: number of pairs, or of runs of treatment and of control.
    """

    rho: float
    low: float
    high: float
    p: float
    null: float
    languages: int
    runs: tuple[int, ...]


def association(
    treatment: np.ndarray,
    control: np.ndarray,
    paired: bool,
    facts: np.ndarray,
    languages: Sequence[Hashable],
    tasks: Sequence[Hashable],
    null: float = 0.0,
) -> Association | None:
    """Spearman's correlation of the gain with a fact, within each task, averaged over tasks.

    Args:
        treatment, control: (runs, tests) scores; runs in the same order of seeds where ``paired``.
        paired: leave out runs of both together.
        facts: (tests,) value of the language of each test set.
        languages, tasks: (tests,) of each test set.
        null: coefficient to test against.

    Returns:
        None with fewer than two runs a side, no task with `FEWEST` languages, a fact or gains that do not vary, or a
        coefficient that nothing moves.
    """
    from scipy import stats

    sizes = (len(treatment),) if paired else (len(treatment), len(control))
    groups = [np.array([i for i, own in enumerate(tasks) if own == task]) for task in dict.fromkeys(tasks)]
    groups = [own for own in groups if len({languages[i] for i in own}) >= FEWEST]
    if min(sizes) < 2 or not groups:
        return None
    names = list(dict.fromkeys(languages[i] for own in groups for i in own))
    gains = treatment.mean(0) - control.mean(0)
    rho = float(_mean_rho(gains[None], facts, groups)[0])
    if not math.isfinite(rho):
        return None
    less = [[own[[languages[i] != name for i in own]] for own in groups] for name in names]
    parts = [(_jackknife(np.array([_mean_rho(gains[None], facts, each)[0] for each in less])), len(names) - 1)]
    if paired:
        parts.append((_jackknife(_mean_rho(_without_one(treatment - control), facts, groups)), sizes[0] - 1))
    else:
        one = _without_one(treatment) - control.mean(0)
        other = treatment.mean(0) - _without_one(control)
        parts += [(_jackknife(_mean_rho(each, facts, groups)), len(each) - 1) for each in (one, other)]
    total = sum(variance for variance, _ in parts)
    if not total > _NOTHING:
        return None
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    at, error = float(_fisher(rho)), math.sqrt(total)
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(at - math.atanh(null)) / error, freedom))
    low, high = min(rho, math.tanh(at - half)), max(rho, math.tanh(at + half))
    return Association(rho, low, high, p, null, len(names), sizes)


def _mean_rho(gains: np.ndarray, facts: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """(R,) mean over groups of Spearman's correlation of (R, tests) gains with facts; NaN without spread."""
    found = [_rho(gains[:, own], np.broadcast_to(facts[own], (len(gains), len(own)))) for own in groups]
    mean: np.ndarray = np.mean(found, axis=0) if found else np.full(len(gains), np.nan)
    return mean


def _rho(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """(R,) Spearman's correlation of the rows of two (R, n) arrays."""
    from scipy import stats

    ranks = [stats.rankdata(each, axis=1) for each in (one, two)]
    a, b = (each - each.mean(1, keepdims=True) for each in ranks)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    found: np.ndarray = np.divide((a * b).sum(1), scale, out=np.full(len(a), np.nan), where=scale > 0)
    return found


def _without_one(scores: np.ndarray) -> np.ndarray:
    """(n, tests) means of (n, tests) scores with each row left out."""
    found: np.ndarray = (scores.sum(0) - scores) / (len(scores) - 1)
    return found


def _jackknife(values: np.ndarray) -> float:
    """Variance on Fisher's scale, from coefficients with one left out each; those without spread do not count."""
    known = _fisher(values[np.isfinite(values)])
    return float(((known - known.mean()) ** 2).sum() * (len(known) - 1) / len(known)) if len(known) > 1 else 0.0


def _fisher(rho: np.ndarray | float) -> np.ndarray:
    found: np.ndarray = np.arctanh(np.clip(rho, -_END, _END))
    return found

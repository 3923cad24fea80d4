"""Whether two arms differ, from one figure a run: t-tests and permutation tests, paired by seed or not.

A run is one training seed of one arm; its figure is usually a macro mean over languages. Runs are exchangeable
within an arm, test items are not replicates of anything here: they are the same in every run.

**Paired or not.** Arms that share seeds (and with them data order and initial head) are compared seed by seed: what
a seed does to both arms alike cancels. Pairing arms whose equal seed numbers mean nothing is valid too; it only
costs degrees of freedom. Arms that share no seed are compared by Welch's test, which lets them scatter unequally.

**Which test.** The t-tests assume that run-level figures scatter about normally, as means over languages do. The
permutation tests assume only that labels could be exchanged under the hypothesis of no difference; they are exact,
and cannot give small p-values from few runs: five pairs cannot fall below 2 / 2^5 = 0.0625.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

CONFIDENCE = 0.95
# Rearrangements up to which all are enumerated: ten runs against ten have 184,756.
EXACT = 200_000
DRAWS = 20_000
# Spread below this is rounding: the test is undefined there.
NO_SPREAD = 1e-9
Values = Sequence[float] | np.ndarray


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """Mean of the treatment minus mean of the control, with its t-test.

    Attributes:
        effect: the difference, in the unit of the figures.
        error: its standard error; 0 where the runs do not scatter.
        freedom: degrees of freedom of the t distribution (Welch and Satterthwaite's where unpaired).
        low, high: ends of the t-interval.
        p: two-sided; None where nothing scatters, so that there is no test.
        paired: whether runs were paired.
        sds: standard deviation of the paired differences, or of treatment and of control.
        runs: number of pairs, or runs of treatment and of control.
        confidence: of the interval.
    """

    effect: float
    error: float
    freedom: float
    low: float
    high: float
    p: float | None
    paired: bool
    sds: tuple[float, ...]
    runs: tuple[int, ...]
    confidence: float

    @property
    def test(self) -> str:
        """Name of the test."""
        return "paired t-test" if self.paired else "Welch's t-test"


@dataclass(frozen=True, slots=True)
class Permutation:
    """A permutation test.

    Attributes:
        p: two-sided.
        exact: whether all rearrangements were enumerated; otherwise (1 + as extreme) / (1 + drawn).
        rearrangements: how many were looked at.
        smallest: p-value below which this test cannot fall with so many runs.
        paired: signs of paired differences were flipped; otherwise runs were dealt anew to the arms.
    """

    p: float
    exact: bool
    rearrangements: int
    smallest: float
    paired: bool


def paired_t(treatment: Values, control: Values, confidence: float = CONFIDENCE) -> MeanDifference | None:
    """Student's paired t-test of runs in the same order of seeds; None with fewer than two pairs.

    Raises:
        ValueError: lengths differ, or a value is not finite.
    """
    one, two = _checked(treatment), _checked(control)
    if len(one) != len(two):
        raise ValueError(f"expected pairs, got {len(one)} and {len(two)} runs")
    if len(one) < 2:
        return None
    each = one - two
    sd = float(each.std(ddof=1))
    found = sd / math.sqrt(len(each)), float(len(each) - 1)
    return _difference(float(each.mean()), *found, True, (sd,), (len(each),), confidence)


def welch(treatment: Values, control: Values, confidence: float = CONFIDENCE) -> MeanDifference | None:
    """Welch's t-test (Welch 1947) of runs that are not paired; None where an arm has fewer than two runs.

    Raises:
        ValueError: a value is not finite.
    """
    one, two = _checked(treatment), _checked(control)
    if min(len(one), len(two)) < 2:
        return None
    sds = float(one.std(ddof=1)), float(two.std(ddof=1))
    runs = len(one), len(two)
    effect = float(one.mean() - two.mean())
    return _difference(effect, standard_error(sds, runs), freedom(sds, runs), False, sds, runs, confidence)


def standard_error(sds: Sequence[float], runs: Sequence[int]) -> float:
    """Standard error of a paired mean difference (one sd), or of a difference of two means (two)."""
    return math.sqrt(sum(sd * sd / n for sd, n in zip(sds, runs, strict=True)))


def freedom(sds: Sequence[float], runs: Sequence[int]) -> float:
    """Degrees of freedom: n - 1 for one sd, Welch and Satterthwaite's for two."""
    parts = [sd * sd / n for sd, n in zip(sds, runs, strict=True)]
    if len(parts) == 1 or not sum(parts):
        return float(sum(runs) - len(runs))
    return sum(parts) ** 2 / sum(part * part / (n - 1) for part, n in zip(parts, runs, strict=True))


def permutation(treatment: Values, control: Values, paired: bool, seed: int = 0) -> Permutation | None:
    """Two-sided permutation test on run-level figures; None where there is nothing to rearrange.

    Paired: the sign of each difference is flipped, statistic |mean difference|. Otherwise runs are dealt anew to
    the two arms, statistic |Welch's t|, which keeps its level where arms scatter unequally (Janssen 1997). All
    rearrangements are enumerated up to `EXACT`, beyond that `DRAWS` are drawn.

    Raises:
        ValueError: paired runs that do not pair up, or a value that is not finite.
    """
    one, two = _checked(treatment), _checked(control)
    if paired:
        if len(one) != len(two):
            raise ValueError(f"expected pairs, got {len(one)} and {len(two)} runs")
        return _flipped(one - two, seed) if len(one) > 1 else None
    return _dealt(one, two, seed) if min(len(one), len(two)) > 1 else None


def _flipped(each: np.ndarray, seed: int) -> Permutation:
    n = len(each)
    exact = n <= int(math.log2(EXACT))
    signs = _all_signs(n) if exact else np.random.default_rng(seed).integers(0, 2, (DRAWS, n)) * 2.0 - 1
    found = np.abs(signs @ each)
    return _permutation(found, abs(float(each.sum())), exact, 2.0 / 2.0**n, True)


def _dealt(one: np.ndarray, two: np.ndarray, seed: int) -> Permutation:
    n, total = len(one), len(one) + len(two)
    ways = math.comb(total, n)
    exact = ways <= EXACT
    if exact:
        chosen = _all_choices(total, n)
    else:
        order = np.random.default_rng(seed).permuted(np.tile(np.arange(total), (DRAWS, 1)), axis=1)
        chosen = (order < n).astype(np.float64)
    # Centred, so that sums of squares lose no digits.
    values = np.concatenate((one, two))
    values = values - values.mean()
    seen = _welch_t((np.arange(total) < n).astype(np.float64)[None], values, n)
    smallest = (2.0 if n == len(two) else 1.0) / ways
    return _permutation(_welch_t(chosen, values, n), float(seen[0]), exact, smallest, False)


def _permutation(found: np.ndarray, seen: float, exact: bool, smallest: float, paired: bool) -> Permutation:
    # Equal statistics may differ in their last bits.
    extreme = int((found >= seen * (1 - 1e-9) - 1e-12).sum())
    p = extreme / len(found) if exact else (1 + extreme) / (1 + len(found))
    floor = smallest if exact else max(smallest, 1 / (1 + len(found)))
    return Permutation(p, exact, len(found), floor, paired)


def _welch_t(chosen: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """|t| of every row of a (ways, runs) 0/1 matrix that says who is in the first arm; infinite without spread."""
    m = len(values) - n
    sums, squares = chosen @ values, chosen @ values**2
    rest, rest_squares = values.sum() - sums, (values**2).sum() - squares
    one = np.maximum(squares - sums**2 / n, 0) / (n - 1) / n
    two = np.maximum(rest_squares - rest**2 / m, 0) / (m - 1) / m
    gap, error = np.abs(sums / n - rest / m), np.sqrt(one + two)
    scale = float(np.abs(values).max()) or 1.0
    flat = error <= 1e-9 * scale
    t = np.divide(gap, error, out=np.zeros_like(gap), where=~flat)
    return np.where(flat, np.where(gap <= 1e-9 * scale, 0.0, np.inf), t)


@functools.lru_cache(maxsize=4)
def _all_signs(n: int) -> np.ndarray:
    """(2^n, n) of -1 and 1."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) * 2.0 - 1


@functools.lru_cache(maxsize=4)
def _all_choices(total: int, n: int) -> np.ndarray:
    """(C(total, n), total) of 0 and 1, each row choosing n."""
    ways = math.comb(total, n)
    flat = (place for each in combinations(range(total), n) for place in each)
    places = np.fromiter(flat, np.int64, ways * n).reshape(ways, n)
    chosen = np.zeros((ways, total))
    np.put_along_axis(chosen, places, 1.0, axis=1)
    return chosen


def _difference(
    effect: float,
    error: float,
    degrees: float,
    paired: bool,
    sds: tuple[float, ...],
    runs: tuple[int, ...],
    confidence: float,
) -> MeanDifference:
    from scipy import stats

    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    half = float(stats.t.ppf(0.5 + confidence / 2, degrees)) * error
    p = None if error < NO_SPREAD else float(2 * stats.t.sf(abs(effect) / error, degrees))
    return MeanDifference(effect, error, degrees, effect - half, effect + half, p, paired, sds, runs, confidence)


def _checked(values: Values) -> np.ndarray:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError(f"expected one finite number a run, got {values}")
    return found

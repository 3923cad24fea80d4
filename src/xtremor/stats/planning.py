"""How many seeds an effect needs, and what so many seeds can see, from standard deviations between runs.

``sds`` is the standard deviation of paired differences, (sd,), or those of treatment and control, (sd, sd); n is the
number of seeds of each arm, or a pair of numbers where the arms have unequal ones. Power is that of the two-sided
t-test under normal scatter (noncentral t; for Welch's test with its own degrees of freedom, the usual approximation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from xtremor.stats.means import freedom, standard_error

ALPHA, POWER = 0.05, 0.8
# Beyond this the answer is "not with seeds".
MOST = 10_000
# Effects of so many critical values are found for certain; scipy's noncentral t ends not far beyond.
_SURE = 8.0
Runs = int | Sequence[int]


def power(effect: float, sds: Sequence[float], n: Runs, alpha: float = ALPHA) -> float:
    """Chance that the two-sided test at ``alpha`` finds a true difference of ``effect`` with n seeds an arm."""
    from scipy import stats

    error, degrees = _of(sds, n)
    if not error:
        return 1.0 if effect else alpha
    critical, shift = float(stats.t.ppf(1 - alpha / 2, degrees)), abs(effect) / error
    if shift > _SURE * (1 + critical):
        return 1.0
    # The far tail may underflow to nothing that scipy knows.
    far = float(stats.nct.cdf(-critical, degrees, shift))
    return float(stats.nct.sf(critical, degrees, shift)) + (far if far == far else 0.0)


def seeds_needed(
    effect: float, sds: Sequence[float], wanted: float = POWER, alpha: float = ALPHA, most: int = MOST
) -> int | None:
    """Fewest seeds an arm that find ``effect`` with chance ``wanted``; None where more than ``most`` are needed.

    Raises:
        ValueError: ``effect`` is 0.
    """
    if not effect:
        raise ValueError("an effect of 0 cannot be found")
    return _fewest(lambda n: power(effect, sds, n, alpha) >= wanted, most)


def smallest_effect(sds: Sequence[float], n: Runs, wanted: float = POWER, alpha: float = ALPHA) -> float:
    """Smallest true difference that n seeds an arm find with chance ``wanted``; 0 where nothing scatters."""
    from scipy import optimize

    error, _ = _of(sds, n)
    if not error:
        return 0.0
    high = error
    while power(high, sds, n, alpha) < wanted:
        high *= 2
    return float(optimize.brentq(lambda effect: power(effect, sds, n, alpha) - wanted, 0, high, xtol=1e-9 * high))


def power_of_equivalence(
    margin: float, sds: Sequence[float], n: Runs, alpha: float = ALPHA, true: float = 0.0
) -> float:
    """Chance that two one-sided tests at ``alpha`` show equivalence within ``margin`` where the difference is ``true``.

    The integral over the estimated standard deviation (Owen 1965), with the degrees of freedom of `power`.
    """
    from scipy import integrate, stats

    error, degrees = _of(sds, n)
    if not error:
        return 1.0 if abs(true) < margin else 0.0
    critical = float(stats.t.ppf(1 - alpha, degrees))
    over, under = (margin - true) / error, (margin + true) / error
    # Above this estimated standard error the two tests cannot both reject.
    last = margin / error / critical
    if last <= 0:
        return 0.0

    def density(ratio: float) -> float:
        inside = stats.norm.cdf(over - critical * ratio) - stats.norm.cdf(critical * ratio - under)
        root = math.sqrt(degrees)
        return float(max(inside, 0.0) * stats.chi.pdf(ratio * root, degrees) * root)

    return float(integrate.quad(density, 0, min(last, 10.0), limit=200, points=[min(1.0, last)])[0])


def seeds_for_equivalence(
    margin: float, sds: Sequence[float], wanted: float = POWER, alpha: float = ALPHA, most: int = MOST
) -> int | None:
    """Fewest seeds an arm that show equivalence within ``margin`` with chance ``wanted``, if there is no difference."""
    return _fewest(lambda n: power_of_equivalence(margin, sds, n, alpha) >= wanted, most)


def sd_interval(sd: float, degrees: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a standard deviation that was estimated with so many degrees of freedom (chi-square)."""
    from scipy import stats

    low, high = stats.chi2.ppf([0.5 + confidence / 2, 0.5 - confidence / 2], degrees)
    return sd * math.sqrt(degrees / low), sd * math.sqrt(degrees / high)


def _of(sds: Sequence[float], n: Runs) -> tuple[float, float]:
    runs = [n] * len(sds) if isinstance(n, int) else list(n)
    if min(runs) < 2:
        raise ValueError(f"expected at least two seeds an arm, not {n}")
    return standard_error(sds, runs), freedom(sds, runs)


def _fewest(enough: Callable[[int], bool], most: int) -> int | None:
    low, high = 1, 2
    while not enough(high):
        low, high = high, high * 2
        if low >= most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= most else None

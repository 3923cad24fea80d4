"""The smallest effect that so many seeds can see, from standard deviations that were assumed or measured."""

from __future__ import annotations

import math


def run_sd(sd_seed: float, sd_language: float, languages: int) -> float:
    """Standard deviation of a run's mean over languages: what they share, and what each has of its own."""
    return math.sqrt(sd_seed**2 + sd_language**2 / max(1, languages))


def smallest_effect(
    seeds: int, sd_seed: float, sd_language: float, languages: int, power: float = 0.8, level: float = 0.05
) -> float | None:
    """Difference of two arms that Welch's test on run-level means finds with this power; None below two seeds.

    (t_{1-level/2} + t_power) s sqrt(2/n) with 2n - 2 degrees of freedom, both arms having the same variance s^2: the
    usual approximation to the noncentral t distribution.
    """
    if seeds < 2:
        return None
    from scipy.stats import t

    freedom = 2 * seeds - 2
    reach = t.ppf(1 - level / 2, freedom) + t.ppf(power, freedom)
    return float(reach * run_sd(sd_seed, sd_language, languages) * math.sqrt(2 / seeds))

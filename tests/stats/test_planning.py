"""Power, seeds, equivalence and looks: against tables, scipy and simulation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from xtremor.stats.intervals import t_interval
from xtremor.stats.means import paired_t, welch
from xtremor.stats.planning import (
    power,
    power_of_equivalence,
    sd_interval,
    seeds_for_equivalence,
    seeds_needed,
    smallest_effect,
)
from xtremor.stats.sequential import bounds, levels, spent
from xtremor.stats.tost import equivalence

# Seeds scatter by 0.4 in all languages alike and by 0.6 in each of eight: the macro mean by so much.
SD = math.sqrt(0.4**2 + 0.6**2 / 8)


def test_power_of_a_textbook_case() -> None:
    # Cohen 1988, table 2.3.5: d = 0.5, n = 64 a group, two-sided 5%: 0.80; 26 a group for d = 0.8.
    assert power(0.5, (1.0, 1.0), 64) == pytest.approx(0.80, abs=0.005)
    assert seeds_needed(0.8, (1.0, 1.0)) == 26
    assert seeds_needed(0.5, (1.0, 1.0)) == 64
    # One sample of 34 for d = 0.5.
    assert seeds_needed(0.5, (1.0,)) == 34


def test_smallest_effects_under_the_assumed_variances() -> None:
    assert [round(smallest_effect((SD, SD), n), 2) for n in (5, 10, 20)] == [0.92, 0.60, 0.41]
    assert power(smallest_effect((1.0,), 7), (1.0,), 7) == pytest.approx(0.8)
    assert smallest_effect((0.0, 0.0), 5) == 0 and power(1.0, (0.0,), 5) == 1


def test_power_rises_with_effect_and_seeds_and_is_alpha_at_none() -> None:
    assert power(0.0, (1.0, 2.0), 6) == pytest.approx(0.05)
    for sds in ((1.0,), (1.0, 2.5)):
        by_effect = [power(effect, sds, 4) for effect in np.linspace(0, 200, 300)]
        assert all(b >= a - 1e-6 for a, b in pairwise(by_effect)) and by_effect[-1] == 1
        by_seeds = [power(1.0, sds, n) for n in range(2, 60)]
        assert all(b > a for a, b in pairwise(by_seeds))
        needed = seeds_needed(1.0, sds)
        assert needed is not None
        assert power(1.0, sds, needed) >= 0.8 > power(1.0, sds, needed - 1)
    assert seeds_needed(0.001, (1.0,)) is None
    assert power(1.0, (1.0, 1.0), (4, 400)) < power(1.0, (1.0, 1.0), (400, 400))


def test_power_is_the_share_of_simulated_findings() -> None:
    draw = np.random.default_rng(0)
    one, two = draw.normal(1.0, 1.0, (20_000, 6)), draw.normal(0.0, 1.0, (20_000, 6))
    found = (stats.ttest_ind(one, two, axis=1, equal_var=False).pvalue <= 0.05).mean()
    assert power(1.0, (1.0, 1.0), 6) == pytest.approx(found, abs=0.02)


def test_equivalence_power_under_the_assumed_variances_and_simulated() -> None:
    assert power_of_equivalence(0.5, (SD, SD), 10) == pytest.approx(0.54, abs=0.01)
    assert power_of_equivalence(0.5, (SD, SD), 20) == pytest.approx(0.93, abs=0.01)
    draw = np.random.default_rng(1)
    each = draw.normal(0.2, 1.0, (40_000, 8))
    mean, error = each.mean(1), each.std(1, ddof=1) / math.sqrt(8)
    critical = stats.t.ppf(0.95, 7)
    found = ((mean + critical * error < 1) & (mean - critical * error > -1)).mean()
    assert power_of_equivalence(1.0, (1.0,), 8, true=0.2) == pytest.approx(found, abs=0.01)
    needed = seeds_for_equivalence(0.5, (SD, SD))
    assert needed is not None
    assert power_of_equivalence(0.5, (SD, SD), needed) >= 0.8 > power_of_equivalence(0.5, (SD, SD), needed - 1)
    assert power_of_equivalence(0.1, (1.0,), 3) < 0.05


def test_sd_interval_covers() -> None:
    draw = np.random.default_rng(2)
    sds = draw.normal(0, 2.0, (2000, 5)).std(1, ddof=1)
    low, high = np.array([sd_interval(sd, 4) for sd in sds]).T
    assert ((low <= 2) & (high >= 2)).mean() == pytest.approx(0.95, abs=0.02)


def test_two_one_sided_tests_equal_scipy() -> None:
    draw = np.random.default_rng(3)
    one, two = draw.normal(60, 0.4, 8), draw.normal(60, 0.5, 6)
    found = welch(one.tolist(), two.tolist())
    assert found is not None
    both = [
        stats.ttest_ind(one + 0.5, two, equal_var=False, alternative="greater").pvalue,
        stats.ttest_ind(one - 0.5, two, equal_var=False, alternative="less").pvalue,
    ]
    result = equivalence(found, 0.5)
    assert result is not None and result.p == pytest.approx(max(both))
    # The two tests reject exactly where the 90% interval lies within the margin.
    assert result.shown == (result.low > -0.5 and result.high < 0.5)


def test_equivalence_agrees_with_its_interval_and_refuses_no_margin() -> None:
    values = [0.1, -0.2, 0.05, 0.15, -0.1]
    found = paired_t(values, [0.0] * 5)
    assert found is not None
    interval = t_interval(values, 0.9)
    for margin in (0.05, 0.12, 0.14, 0.3):
        result = equivalence(found, margin)
        assert result is not None and interval.high is not None and interval.low is not None
        assert result.high == pytest.approx(interval.high)
        assert result.shown == (max(interval.high, -interval.low) <= margin)
    with pytest.raises(ValueError, match="positive"):
        equivalence(found, 0.0)
    flat = paired_t([1.0, 1.0], [0.0, 0.0])
    assert flat is not None and equivalence(flat, 2.0) is None


def test_bounds_of_looks_equal_published_tables() -> None:
    # Reboussin et al. 2000 (the program of Lan and DeMets), two-sided 5%, five equal looks.
    shares = [0.2, 0.4, 0.6, 0.8, 1.0]
    assert bounds(shares) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)
    assert bounds(shares, kind="pocock") == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-4)
    assert levels([1.0]) == pytest.approx([0.05]) and spent(1.0) == pytest.approx(0.05)


def test_looks_together_find_nothing_five_times_in_a_hundred() -> None:
    draw = np.random.default_rng(4)
    steps = draw.standard_normal((40_000, 4))
    z = steps.cumsum(1) / np.sqrt([1, 2, 3, 4])
    limits = np.array(bounds([0.25, 0.5, 0.75, 1.0]))
    assert (np.abs(z) > limits).any(1).mean() == pytest.approx(0.05, abs=0.004)
    # Without spending: one study in eight or so.
    assert (np.abs(z) > 1.96).any(1).mean() > 0.11


@pytest.mark.parametrize("shares", [[], [0.5, 0.5], [0.0, 1.0], [0.5, 1.2]])
def test_looks_that_make_no_sense(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="share"):
        bounds(shares)

"""Variance components, shrinkage and corrections: closed forms, simulation, properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from xtremor.stats.corrections import benjamini_hochberg
from xtremor.stats.shrinkage import moderated, own_variances, shrink
from xtremor.stats.variance import components, pooled


def simulated(seeds: int, languages: int, shared: float, own: float, draw: int) -> np.ndarray:
    """Scores of one arm."""
    dice = np.random.default_rng(draw)
    level = dice.uniform(30, 80, languages)
    return level + shared * dice.standard_normal((seeds, 1)) + own * dice.standard_normal((seeds, languages))


def test_components_by_hand() -> None:
    # Rows differ by 2 in both columns alike, and nothing is left.
    found = components(np.array([[10.0, 50.0], [12.0, 52.0]]))
    assert (found.seed, found.language, found.mean) == pytest.approx((np.sqrt(2), 0, np.sqrt(2)))
    # The first language rises by what the other falls: all is the languages' own.
    found = components(np.array([[10.0, 52.0], [12.0, 50.0]]))
    assert (found.seed, found.language, found.mean) == pytest.approx((0, 2, 0))


def test_components_are_found_again() -> None:
    each = [components(simulated(10, 8, 0.4, 0.6, draw)) for draw in range(400)]
    assert np.mean([one.language**2 for one in each]) == pytest.approx(0.36, rel=0.03)
    assert np.mean([one.mean**2 for one in each]) == pytest.approx(0.16 + 0.36 / 8, rel=0.06)
    together = pooled({str(number): one for number, one in enumerate(each)})
    assert together.language == pytest.approx(0.6, rel=0.03) and together.seed == pytest.approx(0.4, rel=0.08)
    assert together.of_mean(8) == pytest.approx(np.sqrt(0.205), rel=0.05)


def test_components_need_two_seeds_and_take_one_language() -> None:
    assert components(np.array([[1.0], [3.0]])).language == pytest.approx(np.sqrt(2))
    for table in (np.zeros((1, 3)), np.zeros((3, 0)), np.array([[1.0, np.nan], [1.0, 2.0]])):
        with pytest.raises(ValueError, match="two seeds"):
            components(table)
    with pytest.raises(ValueError, match="same languages"):
        pooled({})


def test_benjamini_hochberg_equals_scipy() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.5, 0.9]
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p).tolist())
    assert benjamini_hochberg([None, 0.2, None]) == [None, 0.2, None]
    assert benjamini_hochberg([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_benjamini_hochberg_properties(p_values: list[float]) -> None:
    adjusted = benjamini_hochberg(p_values)
    expected = stats.false_discovery_control(p_values)
    assert adjusted == pytest.approx(expected.tolist(), abs=1e-12)
    assert all(p <= q + 1e-12 and q <= 1 for p, q in zip(p_values, adjusted, strict=True) if q is not None)


def test_noise_alone_is_shrunk_to_the_mean() -> None:
    draw = np.random.default_rng(0)
    found = shrink(draw.normal(0.5, 1, 40).tolist(), [4.0] * 40)
    assert found.tau == 0 and set(np.round(found.effects, 12)) == {round(found.mean, 12)} and max(found.weights) == 0


def test_large_true_differences_are_kept() -> None:
    found = shrink([-30.0, 0.0, 10.0, 40.0], [0.01] * 4)
    assert found.effects == pytest.approx((-30, 0, 10, 40), abs=0.01) and min(found.weights) > 0.999


def test_shrinkage_by_hand() -> None:
    # Equal variances 1: tau^2 is the observed variance minus 1; y = -3, 0, 3 has 9, so the share kept is 8/9.
    found = shrink([-3.0, 0.0, 3.0], [1.0] * 3)
    assert found.tau == pytest.approx(np.sqrt(8)) and found.effects == pytest.approx((-8 / 3, 0, 8 / 3))


def test_shrunk_effects_are_nearer_the_truth_and_intervals_cover() -> None:
    draw = np.random.default_rng(1)
    better, covered = [], []
    for _ in range(300):
        truth = draw.normal(0.5, 0.5, 30)
        common = draw.normal(0, 0.3)
        seen = truth + common + draw.normal(0, 0.5, 30)
        found = shrink(seen.tolist(), [0.25] * 30, common=0.09)
        better.append(np.square(found.effects - truth).mean() < np.square(seen - truth).mean())
        covered.append(((np.array(found.low) <= truth) & (truth <= np.array(found.high))).mean())
    assert np.mean(better) > 0.85
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_shrinking_needs_three_and_variances() -> None:
    for effects, variances in (([1.0, 2.0], [1.0, 1.0]), ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0])):
        with pytest.raises(ValueError, match="three"):
            shrink(effects, variances)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=12), st.floats(-20, 20))
def test_shrinkage_moves_with_the_effects_and_never_outwards(effects: list[float], shift: float) -> None:
    variances = [0.5 + 0.1 * place for place in range(len(effects))]
    found, moved = shrink(effects, variances), shrink([each + shift for each in effects], variances)
    assert np.array(moved.effects) == pytest.approx(np.array(found.effects) + shift, abs=1e-6)
    assert all(abs(a - found.mean) <= abs(b - found.mean) + 1e-9 for a, b in zip(found.effects, effects, strict=True))


def test_own_variances_leave_the_seed_out() -> None:
    own = np.mean([own_variances(simulated(6, 20, 5.0, 0.6, draw))[0].mean() for draw in range(100)])
    assert own == pytest.approx(0.36, rel=0.05)
    with pytest.raises(ValueError, match="two seeds"):
        own_variances(np.zeros((1, 4)))


def test_moderated_variances() -> None:
    draw = np.random.default_rng(2)
    alike = stats.chi2.rvs(4, size=200, random_state=draw) / 4
    close = moderated(alike, 4)
    assert np.std(close) < 0.3 * np.std(alike) and np.mean(close) == pytest.approx(1, abs=0.15)
    # Truly unlike variances, known well, stay apart.
    unlike = np.exp(draw.normal(0, 1.5, 200)) * stats.chi2.rvs(400, size=200, random_state=draw) / 400
    assert moderated(unlike, 400) == pytest.approx(unlike, rel=0.1)
    assert (moderated(np.array([0.0, 1.0, 2.0, 1.5]), 4) > 0).all() and not moderated(np.zeros(3), 4).any()


def test_moderation_recovers_the_prior_of_smyth() -> None:
    # Variances whose inverse is scaled chi-square with d0 = 8: the posterior weights d0 and d as 8 to 4.
    draw = np.random.default_rng(3)
    truth = 8 / stats.chi2.rvs(8, size=20_000, random_state=draw)
    seen = truth * stats.chi2.rvs(4, size=20_000, random_state=draw) / 4
    found = moderated(seen, 4)
    assert found == pytest.approx((8 + 4 * seen) / 12, rel=0.06)
    assert float(special.polygamma(1, 4)) > 0

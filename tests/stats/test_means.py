"""Run-level tests: against scipy, enumeration by hand, and what must not change them."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xtremor.stats import means
from xtremor.stats.means import paired_t, permutation, welch

POINTS = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 3))


def test_welch_equals_scipy_also_with_unequal_numbers() -> None:
    draw = np.random.default_rng(0)
    for n, m in ((2, 2), (5, 5), (3, 12)):
        one, two = draw.normal(60, 1, n), draw.normal(61, 3, m)
        found, expected = welch(one.tolist(), two.tolist()), stats.ttest_ind(one, two, equal_var=False)
        assert found is not None
        assert found.p == pytest.approx(expected.pvalue) and found.freedom == pytest.approx(expected.df)
        interval = expected.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_paired_t_equals_scipy() -> None:
    draw = np.random.default_rng(1)
    one = draw.normal(60, 1, 7)
    two = one + draw.normal(0.3, 0.2, 7)
    found, expected = paired_t(two.tolist(), one.tolist(), 0.9), stats.ttest_rel(two, one)
    assert found is not None and found.paired
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_too_few_runs_have_no_test_and_equal_ones_no_p() -> None:
    assert welch([1.0], [2.0, 3.0]) is None and paired_t([1.0], [2.0]) is None
    assert permutation([1.0], [2.0, 3.0], False) is None and permutation([1.0], [2.0], True) is None
    flat = welch([1.0, 1.0], [2.0, 2.0])
    assert flat is not None and flat.p is None and flat.effect == -1
    with pytest.raises(ValueError, match="pairs"):
        paired_t([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="finite"):
        welch([1.0, math.nan], [1.0, 2.0])


def test_signs_are_enumerated() -> None:
    one, two = [3.0, 5.0, 4.0, 7.0], [2.0, 6.0, 1.5, 3.0]
    each = np.subtract(one, two)
    every = [abs(sum(s * d for s, d in zip(signs, each, strict=True))) for signs in product((-1, 1), repeat=4)]
    found = permutation(one, two, True)
    assert found is not None and found.exact and found.rearrangements == 16
    assert found.p == sum(value >= abs(each.sum()) - 1e-12 for value in every) / 16
    assert found.smallest == 2 / 16


def test_dealing_is_enumerated_with_welch_t() -> None:
    one, two = [3.0, 5.0, 4.0], [2.0, 6.5, 1.5, 2.2]
    every = one + two

    def t(first: tuple[int, ...]) -> float:
        a = [every[i] for i in first]
        b = [every[i] for i in range(7) if i not in first]
        return abs(float(stats.ttest_ind(a, b, equal_var=False).statistic))

    values = [t(first) for first in combinations(range(7), 3)]
    found = permutation(one, two, False)
    assert found is not None and found.exact and found.rearrangements == math.comb(7, 3)
    assert found.p == pytest.approx(sum(value >= t((0, 1, 2)) - 1e-9 for value in values) / len(values))
    assert found.smallest == 1 / 35


def test_separated_arms_reach_the_smallest_p() -> None:
    for n in (3, 4, 5):
        found = permutation([10.0 + i for i in range(n)], [float(i) for i in range(n)], False)
        assert found is not None and found.p == found.smallest == 2 / math.comb(2 * n, n)
        pairs = permutation([10.0 + i for i in range(n)], [float(i) for i in range(n)], True)
        assert pairs is not None and pairs.p == pairs.smallest == 2 / 2**n
    # No spread within the arms: the dealt labels that separate them have an infinite t, and so has what was seen.
    flat = permutation([1.0] * 4, [0.0] * 4, False)
    assert flat is not None and flat.p == flat.smallest
    same = permutation([1.0] * 4, [1.0] * 4, False)
    assert same is not None and same.p == 1


def test_drawn_rearrangements_agree_with_enumerated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(2)
    one, two = draw.normal(0.6, 1, 9).tolist(), draw.normal(0, 1, 9).tolist()
    exact = [permutation(one, two, paired) for paired in (False, True)]
    monkeypatch.setattr(means, "EXACT", 100)
    for before, paired in zip(exact, (False, True), strict=True):
        drawn = permutation(one, two, paired)
        assert before is not None and drawn is not None and before.exact and not drawn.exact
        assert drawn.p == pytest.approx(before.p, abs=0.015)
        assert drawn == permutation(one, two, paired)


@pytest.mark.parametrize("paired", [False, True])
def test_identical_arms_are_called_different_five_times_in_a_hundred(paired: bool) -> None:
    draw = np.random.default_rng(9)
    hits = np.zeros(2)
    for _ in range(1500):
        one, two = draw.normal(60, 0.45, (2, 8)) + paired * draw.normal(0, 0.45, 8)
        results = ((paired_t if paired else welch)(one, two), permutation(one, two, paired))
        hits += [found is not None and found.p is not None and found.p <= 0.05 for found in results]
    assert ((hits / 1500 > 0.03) & (hits / 1500 < 0.07)).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(POINTS, min_size=3, max_size=6), st.lists(POINTS, min_size=3, max_size=6), POINTS, st.randoms())
def test_order_does_not_matter_and_shifts_move_the_effect_alone(
    one: list[float], two: list[float], shift: float, dice: object
) -> None:
    shuffled = list(one)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    first, other = welch(one, two), welch(shuffled, two)
    moved = welch([x + shift for x in one], [x + shift for x in two])
    assert first is not None and other is not None and moved is not None
    assert first.effect == pytest.approx(other.effect, abs=1e-9) and first.low == pytest.approx(other.low, abs=1e-9)
    assert moved.effect == pytest.approx(first.effect, abs=1e-9) and moved.high == pytest.approx(first.high, abs=1e-7)
    raised = welch([x + shift for x in one], two)
    assert raised is not None and raised.effect == pytest.approx(first.effect + shift, abs=1e-9)
    assert raised.error == pytest.approx(first.error, abs=1e-9)
    swapped = welch(two, one)
    assert swapped is not None and swapped.effect == -first.effect and swapped.low == pytest.approx(-first.high)
    p = [permutation(a, b, False) for a, b in ((one, two), (shuffled, two), (two, one))]
    assert p[0] is not None and p[1] is not None and p[2] is not None
    assert p[0].p == pytest.approx(p[1].p) == pytest.approx(p[2].p)
    assert p[0].smallest <= p[0].p <= 1

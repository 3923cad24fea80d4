"""The derangement, and the standard error of a ratio over it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremor.analysis.unrelated import order, ratio


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=5, max_size=20), st.integers(0, 3), st.randoms())
def test_nobody_meets_a_row_of_the_own_cluster(sizes: list[int], seed: int, shuffle) -> None:
    clusters = [f"c{number}" for number, size in enumerate(sizes) for _ in range(size)]
    shuffle.shuffle(clusters)
    if len(clusters) < 2 * max(sizes):
        return
    drawn = order(clusters, seed)
    partners = drawn.partners()
    assert sorted(partners) == list(range(len(clusters))) == sorted(drawn.rows)
    assert all(clusters[row] != clusters[partner] for row, partner in enumerate(partners))
    assert np.array_equal(partners, order(clusters, seed).partners())


def test_another_seed_draws_another_order() -> None:
    clusters = [str(row) for row in range(50)]
    assert not np.array_equal(order(clusters, 0).partners(), order(clusters, 1).partners())


@pytest.mark.parametrize("size", [1, 3])
def test_the_variance_is_the_sum_over_pairs_that_share_a_cluster(size: int) -> None:
    draw = np.random.default_rng(2)
    clusters = [f"c{row // size}" for row in range(60)]
    partners = order(clusters, 0).partners()
    own, far = draw.uniform(1, 2, 60), draw.uniform(2, 3, 60)
    found = ratio(own, far, clusters, partners)
    residual = own - found.value * far
    total = 0.0
    for one in range(60):
        for two in range(60):
            ends = [{clusters[row], clusters[partners[row]]} for row in (one, two)]
            total += residual[one] * residual[two] * bool(ends[0] & ends[1])
    count = 60 // size
    if total <= 0:
        total = sum(residual[[c == f"c{k}" for c in clusters]].sum() ** 2 for k in range(count))
    assert found.value == own.mean() / far.mean()
    assert found.error == pytest.approx(np.sqrt(total * count / (count - 1)) / (60 * far.mean()))


def test_the_standard_error_is_the_spread_over_samples() -> None:
    """Rows drawn anew: a distance of a pair depends on both ends, as it does between vectors."""
    values, errors = [], []
    for seed in range(300):
        draw = np.random.default_rng(seed)
        english, other = draw.normal(size=(80, 3)), draw.normal(size=(80, 3))
        other = 0.7 * english + 0.5 * other
        clusters = [str(row) for row in range(80)]
        partners = order(clusters, 0).partners()
        far = np.linalg.norm(other[partners] - english, axis=1)
        found = ratio(np.linalg.norm(other - english, axis=1), far, clusters, partners)
        values.append(found.value)
        errors.append(found.error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.12)

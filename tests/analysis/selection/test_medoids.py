"""k-medoids against all sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from xtremor.analysis.selection.medoids import cost, medoids


def brute(distances: np.ndarray, k: int) -> float:
    return min(
        np.mean([min(distances[source, target] for source in chosen) for target in range(distances.shape[1])])
        for chosen in itertools.combinations(range(len(distances)), k)
    )


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(6))
def test_swaps_find_what_trying_all_finds(k: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    points, others = draw.normal(size=(10, 3)), draw.normal(size=(8, 3))
    distances = np.linalg.norm(points[:, None] - others[None], axis=2)
    exact, swapped = medoids(distances, k), medoids(distances, k, exhaustive=0)
    assert exact.exact and not swapped.exact
    assert exact.cost == pytest.approx(brute(distances, k))
    assert swapped.cost == pytest.approx(exact.cost) and swapped.sources == exact.sources


def test_clusters_get_a_medoid_each() -> None:
    centres = np.repeat([[0, 0], [10, 0], [0, 10]], 5, axis=0)
    points = centres + 0.1 * np.random.default_rng(0).normal(size=(15, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert sorted(place // 5 for place in medoids(distances, 3).sources) == [0, 1, 2]
    assert sorted(place // 5 for place in medoids(distances, 3, exhaustive=0).sources) == [0, 1, 2]


def test_ties_go_to_the_first_set_and_cost_is_a_mean() -> None:
    distances = np.ones((4, 5))
    assert medoids(distances, 2).sources == (0, 1)
    assert cost(distances, np.array([[0, 3]])).tolist() == [1.0]


def test_all_of_them_cost_nothing() -> None:
    distances = 1 - np.eye(4)
    assert medoids(distances, 4) == medoids(distances, 4, seed=3) and medoids(distances, 4).cost == 0


@pytest.mark.parametrize("k", [0, 5])
def test_impossible_sizes(k: int) -> None:
    with pytest.raises(ValueError, match="expected k from 1 to 4"):
        medoids(np.ones((4, 4)), k)

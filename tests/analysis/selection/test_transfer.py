"""What scores say of distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from xtremor.analysis.selection.distances import Distances
from xtremor.analysis.selection.scores import Scores
from xtremor.analysis.selection.transfer import chosen_by_others, correlation, left_out, target_regrets

CODES = ("en", "de", "fr", "ru", "sw", "yo", "zh", "ja")


def metric(seed: int = 0) -> Distances:
    points = np.random.default_rng(seed).normal(size=(len(CODES), 2))
    return Distances("made", CODES, np.linalg.norm(points[:, None] - points[None], axis=2))


def scores_of(distances: Distances, noise: float = 0.0, sources=CODES, seed: int = 1) -> Scores:
    values = 80 - 10 * distances.of(sources, CODES) + noise * np.random.default_rng(seed).normal(size=(len(sources), 8))
    for row, code in enumerate(sources):
        values[row, CODES.index(code)] = np.nan
    return Scores(tuple(sources), CODES, values, {})


def test_a_distance_that_is_all_there_is_to_scores() -> None:
    distances = metric()
    found = correlation(distances, scores_of(distances))
    assert found["spearman"] == pytest.approx(-1) and found["p"] < 0.01 and found["permuted"] == "languages"
    assert found["pairs"] == 56
    checked = left_out(distances, scores_of(distances))
    assert checked["mae"] == pytest.approx(0, abs=1e-9) and checked["naive_mae"] > 1
    assert checked["regret"] == pytest.approx(0) and checked["random_regret"] > 1


def test_by_hand() -> None:
    """Three languages; the nearest source of yo is sw, which is 2 points behind en."""
    apart = np.array([[0, 1, 3], [1, 0, 2], [3, 2, 0]], dtype=float)
    distances = Distances("hand", ("en", "sw", "yo"), apart)
    values = np.array([[np.nan, 60, 52], [70, np.nan, 50], [40, 45, np.nan]])
    scores = Scores(("en", "sw", "yo"), ("en", "sw", "yo"), values, {})
    found = target_regrets(distances, scores)
    assert found["nearest"] == [0, 0, 2] and found["random"] == [15, 7.5, 1] and found["english"] == [0, 0]
    # Ranks of distances 1 3 1 2 3 2 and of scores 60 52 70 50 40 45.
    expected = spearmanr([1, 3, 1, 2, 3, 2], [60, 52, 70, 50, 40, 45]).statistic
    assert correlation(distances, scores)["spearman"] == pytest.approx(expected)


def test_a_hard_target_that_is_far_from_all_is_no_choice_of_a_source() -> None:
    """Scores of a part of the target, which grows with its mean distance, and noise: nothing to choose a source by."""
    points = np.array([*np.random.default_rng(3).normal(size=(6, 2)), [9, 0], [0, 12]])
    distances = Distances("made", CODES, np.linalg.norm(points[:, None] - points[None], axis=2))
    found = []
    for seed in range(100):
        values = -distances.values.mean(0)[None] + 0.3 * np.random.default_rng(seed).normal(size=(8, 8))
        np.fill_diagonal(values, np.nan)
        found.append(correlation(distances, Scores(CODES, CODES, values, {}), seed, 99))
    assert np.mean([each["p"] <= 0.1 for each in found]) > 0.9 and np.mean([each["spearman"] for each in found]) < -0.4
    assert np.mean([each["within_p"] <= 0.1 for each in found]) < 0.18
    assert abs(np.mean([each["within"] for each in found])) < 0.1


def test_within_is_the_correlation_of_residuals_of_an_additive_fit() -> None:
    distances, draw = metric(), np.random.default_rng(5)
    scores = scores_of(distances, noise=3, sources=CODES[:5])
    scores.values[draw.random(scores.values.shape) < 0.2] = np.nan
    known = [(row, column) for row in range(5) for column in range(8) if not np.isnan(scores.values[row, column])]
    dummies = np.array([[*(row == at for at in range(5)), *(column == at for at in range(8))] for row, column in known])
    left = []
    for values in (distances.of(CODES[:5], CODES), scores.values):
        ranks = rankdata([values[pair] for pair in known])
        left.append(ranks - dummies @ np.linalg.lstsq(dummies.astype(float), ranks, rcond=None)[0])
    found = correlation(distances, scores)
    assert found["within"] == pytest.approx(np.corrcoef(*left)[0, 1]) and found["within_p"] < 0.05


def test_the_test_holds_its_level_although_pairs_share_languages() -> None:
    """Scores made of a part of the source and a part of the target, and nothing of their distance."""
    below = []
    for seed in range(120):
        draw = np.random.default_rng(seed)
        values = draw.normal(size=(8, 1)) + draw.normal(size=(1, 8)) + draw.normal(size=(8, 8))
        np.fill_diagonal(values, np.nan)
        found = correlation(metric(seed), Scores(CODES, CODES, values, {}), seed, 99)
        below.append((found["p"] <= 0.1, found["within_p"] <= 0.1))
    assert all(0.03 < share < 0.18 for share in np.mean(below, axis=0))


def test_with_english_alone_targets_are_permuted() -> None:
    distances = metric()
    scores = scores_of(distances, sources=("en",))
    found = correlation(distances, scores)
    assert found["permuted"] == "targets" and found["pairs"] == 7 and found["spearman"] == pytest.approx(-1)
    assert found["p"] < 0.01 and found["within"] is None and found["within_p"] is None
    checked = left_out(distances, scores)
    assert checked["regret"] is None and checked["mae"] == pytest.approx(0, abs=1e-9)


def test_picking_a_distance_by_the_other_targets() -> None:
    good, bad = metric(), metric(9)
    scores = scores_of(good)
    found = chosen_by_others([bad, good], scores)
    assert found is not None and found["regret"] == pytest.approx(0) and "made" in found["picked"]

"""The choice on English dev, and the expected best of so many trials."""

from __future__ import annotations

import json
from itertools import pairwise, product
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.sweep.choice import choose, expected_best
from xtremor.sweep.results import target_scores

scores = st.lists(st.floats(0, 100), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("dev", "radius", "cost", "index"),
    [
        ([70, 80, 75], [0.1, 0.2, 0.3], [1, 1, 1], 1),
        ([80, 80, 75], [0.2, 0.1, 0.3], [1, 2, 1], 1),
        ([80, 80.0 + 1e-12, 75], [0.1, 0.2, 0.3], [1, 1, 1], 0),
        ([80, 80], [0.1, 0.1], [2, 1], 1),
        ([80, 80], [None, None], [1, 1], 0),
        ([80, 80], [0.1, None], [1, 3], 1),
    ],
)
def test_ties_go_to_the_smaller_radius_then_to_the_cheaper(
    dev: list[float], radius: list[float | None], cost: list[float], index: int
) -> None:
    assert choose(dev, radius, cost) == index


@given(scores)
def test_expected_best_is_the_mean_of_the_best_over_all_draws(dev: list[float]) -> None:
    found = expected_best(dev)
    assert len(found) == len(dev)
    for size, value in enumerate(found, start=1):
        assert value == pytest.approx(fmean(max(drawn) for drawn in product(dev, repeat=size)), abs=1e-9)


@given(scores)
def test_expected_best_grows_from_the_mean_and_stays_below_the_best(dev: list[float]) -> None:
    found = expected_best(dev)
    assert found[0] == pytest.approx(fmean(dev), abs=1e-9)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(found))
    assert found[-1] <= max(dev) + 1e-9


def test_targets_are_what_a_run_had_no_labels_in(tmp_path: Path) -> None:
    languages = {code: {"score": score, "items": 5} for code, score in (("en", 90), ("de", 80), ("sw", 50), ("yo", 30))}
    told = {"languages": languages, "trained_on": ["de"]}
    (tmp_path / "scores.json").write_text(json.dumps(told), encoding="utf-8")
    found = target_scores(tmp_path)
    assert found.mean == 40 and found.low_resource == 40
    (tmp_path / "scores.json").write_text(json.dumps({"languages": languages}), encoding="utf-8")
    assert target_scores(tmp_path).mean == pytest.approx(160 / 3)

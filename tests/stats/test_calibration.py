"""Calibration errors against cases computed by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from xtremor.scoring.predictions import predictions_table
from xtremor.stats.calibration import calibration, expected_calibration_error
from xtremor.tasks.base import TextExample


def test_a_case_by_hand() -> None:
    """Bins of a half: (0.2, 0.4, 0.5) with one right of three, (0.6, 0.9) with both right."""
    confidence, right = np.array([0.2, 0.4, 0.5, 0.6, 0.9]), np.array([0, 1, 0, 1, 1])
    by_hand = 3 / 5 * abs(1 / 3 - 1.1 / 3) + 2 / 5 * abs(1 - 0.75)
    assert expected_calibration_error(confidence, right, bins=2) == pytest.approx(by_hand)
    # Equal mass: (0.2, 0.4, 0.5), (0.6, 0.9) are the parts here too; with five, each item is its own.
    assert expected_calibration_error(confidence, right, 2, equal_mass=True) == pytest.approx(by_hand)
    alone = np.mean([0.2, 0.6, 0.5, 0.4, 0.1])
    assert expected_calibration_error(confidence, right, 5, equal_mass=True) == pytest.approx(alone)


@pytest.mark.parametrize("equal_mass", [False, True])
def test_ends_of_the_scale(equal_mass: bool) -> None:
    ones = np.ones(10)
    assert expected_calibration_error(ones, ones, equal_mass=equal_mass) == 0
    assert expected_calibration_error(ones, 0 * ones, equal_mass=equal_mass) == 1
    assert expected_calibration_error(0 * ones, 0 * ones, equal_mass=equal_mass) == 0
    assert expected_calibration_error(np.array([0.7]), np.array([1]), equal_mass=equal_mass) == pytest.approx(0.3)


def test_what_is_calibrated_has_little_error_and_order_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    confidence = draw.uniform(0.3, 1, 20_000)
    right = draw.random(20_000) < confidence
    order = draw.permutation(20_000)
    for equal_mass in (False, True):
        found = expected_calibration_error(confidence, right, equal_mass=equal_mass)
        assert found < 0.02
        assert found == pytest.approx(
            expected_calibration_error(confidence[order], right[order], equal_mass=equal_mass)
        )


def test_nothing_and_mismatches_are_refused() -> None:
    for confidence, right in ((np.zeros(0), np.zeros(0)), (np.zeros(2), np.zeros(3))):
        with pytest.raises(ValueError, match="as many confidences"):
            expected_calibration_error(confidence, right)


def test_by_language_from_a_table() -> None:
    """Two classes; logits of 0 and log 3 make a confidence of 0.75."""
    rows = [TextExample("t", "f", row, "c", "en" if row < 4 else "sw", ("x",), "ab"[row % 2]) for row in range(6)]
    table = predictions_table(rows, [[np.log(3), 0]] * 4 + [[1000, 0]] * 2, ("a", "b"))
    assert isinstance(table, pl.DataFrame)
    found = calibration(table)
    assert list(found) == ["en", "sw"]
    assert found["en"] == {
        "ece": pytest.approx(25, abs=1e-4), "ece_equal_mass": pytest.approx(50, abs=1e-4),
        "confidence": pytest.approx(75, abs=1e-4),
    }  # fmt: skip
    assert found["sw"]["ece"] == pytest.approx(50)

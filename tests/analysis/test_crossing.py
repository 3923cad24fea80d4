"""Bisection of the first crossing."""

from __future__ import annotations

import numpy as np
import pytest

from xtremor.analysis.crossing import GRID, bisected, on_grid


def beyond(borders: np.ndarray):
    """Rows that change at a border of their own, and the questions asked of each."""
    asked = np.zeros(len(borders), int)

    def changed(rows: np.ndarray, far: np.ndarray) -> np.ndarray:
        asked[rows] += 1
        return far >= borders[rows]

    return changed, asked


def test_the_border_lies_in_an_interval_of_the_width_that_was_asked_for() -> None:
    borders = np.array([0.01, 0.25, 0.26, 0.99, 1.0, 1.01, 3.9, 4.0])
    changed, _ = beyond(borders)
    coarse = on_grid(changed, len(borders))
    fine = bisected(changed, coarse, 10)
    assert not fine.censored.any()
    assert (fine.low < borders).all() and (borders <= fine.high).all()
    np.testing.assert_allclose(fine.high - fine.low, (coarse.high - coarse.low) / 2**10)


def test_what_never_changes_is_censored_at_the_end_of_the_grid() -> None:
    changed, asked = beyond(np.array([0.1, 4.01, np.inf]))
    found = bisected(changed, on_grid(changed, 3), 5)
    assert found.censored.tolist() == [False, True, True] and found.low[1:].tolist() == [4.0, 4.0]
    assert asked.tolist() == [1 + 5, len(GRID), len(GRID)]


def test_the_first_crossing_counts_where_answers_change_back() -> None:
    def changed(rows: np.ndarray, far: np.ndarray) -> np.ndarray:
        return ((far >= 0.4) & (far < 0.6)) | (far >= 3)

    found = bisected(changed, on_grid(changed, 1), 12)
    assert found.high[0] == pytest.approx(0.4, abs=1e-3)


def test_one_is_decided_exactly() -> None:
    """Coverage asks whether the answer holds up to the translation itself."""
    borders = np.array([1.0, np.nextafter(1, 2)])
    changed, _ = beyond(borders)
    found = bisected(changed, on_grid(changed, 2), 40)
    assert (found.high > 1).tolist() == [False, True]

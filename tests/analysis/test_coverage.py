"""Coverage against what happened: tables worked out by hand, and differences on the same rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from xtremor.analysis.coverage import Lengths, agreement, difference, figures, table_of
from xtremor.tasks.base import TextExample


def table(covered: list[int], kept: list[int], gold: str | None = "yes", clusters: int | None = None) -> pl.DataFrame:
    """Rows with a displacement of 1, covered up to 2 or not, and answered in translation as in English or not."""
    count = len(covered)
    rows = [TextExample("t", "f", row, f"c{row % (clusters or count)}", "sw", ("x",), gold) for row in range(count)]
    radius = np.where(covered, 2.0, 0.5)
    lengths = Lengths(np.ones(count), radius, np.full(count, 0.4), np.full(count, 4.0), np.ones(count, dtype=bool))
    answers = ["yes"] * count, ["yes" if each else "no" for each in kept]
    return table_of(rows, 3, lengths, answers, np.arange(count), 2.0)


def test_figures_by_hand() -> None:
    """Ten rows: 4 covered and kept, 1 covered only, 2 kept only, 3 neither; phi = (4*3 - 1*2) / sqrt(5*5*6*4)."""
    found = figures(table([1] * 5 + [0] * 5, [1, 1, 1, 1, 0, 1, 1, 0, 0, 0]), "t")
    assert found["table"] == {"both": 4, "covered_only": 1, "kept_only": 2, "neither": 3}
    assert (found["coverage"], found["kept"], found["coverage_right"], found["guess"]) == (50, 60, 70, 60)
    assert found["phi"] == pytest.approx(10 / np.sqrt(600)) and found["margin"] == pytest.approx(10)
    assert found["phi_low"] < found["phi"] < found["phi_high"]
    assert found["accuracy"] == 60 and found["english_accuracy"] == 100
    # Relative to the scale of 2; five of ten change at 0.5.
    assert found["displacement"] == 0.5 and found["radius_attack"] == pytest.approx(0.2)
    assert found["covered_by_attack"] == 0 and found["kept_at_random"] == 100 and found["attack_is_shorter"] == 100


def test_phi_is_correlation_and_one_where_coverage_is_always_right() -> None:
    draw = np.random.default_rng(0)
    one, two = draw.integers(0, 2, 200), draw.integers(0, 2, 200)
    counts = np.array([(one & two).sum(), (one & ~two & 1).sum(), (~one & two & 1).sum(), (~one & ~two & 1).sum()])
    assert agreement(counts)["phi"] == pytest.approx(np.corrcoef(one, two)[0, 1])
    assert figures(table([1, 0, 1, 0], [1, 0, 1, 0]), "t")["phi"] == 1
    assert figures(table([1, 0, 1, 0], [0, 1, 0, 1]), "t")["phi"] == -1


def test_what_cannot_be_said_is_none() -> None:
    found = figures(table([1, 1, 1], [1, 0, 1], gold=None), "t")
    assert found["phi"] is None and found["accuracy"] is None and found["coverage"] == 100


def test_rows_that_share_text_widen_intervals() -> None:
    covered = [row % 2 for row in range(120)]
    kept = [int(row % 10 < 5) for row in range(120)]
    alone, shared = (figures(table(covered, kept, clusters=number), "t") for number in (None, 10))
    assert shared["kept_high"] - shared["kept_low"] > 1.5 * (alone["kept_high"] - alone["kept_low"])


def test_never_changed_is_larger_than_any_radius() -> None:
    rows = [TextExample("t", "f", row, str(row), "sw", ("x",), None) for row in range(3)]
    inf = np.inf
    lengths = Lengths(np.ones(3), np.array([inf, inf, 0.5]), np.array([0.5, 1.5, 2]), np.ones(3), np.ones(3, bool))
    found = table_of(rows, 0, lengths, (["a"] * 3, ["a"] * 3), np.arange(3), 1.0)
    assert found["radius_translation"].to_list() == [None, None, 0.5]
    assert found["covered"].to_list() == [True, True, False]
    assert found["covered_by_attack"].to_list() == [False, True, True]
    cell = figures(found, "t")
    assert cell["radius_translation"] is None and cell["radius_translation_censored"] == pytest.approx(200 / 3)
    assert cell["attack_is_shorter"] == pytest.approx(200 / 3)


def test_a_difference_is_drawn_on_the_same_rows() -> None:
    """A run against itself: no difference, and no interval."""
    one = table([1, 0] * 20, [1, 1, 0, 1] * 10)
    assert difference(one, one, "t")["kept"] == {"estimate": 0, "low": 0, "high": 0}
    other = table([1, 1] * 20, [1, 1, 0, 1] * 10)
    found = difference(other, one, "t")
    assert found["coverage"]["estimate"] == 50 and found["coverage"]["low"] > 20
    assert found["accuracy"]["estimate"] == 0

"""Predictions in parts: the scores and the file of the table in one piece, and nothing left behind."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from xtremor.errors import UserError
from xtremor.paths import cache_folder
from xtremor.scoring.parts import parts
from xtremor.scoring.predictions import read_predictions, schema
from xtremor.scoring.scores import scores_from_parts, scores_from_predictions

pytestmark = pytest.mark.usefixtures("own_cache")


def table(languages: tuple[str, ...] = ("en", "sw"), rows: int = 5, file: str = "test-{}.tsv") -> pl.DataFrame:
    cells = [
        ("xnli", file.format(code), row, f"{row}", code, "ab"[row % 2], "ab"[row % 3 % 2], [0.5, float(row)])
        for code in languages
        for row in range(rows)
    ]
    return pl.DataFrame(cells, schema=schema(), orient="row")


def test_scores_and_file_are_those_of_the_whole_table(tmp_path: Path) -> None:
    whole = table(("en", "sw", "de"))
    with parts() as found:
        for start in range(0, whole.height, 4):
            found.add(whole[start : start + 4])
        found.add(whole[:0])
        assert found.counts == {"en": 5, "sw": 5, "de": 5}
        assert scores_from_parts(found, "accuracy", "test") == scores_from_predictions(whole, "accuracy", "test")
        assert [each["language"].unique().to_list() for each in found.languages()] == [["en"], ["sw"], ["de"]]
        found.write(tmp_path / "predictions.parquet", {"seed": 1})
        folder = found.folder
    assert not folder.exists()
    again, told = read_predictions(tmp_path / "predictions.parquet")
    assert again.equals(whole) and told == {"seed": 1}


@pytest.mark.parametrize("shared", [False, True])
def test_an_item_that_occurs_twice_is_refused(shared: bool) -> None:
    """Within a language, or in two languages of one file."""
    with parts() as found:
        found.add(table(("en",), file="all.tsv"))
        found.add(table(("sw",) if shared else ("en",), file="all.tsv"))
        with pytest.raises(UserError, match=r"all.tsv, line 1 occurs more than once"):
            scores_from_parts(found, "accuracy", "test")


def test_nothing_to_score_and_rows_without_gold() -> None:
    with parts() as found:
        with pytest.raises(UserError, match="there are no predictions to score"):
            scores_from_parts(found, "accuracy", "test")
        found.add(table().with_columns(gold=pl.lit(None, dtype=pl.String)))
        with pytest.raises(UserError, match=r"5 of 5 rows have no gold label \(first: test-en.tsv, line 1\)"):
            scores_from_parts(found, "accuracy", "test")


def test_what_a_killed_process_left_goes_and_what_others_use_stays() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    home = cache_folder() / "evaluating"
    own = platform.node() or "host"
    left = [home / f"{own}-{done.pid}-a", home / f"{own}-{os.getpid()}-b", home / f"elsewhere-{done.pid}-c"]
    for folder in left:
        folder.mkdir(parents=True)
    with parts() as found:
        assert found.folder.parent == home
    assert [folder.exists() for folder in left] == [False, True, True]

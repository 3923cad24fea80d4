"""The table of a study: every score once, filtered, written as its name ends, for people as means."""

from __future__ import annotations

import statistics
from pathlib import Path

import polars as pl
import pytest

from xtremor.errors import UserError
from xtremor.study.results import COLUMNS, filtered, latex, means, write

SCORES = {("plain", "en"): (80.0, 81.0), ("plain", "sw"): (40.0, 42.0), ("free_lb", "en"): (79.0, 80.0),
          ("free_lb", "sw"): (41.0, 45.0)}  # fmt: skip


@pytest.fixture
def table() -> pl.DataFrame:
    """Two systems on two tasks, two replicates with two nested runs each, in English and another language."""
    rows = []
    for (system, language), scores in SCORES.items():
        for task in ("panx", "xnli"):
            for seed, score in enumerate(scores, start=1):
                for nested in (1, 2):
                    rest = (system, "starter", "mnli", "test", "f1", 10, 90.0, 1.0, 3, "key", "last", False)
                    rows.append((system, task, language, seed, nested, score + nested, *rest))
    return pl.DataFrame(rows, schema=list(COLUMNS), orient="row")


def test_means_leave_english_out_and_spread_over_runs(table: pl.DataFrame) -> None:
    found = means(table)
    assert [(row["task"], row["system"]) for row in found] == [
        ("panx", "plain"), ("xnli", "plain"), ("panx", "free_lb"), ("xnli", "free_lb"),
    ]  # fmt: skip
    first = found[0]
    assert (first["runs"], first["languages"], first["mean"], first["en"]) == (4, 1, "42.50", "82.00")
    assert first["sd over runs"] == f"{statistics.stdev([41, 42, 43, 44]):.2f}"
    # A task that is scored in English alone has that mean.
    assert means(table.filter(pl.col("language") == "en"))[0]["mean"] == "82.00"
    assert means(table.filter(pl.col("seed") == 1, pl.col("stage2_seed") == 1))[0]["sd over runs"] == ""


def test_means_leave_out_what_a_system_was_trained_on(table: pl.DataFrame) -> None:
    own = (pl.col("system") == "plain") & (pl.col("task") == "panx") & (pl.col("language") == "tr")
    more = table.filter(pl.col("language") == "sw").with_columns(language=pl.lit("tr"), score=pl.lit(90.0))
    both = pl.concat([table, more]).with_columns(trained_on_language=own)
    found = {(row["task"], row["system"]): (row["languages"], row["mean"]) for row in means(both)}
    assert found["panx", "plain"] == (1, "42.50") and found["panx", "free_lb"][0] == 1
    assert found["xnli", "plain"][0] == 2


def test_filters(table: pl.DataFrame) -> None:
    assert filtered(table, {"system": ["plain"], "language": ["sw"]}).height == 8
    with pytest.raises(UserError, match="unknown system 'plan'"):
        filtered(table, {"system": ["plan"]})
    part = table.filter(~((pl.col("system") == "plain") & (pl.col("task") == "xnli")))
    with pytest.raises(UserError, match="no score answers all of these filters together"):
        filtered(part, {"system": ["plain"], "task": ["xnli"]})


def test_files(table: pl.DataFrame, tmp_path: Path) -> None:
    for name, read in (("t.csv", pl.read_csv), ("t.parquet", pl.read_parquet)):
        write(table, tmp_path / name)
        assert read(tmp_path / name).equals(table)
    write(table, tmp_path / "t.tex")
    lines = (tmp_path / "t.tex").read_text(encoding="utf-8").splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}" and lines[2] == r"System & panx & xnli \\"
    assert lines[4] == r"plain & 42.50 {\small $\pm$ 1.29} & 42.50 {\small $\pm$ 1.29} \\"
    assert r"free\_lb" in latex(table)
    part = table.filter((pl.col("task") == "xnli") | (pl.col("system") == "plain"))
    assert r"free\_lb & -- & 44.50" in latex(part)
    with pytest.raises(UserError, match=r"the name must end in one of .csv, .parquet, .tex"):
        write(table, tmp_path / "t.xlsx")

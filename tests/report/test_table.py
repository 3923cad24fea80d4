"""Markdown tables."""

from __future__ import annotations

from pathlib import Path

from synthetic_runs import write_run

from xtremor.report.collect import collect
from xtremor.report.table import markdown_summary, markdown_table


def small_grid(folder: Path) -> None:
    for arm, points in (("plain", 0.0), ("pgd-1", 2.0)):
        for seed in (1, 2):
            scores = {"en": 90.0, "de": 40.0 + points + seed, "sw": 30.0 + points * seed}
            write_run(folder / f"{arm}{seed}", arm, seed, scores)


def test_languages_as_rows(tmp_path: Path) -> None:
    small_grid(tmp_path)
    lines = markdown_table(collect([tmp_path])).splitlines()
    assert lines[0] == "| Language | Items | plain | pgd-1 |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert "| `de` | 120 | 41.5 (41.0, 42.0) | 43.5 (43.0, 44.0) |" in lines
    # Macro means: plain 35.5, 36.0; pgd-1 37.5, 39.0. Differences 2 and 3.
    assert "| **2 languages without English** | 240 | **35.8** (35.5, 36.0) | **38.2** (37.5, 39.0) |" in lines
    assert "| difference to plain |  |  | +2.5 |" in lines
    # sd sqrt(0.5), so 2.5 -+ 12.706 * 0.5.
    assert lines[-1] == "| 95% t-interval, paired by seed |  |  | −3.9 to +8.9 |"


def test_arms_as_rows_is_the_same_turned(tmp_path: Path) -> None:
    small_grid(tmp_path)
    runs = collect([tmp_path])
    lines = markdown_table(runs, rows="arms").splitlines()
    assert lines[0].startswith("| Arm | `en` | `de` | `sw` |")
    assert lines[3].startswith("| plain | 90.0 (90.0, 90.0) | 41.5 (41.0, 42.0) |")
    assert len({line.count("|") for line in lines}) == 1


def test_one_seed_leaves_no_empty_rows(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, {"en": 90.0, "de": 40.0})
    text = markdown_table(collect([tmp_path]))
    assert "interval" not in text
    assert "| `de` | 120 | 40.0 |" in text


def test_summary_names_every_arm(tmp_path: Path) -> None:
    small_grid(tmp_path)
    lines = markdown_summary(collect([tmp_path])).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| plain", "| pgd-1"]
    assert "1.67×" in lines[3]

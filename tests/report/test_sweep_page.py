"""The page of a sweep: what its charts are over, that it says what was never used, and that it renders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from browser import Browser, find
from synthetic_runs import place, write_grid, write_run

from xtremor.errors import UserError
from xtremor.report import places
from xtremor.report.collect import collect
from xtremor.report.sweep.charts import best_rows, dose_rows, dose_setting, figures
from xtremor.report.sweep.page import build_sweep_page, summary_lines

RADII = (0.001, 0.01)


def estimate(values: Sequence[float]) -> dict[str, Any]:
    mean = fmean(values)
    ends = (None, None) if len(values) < 2 else (mean - 1, mean + 1)
    return {"mean": mean, "sd": None, "low": ends[0], "high": ends[1], "values": list(values)}


def trial(method: str, number: int, settings: dict[str, Any], dev: Sequence[float], **more: Any) -> dict[str, Any]:
    stated = {
        "method": method, "trial": number, "settings": settings, "radius": settings.get("radius"),
        "seeds": list(range(1, len(dev) + 1)), "repeats": None, "runs": [], "passes_relative_to_plain": 5 / 3,
        "training_seconds": [60.0] * len(dev), "training_cost": 2.0, "english_dev": estimate(dev),
        "targets": estimate([each - 40 for each in dev]), "low_resource": estimate([each - 50 for each in dev]),
        "warnings": [],
    }  # fmt: skip
    return {**stated, **more}


def sweep(**changes: Any) -> dict[str, Any]:
    """Plain with a repeat, and pgd at two radii, two seeds each."""
    stated = {
        "format": 1, "task": "intents", "metric": "accuracy", "english_dev_metric": "accuracy", "english_dev_rows": 300,
        "encoder": "starter", "rule": "The rule.", "how": "grid", "draw_seed": None,
        "swept": {"radius": {"values": list(RADII)}, "epochs": {"values": [2.0]}}, "methods": ["plain", "pgd"],
        "trials_per_method": 2, "seeds_per_trial": 2,
        "trials": [
            trial("plain", 1, {}, (80, 82)), trial("pgd", 1, {"radius": 0.001}, (81, 85)),
            trial("plain", 2, {}, (90, 60), seeds=[3, 4], repeats=1), trial("pgd", 2, {"radius": 0.01}, (70, 72)),
        ],
        "chosen": {"plain": 1, "pgd": 1},
        "expected_best_english_dev": {"plain": [81.0, 81.0], "pgd": [77.0, 80.0]},
        "never_used_for_choice": {
            name: {"oracle_trial": 1, "oracle_targets": 43.0, "oracle_gap": 0.0} for name in ("plain", "pgd")
        },
        "command": "xtremor sweep", "created": "2030-01-01T12:00:00+00:00", "versions": {},
    }  # fmt: skip
    return {**stated, **changes}


def write(folder: Path, record: dict[str, Any]) -> Path:
    """A sweep whose chosen runs are there, so that they can be compared."""
    runs = write_grid(folder / "runs", arms=("plain", "pgd-1"), seeds=(1, 2), codes=("en", "de", "sw"), baseline=False)
    for each in record["trials"]:
        each["runs"] = [run.name for run in runs if run.name.startswith(each["method"])]
    (folder / "sweep.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_means_are_over_the_common_seeds_and_repeats_show_their_spread() -> None:
    rows = dose_rows(sweep(), "english_dev")
    assert [(row["method"], row["dose"], row["mean"]) for row in rows.means] == [("pgd", 0.001, 83), ("pgd", 0.01, 71)]
    assert [(row["method"], row["mean"]) for row in rows.flat] == [("plain", 81)]
    assert rows.spread == [{"method": "plain", "low": 60, "high": 90}]
    assert len(rows.runs) == 4 and {row["seed"] for row in rows.runs} == {"1", "2"}
    low, high = rows.means[0]["low"], rows.means[0]["high"]
    # A t-interval over two seeds: 12.706 standard errors of 2.
    assert (low, high) == pytest.approx((83 - 25.412, 83 + 25.412), abs=0.01)


def test_other_settings_are_averaged_within_a_seed() -> None:
    trials = [
        trial("pgd", number, {"radius": radius, "learning_rate": rate}, (score, score + 2))
        for number, (radius, rate, score) in enumerate(
            [(0.001, 1e-4, 80), (0.001, 1e-3, 60), (0.01, 1e-4, 50), (0.01, 1e-3, 40)], start=1
        )
    ]
    rows = dose_rows(sweep(trials=trials, methods=["pgd"]), "english_dev")
    assert [row["mean"] for row in rows.means] == [71, 46]
    # Over two seeds with 70 and 72, not over four runs that differ in their learning rate.
    assert rows.means[0]["high"] - 71 == pytest.approx(12.706, abs=0.01)


def test_the_dose_is_the_radius_else_another_number() -> None:
    assert dose_setting(sweep()) == "radius"
    rates = {"norm": {"values": ["l2", "linf"]}, "learning_rate": {"range": [1e-5, 1e-3]}, "radius": {"values": [0.1]}}
    assert dose_setting(sweep(swept=rates)) == "learning_rate"
    assert dose_setting(sweep(swept={"norm": {"values": ["l2", "linf"]}})) is None
    assert figures(sweep(trials=[trial("pgd", 1, {}, (1, 2), low_resource=None)])) == ["english_dev", "targets"]


def test_what_trials_cost_stands_beside_what_they_buy() -> None:
    assert [(row["method"], row["trials"], row["cost"], row["best"]) for row in best_rows(sweep())] == [
        ("plain", 1, 2, 81), ("plain", 2, 4, 81), ("pgd", 1, 2, 77), ("pgd", 2, 4, 80),
    ]  # fmt: skip


def test_the_page_says_what_was_never_used(tmp_path: Path) -> None:
    html = build_sweep_page(write(tmp_path, sweep())).read_text(encoding="utf-8")
    body = html[: html.index("<script")]
    assert body.count("never used for the choice") >= 2 and "an oracle, no result" in body
    assert "plain, trial 1, scores from 60.0 to 90.0 on English dev with 4 seeds and nothing else changed" in body
    assert "default-src 'none'" in html and "radius 0.001; seeds 1, 2" in body
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"english_dev.png", "targets.png", "expected-best.png", "chosen"} <= names
    assert "pgd: radius 0.001; seeds 1, 2: English dev 83.0, targets 43.0, best possible 43.0" in "\n".join(
        summary_lines(sweep())
    )


def test_a_report_of_a_sweep_is_one_of_its_chosen_trials(tmp_path: Path) -> None:
    """Trials that differ in their training would share an arm's label, which a report refuses."""
    write(tmp_path, sweep())
    write_run(tmp_path / "runs" / "plain-learning-rate-1-seed1", "plain", 3, {"en": 1.0, "de": 2.0, "sw": 3.0})
    found = collect([tmp_path])
    assert sorted(run.folder.name for run in found.runs) == ["pgd-1-seed1", "pgd-1-seed2", "plain-seed1", "plain-seed2"]
    assert len(collect([tmp_path / "runs"]).runs) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "sweep.json:1 is not valid JSON"),
        ("[]", "has format none, this version reads format 1"),
        ('{"format": 2}', "has format 2"),
        ('{"format": 1, "task": "x"}', "lacks 'methods'"),
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "sweep.json").write_text(content, encoding="utf-8")
    for read in (build_sweep_page, lambda folder: collect([folder])):
        with pytest.raises(UserError, match=message):
            read(tmp_path)
    assert not (tmp_path / "report").exists()


def odd() -> dict[str, dict[str, Any]]:
    zero = [trial("pgd", number, {"radius": radius}, (70, 71)) for number, radius in enumerate((0.0, 0.01), start=1)]
    drawn = [trial("pgd", number, {"radius": number / 1000}, (70 + number,)) for number in range(1, 13)]
    hostile = trial("pgd", 1, {"norm": "</script><script>alert(1)</script>"}, (70, 71), warnings=["<b>no</b>"])
    return {
        "zero": sweep(trials=[*sweep()["trials"][::2], *zero]),
        "drawn": sweep(
            trials=[*drawn, trial("plain", 1, {}, (60,))], how="random", draw_seed=0, seeds_per_trial=1,
            swept={"radius": {"range": [0.001, 0.05]}},
        ),
        "names": sweep(trials=[sweep()["trials"][0], hostile], swept={"norm": {"values": ["l2", "linf"]}}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "_place", lambda code, column: place(code))
        return {
            name: build_sweep_page(write(tmp_path_factory.mktemp(name), record))
            for name, record in {"whole": sweep(), **odd()}.items()
        }


@pytest.mark.parametrize(
    ("name", "charts", "width", "scheme"),
    [("whole", 5, 1280, "light"), ("zero", 5, 400, "dark"), ("drawn", 5, 400, "light"), ("names", 2, 1280, "dark")],
)
def test_it_renders(pages: dict[str, Path], name: str, charts: int, width: int, scheme: str) -> None:
    html = pages[name].read_text(encoding="utf-8")
    assert "<script>alert" not in html and "<b>no</b>" not in html
    executable = find()
    if executable is None:
        pytest.skip("no Chromium found (Debian: apt-get install chromium)")
    with Browser(executable) as browser:
        browser.open(pages[name], width, scheme=scheme)
        assert browser.errors == [] and browser.requests == [pages[name].as_uri()]
        assert browser.evaluate("document.querySelectorAll('.chart svg').length") == charts
        assert browser.evaluate("document.documentElement.scrollWidth") <= width

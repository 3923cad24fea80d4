"""`xtremor compare` as a command: what it prints, and what it refuses with one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.commands import call
from helpers.compared import scores, write_csv, write_runs
from helpers.invented import invent

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a table of two systems and five seeds."""
    write_csv(tmp_path / "scores.csv", scores({"plain": 0.0, "pgd": 2.5}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_text_for_a_person(place: Path, capsys: Captured) -> None:
    assert call(["compare", "scores.csv", "--effect", "0.5", "--margin", "0.5"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(
        "Over 5 seeds that both arms share, pgd scored higher than plain on the mean over 4 languages"
    )
    for part in (
        "by stratum (exploratory",
        "by language (exploratory",
        "seeds for 0.5",
        "LaTeX",
        r"pgd & 5 & ",
        "note: English",
    ):
        assert part in said.out
    assert "columns: system = system, task = task, language = language, seed = seed, score = score" in said.err


def test_json_is_printed_and_written(place: Path, capsys: Captured) -> None:
    assert (
        call(["compare", "scores.csv", "--json", "-o", "out/found.json", "--languages", "sw,te", "--looks", "5,10"])
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((place / "out" / "found.json").read_text(encoding="utf-8"))
    contrast = printed["contrasts"][0]
    assert contrast["treatment"] == "pgd" and contrast["main"]["verdict"] in ("better", "cannot tell")
    assert contrast["main"]["test"]["name"] == "paired t-test" and printed["alpha"] < 0.05
    assert printed["tests"] == [["panx", "sw"], ["panx", "te"]] and contrast["power"]["effect"] == 0.5


def test_runs_and_halves(place: Path, capsys: Captured) -> None:
    write_runs(place / "runs", {"plain": 0.5, "pgd-1": 0.5})
    assert call(["compare", "runs", "--contrasts", "pgd-1:plain", "--replicates", "200"]) == 0
    assert "bootstrap over seeds and items" in capsys.readouterr().out
    assert call(["compare", "runs", "--split-half", "--baseline", "plain", "--replicates", "200", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {rate["compared"] for rate in found["rates"]} == {"halves of 2", "single runs"}
    assert found["variances"]["seeds"] == 5


def test_a_study_is_compared_as_it_plans(tmp_path: Path, capsys: Captured) -> None:
    planned = [("b", "none"), ("b", "a", "secondary"), ("late", "none")]
    gains = {"none": 0.0, "a": 1.0, "b": 2.0, "late": 3.0}
    folder = invent(tmp_path / "study", gains, missing=[("late", seed) for seed in range(1, 6)], contrasts=planned).path
    assert call(["compare", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    pairs = [(each["treatment"], each["control"]) for each in found["contrasts"]]
    assert pairs == [("b", "none"), ("b", "a")] and any("what the study plans" in note for note in found["notes"])
    # A baseline that is named stands.
    assert call(["compare", str(folder), "--baseline", "none", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["treatment"], each["control"]) for each in found["contrasts"]] == [("a", "none"), ("b", "none")]
    assert not any("what the study plans" in note for note in found["notes"])


OPTIONS = [
    ([], "name a table of scores or run folders"),
    (["none.csv"], "none.csv does not exist"),
    (["scores.csv", "more.csv"], "is no run folder; name one table of scores alone"),
    (["scores.csv", "--baseline", "plane"], "unknown system 'plane' (nearest: plain"),
    (["scores.csv", "--baseline", "plain", "--contrasts", "pgd:plain"], "--baseline and --contrasts both say"),
    (["scores.csv", "--task", "xnli"], "unknown task of these scores 'xnli'"),
    (["scores.csv", "--languages", "xx"], "unknown language of these scores 'xx'"),
    (["scores.csv", "--score-column", "f1"], "unknown column of scores.csv 'f1'"),
    (["scores.csv", "--looks", "5;10"], "--looks '5;10' is no list"),
    (["scores.csv", "--strata", "joshi"], "unknown scheme of strata 'joshi' (nearest: joshi_class"),
    (["scores.csv", "--split-half"], "choose with --baseline"),
    (["scores.csv", "--split-half", "--baseline", "plain", "--splits", "0"], "--splits must be at least 1"),
    (["scores.csv", "-o", "."], "--output . cannot be a file"),
    (["empty", "--seed-column", "seed"], "leave the --...-column options out"),
    (["empty"], "is no run folder and holds none"),
    (["scores.csv", "--margins", "1"], "unknown option '--margins' of `xtremor compare` (nearest: --margin"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), OPTIONS, ids=[" ".join(words) for words, _ in OPTIONS])
def test_options(arguments: list[str], message: str, place: Path, capsys: Captured) -> None:
    (place / "empty").mkdir()
    assert call(["compare", *arguments]) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if not line.startswith("columns")]
    assert said.out == "" and len(errors) == 1 and errors[0].startswith("error: ") and message in errors[0]


def test_the_library_is_what_its_page_says() -> None:
    import xtremor.stats as library

    for name in library.__all__:
        assert getattr(library, name).__doc__

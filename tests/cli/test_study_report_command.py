"""`xtremor study report` as a command: what it prints and writes, and what it refuses with one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.commands import call
from helpers.invented import invent

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a study of one seed in `s`, which is soon drawn."""
    invent(tmp_path / "s", {"none": 0.0, "pgd": 9.0}, seeds=(1,), codes=("en", "de", "sw"), contrasts=[("pgd", "none")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_answer_and_the_files(place: Path, capsys: Captured) -> None:
    assert call(["study", "report", "s", "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert "one run an arm cannot tell pgd from none (+" in told["answer"][1] and len(told["answer"]) == 3
    assert told["files"][0] == "s/report/report.html" and "report: s/report/report.html" in said.err
    assert all((place / name).is_file() for name in told["files"])
    charts = {f"s/report/charts/arms-1.{ending}" for ending in ("svg", "png", "pdf")}
    assert charts <= set(told["files"])


def test_the_other_report_finds_its_way(place: Path, capsys: Captured) -> None:
    for more in (["s"], ["--task", "panx"]):
        assert call(["report", "s", *more, "-o", "out"]) == 2
        assert "is reported whole" in capsys.readouterr().err
    assert call(["report", "s", "-o", "out"]) == 0
    said = capsys.readouterr().out
    assert (place / "out" / "report.html").is_file() and len(said.strip().split("\n")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no plan.json"),
        (["s", "--items", "perhaps"], "unknown --items 'perhaps'"),
        (["s", "--output", "s/plan.json"], "is no folder"),
        (["s", "--ledger", "claims.toml"], "claims.toml"),
    ],
)
def test_bad_input(place: Path, capsys: Captured, arguments: list[str], words: str) -> None:
    assert call(["study", "report", *arguments]) == 2
    said = capsys.readouterr().err.strip().split("\n")[-1]
    assert words in said and said.startswith("error: ")
    assert not (place / "s" / "report").exists()

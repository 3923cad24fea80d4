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
    assert call(["study", "report", "s", "--no-pictures"]) == 0
    said = capsys.readouterr()
    assert "one run an arm cannot tell pgd from none (+" in said.out and len(said.out.strip().split("\n")) == 3
    assert "report: s/report/report.html" in said.err
    assert (place / "s" / "report" / "report.html").is_file()
    assert call(["study", "report", "s", "-o", "out", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"][0] == "out/report.html" and len(told["answer"]) == 3
    assert all((place / name).is_file() for name in told["files"])
    assert {"out/charts/arms-1.svg", "out/charts/arms-1.png", "out/charts/arms-1.pdf"} <= set(told["files"])


def test_the_other_report_finds_its_way(place: Path, capsys: Captured) -> None:
    assert call(["report", "s", "-o", "out"]) == 0
    assert (place / "out" / "report.html").is_file() and "pgd from none" in capsys.readouterr().out
    for more in (["s"], ["--task", "panx"]):
        assert call(["report", "s", *more, "-o", "out"]) == 2
        assert "is reported whole" in capsys.readouterr().err


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

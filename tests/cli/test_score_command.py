"""`xtremor score` and `xtremor submit` as commands: what they print, and what they refuse before anything is scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.commands import call
from helpers.tiny import write_xnli

Captured = pytest.CaptureFixture[str]
GOLD = "entailment\nneutral\ncontradiction\n"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with `predictions` and `labels` of one premise in two languages."""
    for code, given in (("en", GOLD), ("sw", "entailment\nneutral\nneutral\n")):
        for place, content in (("labels", GOLD), ("predictions", given)):
            path = tmp_path / place / "xnli" / f"test-{code}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_for_a_person(folders: Path, capsys: Captured) -> None:
    assert call(["score", "predictions", "--gold", "labels", "--replicates", "0"]) == 0
    said = capsys.readouterr()
    lines = [line.split() for line in said.out.splitlines()]
    assert ["en", "100.00", "3"] in lines and ["sw", "66.67", "3"] in lines
    assert ["average", "over", "2", "of", "15", "83.33"] in lines and ["without", "English", "66.67"] in lines
    assert "not scored: ar, bg, de, el, es, fr, hi, ru, th, tr, ur, vi, zh (no predictions and no gold)" in said.out
    assert "overall, xtreme-r  none  there is no xcopa" in said.out
    assert "scoring: done" in said.err


def test_json_is_printed_and_written_unrounded(folders: Path, capsys: Captured) -> None:
    assert call(["score", "predictions", "--gold", "labels", "--json", "-o", "out/scores.json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((folders / "out" / "scores.json").read_text(encoding="utf-8"))
    block = printed["tasks"]["xnli"]
    assert block["languages"]["sw"]["score"] == 2 / 3 * 100 and block["gold"] == "label files"
    assert printed["command"].startswith("xtremor") and printed["replicates"] == 1000


def test_data_files_as_gold(folders: Path, capsys: Captured) -> None:
    data = write_xnli(folders / "data", scored=3, languages=("en", "sw"))
    assert call(["score", "predictions", "--gold", str(data), "--replicates", "0"]) == 0
    said = capsys.readouterr().out
    assert "gold: data files; clusters of the bootstrap: items that share text" in said and "66.67" in said


SPOILT = [
    ("predictions/xnli/test-sw.tsv", b"neutral\n", "has 1 line, the gold in"),
    ("predictions/xnli/test-sw.tsv", b"neutral\n" * 4, "has 4 lines, the gold in"),
    ("predictions/xnli/test-sw.tsv", b"neutral\nneutral\nneutrla\n", "line 3: unknown label 'neutrla' (nearest"),
    ("predictions/xnli/test-sw.tsv", b"neutral\n\xe9\nneutral\n", "line 2: byte 0xe9"),
    ("predictions/xnli/test-sw.tsv", b"", "is empty"),
    ("predictions/xnli/test-swa.tsv", GOLD.encode(), "unknown language of xnli 'swa' (nearest: sw)"),
    ("predictions/xnli/test-th.txt", GOLD.encode(), "unexpected name"),
    ("predictions/xnly/test-th.tsv", GOLD.encode(), "unknown task 'xnly' (nearest: xnli"),
    ("predictions/xquad/test-th.json", b'{"a": "x"}', "holds no files of task xquad"),
    ("labels/xnli/test-en.tsv", b"a premise\ta hypothesis\n", "has no labels"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), SPOILT, ids=[each[2] for each in SPOILT])
def test_spoilt_files(name: str, content: bytes, message: str, folders: Path, capsys: Captured) -> None:
    (folders / name).parent.mkdir(exist_ok=True)
    (folders / name).write_bytes(content)
    refused(["score", "predictions", "--gold", "labels", "--output", "scores.json"], message, capsys)
    assert not (folders / "scores.json").exists()


OPTIONS = [
    (["labels", "--gold", "labels"], "are the same folder"),
    (["none", "--gold", "labels"], "PREDICTIONS none does not exist"),
    (["predictions", "--gold", "none"], "--gold none does not exist"),
    (["predictions", "--gold", "labels", "--tasks", "xnly"], "unknown task 'xnly' (nearest: xnli"),
    (["predictions", "--gold", "labels", "--tasks", "panx"], "has no folder 'panx'"),
    (["predictions", "--gold", "labels", "--tasks", "intents"], "is not of XTREME or XTREME-R"),
    (["predictions", "--gold", "labels", "--tasks", ","], "--tasks names nothing"),
    (["predictions", "--gold", "labels", "--languages", "xx"], "unknown language 'xx'"),
    (["predictions", "--gold", "labels", "--languages", "th"], "has both predictions and gold in th"),
    (["predictions", "--gold", "labels", "--benchmark", "xtrem"], "unknown benchmark 'xtrem' (nearest: xtreme"),
    (["predictions", "--gold", "labels", "--replicates", "10"], "--replicates must be 0 or at least 100, not 10"),
    (["predictions", "--gold", "labels", "--seed", "-1"], "--seed must not be negative"),
    (["predictions", "--gold", "labels", "--split", "dev"], "--split dev"),
    (["predictions", "--gold", "labels", "--strict"], "no predictions and no gold in ar (and 12 more)"),
    (["predictions", "--gold", "labels", "-o", "labels"], "--output labels cannot be a file"),
    (["predictions", "--gold", "labels", "-o", "labels/xnli/test-en.tsv/x"], "is inside of a file"),
    (["predictions"], "--gold requires an argument"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), OPTIONS, ids=[" ".join(words) for words, _ in OPTIONS])
def test_options(arguments: list[str], message: str, folders: Path, capsys: Captured) -> None:
    refused(["score", *arguments], message, capsys)


def test_submit_refuses_what_is_no_run(folders: Path, capsys: Captured) -> None:
    refused(["submit", "-o", "out"], "name at least one run folder", capsys)
    refused(["submit", "labels", "-o", "out"], "has no predictions.parquet; score the run first", capsys)
    assert not (folders / "out").exists()


def refused(arguments: list[str], message: str, capsys: Captured) -> None:
    """Exit code 2, one sentence on standard error, nothing on standard output."""
    assert call(arguments) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if not line.startswith("scoring")]
    assert said.out == "" and len(errors) == 1 and errors[0].startswith("error: ") and message in errors[0]

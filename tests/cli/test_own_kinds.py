"""Own files that are no classification, from the command line: train, evaluate by language, label, resume, refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from helpers.commands import assert_resumes, call, read_json
from helpers.own import Own, train_kind, write_kind

from xtremor.scoring.predictions import read_predictions

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
Made = tuple[Own, Path]
METRICS = {"tagging": "chunk_f1", "choice": "accuracy", "spans": "squad"}
ROWS = {"tagging": 76, "choice": 76, "spans": 57}


@pytest.fixture(params=list(METRICS))
def made(request: pytest.FixtureRequest, learnt_kind: Callable[[str], Made]) -> Made:
    return learnt_kind(request.param)


def category(run: Path) -> str:
    return str(read_json(run / "run.json")["category"])


def test_a_run_learns_and_records_what_other_files_need(made: Made) -> None:
    own, run = made
    record, kind = read_json(run / "run.json"), category(run)
    assert record["own"]["category"] == kind and record["task"] == own.train.stem
    assert (
        record["training"]["rows"] == ROWS[kind] and record["own"]["dev_rows"] == record["own"]["train"]["rows"] // 20
    )
    assert record["english_dev"]["score"] > 60 and record["warnings"] == []
    assert read_json(run / "config.json")["own"] == record["own"]
    assert str(own.train.parent) not in json.dumps(record["own"]), "a file may move"
    scores = read_json(run / "scores.json")
    assert scores["metric"] == METRICS[kind] and len(scores["languages"]) == 2
    assert all(cell["score"] > 60 for cell in scores["languages"].values()), "the markers are shared by all languages"
    assert scores["strata"]["joshi_class"] and len(scores["data"]["files"]) == 3
    assert own.train.stem in (run / "model" / "README.md").read_text(encoding="utf-8")


def test_evaluated_again_it_has_its_own_scores_and_a_report(made: Made, tmp_path: Path) -> None:
    own, run = made
    before, table = read_json(run / "scores.json"), read_predictions(run / "predictions.parquet")[0]
    assert call(["evaluate", str(run), "--data", str(own.test), "--threads", "1"]) == 0
    assert read_json(run / "scores.json")["languages"] == before["languages"]
    assert read_predictions(run / "predictions.parquet")[0].equals(table)
    assert call(["report", str(run), "--output", str(tmp_path / "report")]) == 0
    assert before["metric"] in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_labels_are_those_of_the_evaluation(made: Made, tmp_path: Path, capsys: Captured) -> None:
    own, run = made
    table = read_predictions(run / "predictions.parquet")[0]
    part = table.filter(pl.col("file").str.ends_with(own.file.name))["predicted"].to_list()
    output = tmp_path / f"out{own.file.suffix}"
    assert call(["predict", str(run), str(own.file), "--output", str(output), "--threads", "1"]) == 0
    text = output.read_text(encoding="utf-8")
    if category(run) == "spans":
        assert list(json.loads(text).values()) == part
    elif category(run) == "choice":
        rows = [json.loads(line) for line in text.splitlines()]
        assert [row["predicted"] for row in rows] == part and all(row["confidence"] >= 0.5 for row in rows)
        assert {key: rows[0][key] for key in ("premise", "label")} == {
            key: json.loads(own.file.read_text(encoding="utf-8").splitlines()[0])[key] for key in ("premise", "label")
        }
    else:
        sentences = [block.splitlines() for block in text.removesuffix("\n\n").split("\n\n")]
        assert [" ".join(line.split("\t")[-1] for line in lines) for lines in sentences] == part
        kept = "".join(line.rpartition("\t")[0] + "\n" if line else "\n" for line in text.splitlines())
        assert kept == own.file.read_text(encoding="utf-8"), "what was there stays as it was"
    capsys.readouterr()
    assert call(["predict", str(run), str(own.file), "--threads", "1"]) == 0
    assert capsys.readouterr().out == text
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_another_content_is_another_run(made: Made, tiny_encoder: Path, capsys: Captured) -> None:
    own, run = made
    again = train_kind(own, tiny_encoder, run, "--evaluate", "--data", str(own.test))
    assert call(again) == 0
    assert "already finished" in capsys.readouterr().err
    before = own.train.read_bytes()
    with own.train.open("ab") as file:
        file.write(b"\n")
    if category(run) == "choice":
        own.train.write_bytes(b"".join(before.splitlines(keepends=True)[:-1]))
    try:
        assert call(again) == 2
    finally:
        own.train.write_bytes(before)
    assert "own.train.sha256" in capsys.readouterr().err


def test_a_dev_file_of_the_kind(made: Made, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    own, run = made
    dev = shutil.copy(own.file, tmp_path / f"dev{own.file.suffix}")
    options = ("--dev", str(dev), "--no-keep-model")
    assert call(train_kind(own, tiny_encoder, tmp_path / "run", *options, epochs=1)) == 0
    record = read_json(tmp_path / "run" / "run.json")
    rows = {"tagging": 80, "choice": 80, "spans": 60}[category(run)]
    assert record["training"]["rows"] == rows and record["own"]["dev"]["file"] == dev.name
    assert record["english_dev"]["items"] == record["own"]["dev_rows"] == record["own"]["dev"]["rows"]
    assert f"rows of {dev}" in capsys.readouterr().err


def test_killed_and_resumed_it_is_the_same_run(made: Made, tiny_encoder: Path, tmp_path: Path) -> None:
    own, _ = made
    options = ("--method", "pgd", "--checkpoint-seconds", "0")
    assert_resumes(lambda run: train_kind(own, tiny_encoder, run, *options, epochs=1), tmp_path, 3)


def test_what_labelling_does_not_read_is_refused(made: Made, tmp_path: Path, capsys: Captured) -> None:
    _, run = made
    (tmp_path / "texts.csv").write_text("text\nba de\n", encoding="utf-8")
    assert call(["predict", str(run), str(tmp_path / "texts.csv"), "--batch-size", "4"]) == 2
    assert f"--batch-size means nothing for a model of the category {category(run)}" in capsys.readouterr().err
    assert call(["predict", str(run), str(tmp_path / "texts.csv")]) == 2
    said = {"tagging": "the model tags tokens; name a file of one token a line", "choice": "unknown column of",
            "spans": "the model answers questions about paragraphs: name a SQuAD"}  # fmt: skip
    assert said[category(run)] in capsys.readouterr().err


def test_quickstart_compares_methods_without_a_frozen_baseline(
    tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    own = write_kind("tagging", tmp_path)
    arguments = ["--train", str(own.train), "--data", str(own.test), "--encoder", str(tiny_encoder)]
    options = ["--methods", "plain,pgd", "--seeds", "1", "--epochs", "1", "--workers", "1", "--threads", "1"]
    assert call(["quickstart", *arguments, *options, "--output", str(tmp_path / "q")]) == 0
    assert sorted(path.name for path in (tmp_path / "q" / "runs").iterdir()) == ["pgd-1-seed1", "plain-seed1"]
    assert "chunk_f1" in (tmp_path / "q" / "report" / "index.html").read_text(encoding="utf-8")
    baseline = ["baseline", *arguments, "--output", str(tmp_path / "frozen")]
    assert call(baseline) == 2
    assert "nearest centroid, and ner is tagging: it has none" in capsys.readouterr().err

"""Multiple choice through the commands: train, evaluate, submit, score; resumed bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers.commands import assert_resumes, call, read_json
from helpers.tiny import write_xcopa

from xtremor.scoring.predictions import read_predictions

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
LANGUAGES = ("--languages", "et,sw")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_xcopa(tmp_path_factory.mktemp("xcopa") / "data")


def command(data: Path, encoder: Path, output: Path, epochs: int, *more: str) -> list[str]:
    return [
        "train", "--task", "xcopa", "--data", str(data), "--encoder", str(encoder), "--output", str(output),
        "--batch-size", "8", "--learning-rate", "1e-2", "--threads", "1", "--epochs", str(epochs), *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "plain"
    assert call(command(data, tiny_encoder, folder, 6, "--evaluate", *LANGUAGES)) == 0
    return folder


def test_a_run_learns_and_english_dev_is_read_though_it_is_not_scored(run: Path) -> None:
    record, scores = read_json(run / "run.json"), read_json(run / "scores.json")
    assert record["category"] == "choice" and record["counts"]["updates"] == 48 and record["training"]["rows"] == 64
    assert record["english_dev"]["items"] == 12 and record["english_dev"]["score"] > 90 and record["warnings"] == []
    assert all(cell["score"] > 80 and "figures" not in cell for cell in scores["languages"].values())
    assert list(scores["languages"]) == ["et", "sw"] and scores["average_without_english"] == scores["average"]
    table, told = read_predictions(run / "predictions.parquet")
    assert set(table["predicted"]) == {"0", "1"} and set(table["logits"].list.len()) == {2} and "logits" not in told
    assert "AutoModelForMultipleChoice" in (run / "model" / "README.md").read_text(encoding="utf-8")


def test_evaluated_again_submitted_and_scored_it_has_its_own_scores(run: Path, data: Path, tmp_path: Path) -> None:
    own = read_json(run / "scores.json")["languages"]
    assert call(["evaluate", str(run), "--data", str(data), *LANGUAGES, "--threads", "1"]) == 0
    assert read_json(run / "scores.json")["languages"] == own
    assert call(["submit", str(run), "--output", str(tmp_path / "out"), "--partial"]) == 0
    assert call(["score", str(tmp_path / "out"), "--gold", str(data), "--output", str(tmp_path / "scored.json")]) == 0
    found = read_json(tmp_path / "scored.json")["tasks"]["xcopa"]["languages"]
    assert {code: cell["score"] for code, cell in found.items()} == {code: cell["score"] for code, cell in own.items()}


def test_the_question_of_upstream_is_kept_on_request(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    path = tmp_path / "data" / "xcopa" / "sw" / "test.sw.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[0]["question"] = {"cause": "effect", "effect": "cause"}[rows[0]["question"]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    scored = ["evaluate", str(run), "--data", str(tmp_path / "data"), "--languages", "sw", "--threads", "1", "--output"]
    told = []
    for name, more in (("repaired", ()), ("kept", ("--upstream-question",))):
        assert call([*scored, str(tmp_path / name), *more]) == 0
        scores = read_json(tmp_path / name / "scores.json")
        told.append((" ".join(map(str, scores["data"]["notes"])), scores["selection"].get("upstream_question")))
    assert "was wrong in 1 of" in told[0][0] and "kept as it is" in told[1][0]
    assert [each for _, each in told] == [None, True]
    capsys.readouterr()
    assert call([*scored, str(tmp_path / "x"), "--task", "siqa", "--upstream-question"]) == 2
    assert (
        "--upstream-question is about the field 'question' of xcopa; leave it out for siqa" in capsys.readouterr().err
    )


def test_killed_and_resumed_it_is_the_same_run(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    options = ("--method", "pgd", "--accumulate", "3", "--checkpoint-seconds", "0")
    assert_resumes(lambda run: command(data, tiny_encoder, run, 1, *options), tmp_path, 3)

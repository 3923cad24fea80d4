"""Question answering through the commands: train, evaluate, submit, score, report; resumed bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers import official
from helpers.commands import assert_resumes, call, read_json
from helpers.tiny import write_mlqa

from xtremor.scoring.predictions import read_predictions, write_predictions

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
LANGUAGES = ("--languages", "en,de")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mlqa(tmp_path_factory.mktemp("mlqa") / "data")


def command(data: Path, encoder: Path, output: Path, epochs: int, *more: str) -> list[str]:
    return [
        "train", "--task", "mlqa", "--data", str(data), "--encoder", str(encoder), "--output", str(output),
        "--batch-size", "8", "--learning-rate", "1e-2", "--threads", "1", "--epochs", str(epochs),
        "--max-length", "24", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "plain"
    assert call(command(data, tiny_encoder, folder, 8, "--evaluate", *LANGUAGES)) == 0
    return folder


def test_a_run_learns_and_its_answers_are_scored_by_the_rules_of_the_language(run: Path) -> None:
    record, scores = read_json(run / "run.json"), read_json(run / "scores.json")
    dev = record["english_dev"]
    assert record["category"] == "spans" and dev["metric"] == "mlqa" and dev["floor"] == 0.0 and dev["score"] > 60
    # Long paragraphs are several inputs.
    assert record["training"]["rows"] == 48 and record["counts"]["updates"] > 8 * 48 / 8 and record["warnings"] == []
    english = scores["languages"]["en"]
    assert set(english["figures"]) == {"score", "f1", "exact_match"} and english["score"] == english["figures"]["score"]
    assert english["score"] == (english["figures"]["f1"] + english["figures"]["exact_match"]) / 2 > 60
    table, told = read_predictions(run / "predictions.parquet")
    assert told["logits"].startswith("not kept") and told["labels"] == []
    assert all(len(json.loads(gold)) == 1 for gold in table["gold"])
    assert "AutoModelForQuestionAnswering" in (run / "model" / "README.md").read_text(encoding="utf-8")


def test_evaluated_again_it_has_its_own_scores_and_a_report(run: Path, data: Path, tmp_path: Path) -> None:
    own = read_json(run / "scores.json")["languages"]
    assert call(["evaluate", str(run), "--data", str(data), *LANGUAGES, "--threads", "1"]) == 0
    assert read_json(run / "scores.json")["languages"] == own
    assert call(["report", str(run), "--output", str(tmp_path / "report")]) == 0
    assert "mlqa" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_submitted_and_scored_it_has_its_own_scores(run: Path, data: Path, tmp_path: Path) -> None:
    assert call(["submit", str(run), "--output", str(tmp_path / "out"), "--partial"]) == 0
    answers = read_json(tmp_path / "out" / "mlqa" / "test-de.json")
    assert list(answers) == [str(row) for row in range(8)]
    assert call(["score", str(tmp_path / "out"), "--gold", str(data), "--output", str(tmp_path / "scored.json")]) == 0
    found = read_json(tmp_path / "scored.json")["tasks"]["mlqa"]["languages"]
    own = read_json(run / "scores.json")["languages"]
    assert {code: cell["figures"] for code, cell in found.items()} == {
        code: cell["figures"] for code, cell in own.items()
    }


def test_questions_that_repeat_an_id_are_not_submitted(
    data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, told = read_predictions(run / "predictions.parquet")
    write_predictions(tmp_path / "predictions.parquet", table, {**told, "ids": {**told["ids"], "de": ["0"] * 8}})
    shutil.copy(run / "scores.json", tmp_path)
    assert call(["submit", str(tmp_path), "--output", str(tmp_path / "out"), "--partial"]) == 2
    assert "7 questions in de repeat an id" in capsys.readouterr().err and not (tmp_path / "out" / "mlqa").exists()


def test_killed_and_resumed_it_is_the_same_run(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    options = ("--method", "noise-k", "--accumulate", "3", "--checkpoint-seconds", "0")
    assert_resumes(lambda run: command(data, tiny_encoder, run, 1, *options), tmp_path, 3)


def test_another_task_of_the_kind_is_scored_apart(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As XQuAD, MLQA and TyDi QA share what is trained on SQuAD or on one of them."""
    official.write(tmp_path / "data", "xquad")
    before = read_json(run / "scores.json")
    target = ["evaluate", str(run), "--task", "xquad", "--data", str(tmp_path / "data"), "--threads", "1"]
    target += ["--languages", ",".join(official.small_card("xquad").languages)]
    assert call(target) == 2
    assert "name a folder for its scores on xquad with --output" in capsys.readouterr().err
    target += ["--output", str(tmp_path / "apart")]
    assert call(target) == 0
    record, scores = read_json(tmp_path / "apart" / "run.json"), read_json(tmp_path / "apart" / "scores.json")
    assert (record["task"], scores["task"], scores["metric"]) == ("xquad", "xquad", "squad")
    assert record["scored_from"] == {"run": "plain", "task": "mlqa"} and record["english_dev"] is None
    assert read_json(run / "scores.json") == before and not (tmp_path / "apart" / "model").exists()
    # Told again it does nothing; told otherwise it is refused, and what is there stays.
    capsys.readouterr()
    assert call(target) == 0 and "already scored" in capsys.readouterr().err
    assert call([*target, "--limit", "1"]) == 2 and "another configuration" in capsys.readouterr().err
    assert read_json(tmp_path / "apart" / "scores.json") == scores
    assert call(["report", str(tmp_path / "apart"), "--output", str(tmp_path / "report")]) == 0


def test_a_task_of_another_kind_is_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    official.write(tmp_path, "panx")
    assert call(["evaluate", str(run), "--task", "panx", "--data", str(tmp_path), "--output", str(run / "x")]) == 2
    assert "was trained on mlqa (spans) and cannot answer panx (tagging)" in capsys.readouterr().err
    assert not (run / "x").exists()

"""Tagging through the commands: train, evaluate, submit, score, report; resumed bit for bit; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.commands import assert_resumes, call, read_json
from helpers.tiny import write_panx

from xtremor.scoring.predictions import read_predictions

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
LANGUAGES = ("--languages", "en,sw,yo")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_panx(tmp_path_factory.mktemp("panx") / "data")


def command(data: Path, encoder: Path, output: Path, *more: str) -> list[str]:
    """Inputs of 24 tokens, so that long sentences are split."""
    stated = [
        "train", "--task", "panx", "--data", str(data), "--encoder", str(encoder), "--output", str(output),
        "--batch-size", "8", "--max-length", "24", "--learning-rate", "1e-2", "--threads", "1",
    ]  # fmt: skip
    return [*stated, *(() if "--epochs" in more else ("--epochs", "4")), *more]


@pytest.fixture(scope="module")
def run(data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "plain"
    assert call(command(data, tiny_encoder, folder, "--evaluate", *LANGUAGES)) == 0
    return folder


def test_a_run_learns_and_says_what_it_did(run: Path) -> None:
    record, scores = read_json(run / "run.json"), read_json(run / "scores.json")
    dev = record["english_dev"]
    assert dev["metric"] == "chunk_f1" and dev["items"] == 8 and dev["score"] > 90 > 40 > dev["floor"] > 0
    assert record["category"] == "tagging" and record["training"]["rows"] == 64 and record["texts"] is None
    # 64 sentences, eight of them in several inputs.
    assert record["counts"]["updates"] > 3 * 64 / 8 and record["warnings"] == []
    assert list(scores["languages"]) == ["en", "sw", "yo"] and scores["metric"] == "chunk_f1"
    english = scores["languages"]["en"]
    assert english["score"] == english["figures"]["f1"] > 90 and english["items"] == 8
    assert set(english["figures"]) == {"f1", "precision", "recall"}
    assert "token-classification" in (run / "model" / "README.md").read_text(encoding="utf-8")


def test_every_token_of_a_long_sentence_has_a_prediction(run: Path) -> None:
    table, told = read_predictions(run / "predictions.parquet")
    lengths = [(len(row["gold"].split()), len(row["predicted"].split())) for row in table.to_dicts()]
    assert all(a == b for a, b in lengths) and max(lengths)[0] > 30
    assert told["logits"].startswith("not kept") and told["labels"][0] == "O"


def test_evaluating_again_gives_the_same(run: Path, data: Path, capsys: Captured) -> None:
    before, table = read_json(run / "scores.json"), read_predictions(run / "predictions.parquet")[0]
    assert call(["evaluate", str(run), "--data", str(data), *LANGUAGES, "--json", "--threads", "1"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["languages"] == before["languages"] and again["average"] == before["average"]
    assert read_predictions(run / "predictions.parquet")[0].equals(table)


def test_submitted_and_scored_it_has_its_own_scores(run: Path, data: Path, tmp_path: Path) -> None:
    assert call(["submit", str(run), "--output", str(tmp_path / "out"), "--partial"]) == 0
    scored = tmp_path / "scored.json"
    assert call(["score", str(tmp_path / "out"), "--gold", str(data), "--output", str(scored)]) == 0
    found, own = read_json(scored)["tasks"]["panx"]["languages"], read_json(run / "scores.json")["languages"]
    assert {code: cell["figures"] for code, cell in found.items()} == {
        code: cell["figures"] for code, cell in own.items()
    }


def test_the_baseline_is_for_classes_of_texts(data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    output = tmp_path / "centroid"
    arguments = ["--task", "panx", "--data", str(data), "--encoder", str(tiny_encoder), "--output", str(output)]
    assert call(["baseline", *arguments]) == 2
    assert "nearest centroid, and panx is tagging: it has none" in capsys.readouterr().err
    assert not output.exists()


def test_a_run_on_a_benchmark_tags_files_too(run: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "new.txt").write_text("yin ba mem\nnay\n", encoding="utf-8")
    assert call(["predict", str(run), str(tmp_path / "new.txt")]) == 0
    assert capsys.readouterr().out == "yin\tB-PER\nba\tO\nmem\tB-LOC\n\nnay\tB-ORG\n\n"


def test_killed_and_resumed_it_is_the_same_run(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    options = ("--method", "freelb", "--accumulate", "2", "--epochs", "1", "--checkpoint-seconds", "0")
    assert_resumes(lambda run: command(data, tiny_encoder, run, *options), tmp_path, 4)


def test_quickstart_compares_methods_without_a_frozen_baseline(
    data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    arguments = ["--task", "panx", "--data", str(data), "--encoder", str(tiny_encoder), "--output", str(tmp_path / "q")]
    options = ["--methods", "plain,pgd", "--seeds", "1", "--epochs", "1", "--workers", "1", "--threads", "1"]
    assert call(["quickstart", *arguments, *options, *LANGUAGES]) == 0
    assert sorted(path.name for path in (tmp_path / "q" / "runs").iterdir()) == ["pgd-1-seed1", "plain-seed1"]
    assert "chunk_f1" in (tmp_path / "q" / "report" / "index.html").read_text(encoding="utf-8")


def test_quickstart_tags_slots_without_any_data_in_a_folder_of_its_own(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Beside the folder of `intents`, whose runs have the same names."""
    monkeypatch.chdir(tmp_path)
    small = ["--seeds", "1", "--epochs", "1", "--train-rows", "16", "--limit", "4", "--languages", "en,de,hi"]
    fast = ["--encoder", str(tiny_encoder), "--methods", "plain,freelb", "--workers", "1", "--threads", "1", "--json"]
    assert call(["quickstart", "--task", "slots", *small, *fast]) == 0
    said = capsys.readouterr()
    assert "report: quickstart-slots/report/index.html (open it in a browser)" in said.err
    scores = json.loads(said.out)
    assert sorted(scores) == ["freelb-2-seed1", "plain-seed1"]
    for each in scores.values():
        assert each["metric"] == "chunk_f1" and list(each["languages"]) == ["en", "de", "hi"]
        assert all(found["items"] == 4 for found in each["languages"].values())
    page = Path("quickstart-slots/report/index.html").read_text(encoding="utf-8")
    assert "slots" in page and "chunk_f1" in page and not Path("quickstart").exists()

"""Zero-shot evaluation through the command line: which rows, in which order, and what the score file says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from helpers.commands import call, train_command
from helpers.tiny import LABELS, XNLI

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(scope="module")
def trained(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learnt its task; not to be written to."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        options = ("--epochs", "25", "--learning-rate", "1e-2")
        assert call(train_command(tiny_data, tiny_encoder, folder, *options)) == 0
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy to score."""
    return shutil.copytree(trained, tmp_path / "run")


def score(run: Path, data: Path, *more: str) -> int:
    return call(["evaluate", str(run), "--data", str(data), "--threads", "1", *more])


def rows_of(data: Path, language: str, split: str = "test") -> list[list[str]]:
    text = (data / "xnli" / f"{split}-{language}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]


def test_every_language_in_the_rows_own_order(run: Path, tiny_data: Path) -> None:
    """Batches are sorted by length; the table is not."""
    assert score(run, tiny_data) == 0
    table = pl.read_parquet(run / "predictions.parquet")
    assert table["language"].unique(maintain_order=True).to_list() == list(XNLI.languages)
    for language in XNLI.languages:
        part = table.filter(pl.col("language") == language)
        assert part["row"].to_list() == list(range(12))
        assert part["file"].unique().to_list() == [f"xnli/test-{language}.tsv"]
        assert part["gold"].to_list() == [row[2] for row in rows_of(tiny_data, language)]
        best = [LABELS[logits.index(max(logits))] for logits in part["logits"].to_list()]
        assert part["predicted"].to_list() == best


def test_the_task_is_learnt_in_all_languages(run: Path, tiny_data: Path, trained: Path) -> None:
    """The marker words are shared: rows in a wrong order, or labels in one, would be at chance."""
    assert score(run, tiny_data) == 0
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    assert min(cell["score"] for cell in scores["languages"].values()) > 60 and scores["average"] > 85
    assert json.loads((trained / "run.json").read_text(encoding="utf-8"))["warnings"] == []


def test_logits_are_those_of_one_row_at_a_time(run: Path, tiny_data: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    assert score(run, tiny_data, "--languages", "de") == 0
    model = AutoModelForSequenceClassification.from_pretrained(run / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(run / "model")
    recorded = pl.read_parquet(run / "predictions.parquet")["logits"].to_list()
    for row, logits in zip(rows_of(tiny_data, "de"), recorded, strict=True):
        with torch.inference_mode():
            alone = model(**tokenizer(row[0], row[1], return_tensors="pt")).logits[0]
        assert alone.tolist() == pytest.approx(logits, abs=1e-4)


def test_limit_languages_and_split(run: Path, tiny_data: Path) -> None:
    assert score(run, tiny_data, "--languages", "sw, tr", "--limit", "5") == 0
    table = pl.read_parquet(run / "predictions.parquet")
    assert table.select("language", "row").rows() == [(code, row) for code in ("sw", "tr") for row in range(5)]
    assert score(run, tiny_data, "--languages", "en", "--split", "dev") == 0
    table = pl.read_parquet(run / "predictions.parquet")
    assert table["file"].unique().to_list() == ["xnli/dev-en.tsv"] and table.height == 12


def test_score_file(run: Path, tiny_data: Path) -> None:
    assert score(run, tiny_data, "--languages", "en,sw,tr", "--limit", "6") == 0
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    table = pl.read_parquet(run / "predictions.parquet")
    assert list(scores["languages"]) == ["en", "sw", "tr"]
    for language, cell in scores["languages"].items():
        part = table.filter(pl.col("language") == language)
        right = (part["gold"] == part["predicted"]).mean()
        assert cell == {"score": pytest.approx(100 * right), "items": 6}
    others = [scores["languages"][code]["score"] for code in ("sw", "tr")]
    assert scores["average_without_english"] == pytest.approx(sum(others) / 2)
    assert scores["task"] == "xnli" and scores["split"] == "test" and scores["metric"] == "accuracy"
    assert scores["arm"] == "plain" and scores["seed"] == 1 and scores["labels"] == list(LABELS)
    assert scores["selection"] == {"split": None, "languages": ["en", "sw", "tr"], "limit": 6}
    assert scores["data"]["files"]["xnli/test-sw.tsv"]["rows"] == 12
    for key in ("command", "created", "versions", "seconds", "strata"):
        assert scores[key], key


def test_products_in_bf16_are_said_and_give_nearly_the_same_logits(run: Path, tiny_data: Path, tmp_path: Path) -> None:
    """Another precision is another answer: a score file in one does not stand for the other."""
    found = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        more = ("--languages", "en,sw", "--precision", precision, "-o", str(out))
        assert score(run, tiny_data, *more) == 0
        found[precision] = pl.read_parquet(out / "predictions.parquet")
        selection = json.loads((out / "scores.json").read_text(encoding="utf-8"))["selection"]
        assert selection.get("precision") == ({"bf16": "bf16"}.get(precision))
    logits = [np.array(table["logits"].to_list()) for table in found.values()]
    spread = np.abs(logits[0]).max()
    assert 0 < np.abs(logits[0] - logits[1]).max() < 0.03 * spread
    assert score(run, tiny_data, "--languages", "en,sw", "-o", str(tmp_path / "bf16")) == 2


def test_training_and_scoring_at_once_gives_the_same_table(
    run: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """The model in memory and the model on disk answer alike."""
    command = train_command(tiny_data, tiny_encoder, tmp_path / "both", "--evaluate", "--languages", "sw,en")
    assert call(command) == 0
    kept = pl.read_parquet(tmp_path / "both" / "predictions.parquet")
    assert score(tmp_path / "both", tiny_data, "--languages", "sw,en") == 0
    assert pl.read_parquet(tmp_path / "both" / "predictions.parquet").equals(kept)


def test_asked_again_a_scored_run_is_not_scored_again(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", "--evaluate", "--languages", "sw")
    for time in range(2):
        assert call(command) == 0
        assert ("scoring xnli" in capsys.readouterr().err) == (time == 0)
    assert call([*command, "--limit", "3"]) == 0
    assert pl.read_parquet(tmp_path / "run" / "predictions.parquet").height == 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--languages", "swa"), "unknown language of xnli 'swa' (nearest: sw)"),
        (("--languages", ","), "--languages names no language"),
        (("--limit", "0"), "--limit must be at least 1, not 0"),
        (("--precision", "fp16"), "--precision must be one of fp32, bf16, not 'fp16'"),
        (("--threads", "0"), "--threads must be at least 1, not 0"),
        (("--split", "tset"), "unknown split 'tset' (nearest: test)"),
        (("--languages", "sw", "--split", "dev"), "lacks dev-sw.tsv"),
    ],
)
def test_refusals(
    trained: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    command = ["evaluate", str(trained), "--data", str(tiny_data), *more]
    assert call(command) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said and said.count("error: ") == 1
    assert not (trained / "scores.json").exists()


def test_a_data_folder_that_lacks_languages_is_refused_before_training(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(tiny_data, tmp_path / "data")
    (data / "xnli" / "test-sw.tsv").unlink()
    assert call(train_command(data, tiny_encoder, tmp_path / "run", "--evaluate")) == 2
    said = capsys.readouterr().err
    assert "the data lacks sw; add the files, or score the others with --languages ar,bg" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("state", ["absent", "foreign", "unfinished", "without model", "damaged", "other labels"])
def test_runs_that_cannot_be_scored(
    state: str, run: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = {
        "absent": "does not exist",
        "foreign": "is not a run folder",
        "unfinished": "is not finished; give its training command again",
        "without model": "keeps no model",
        "damaged": "damaged or cut short",
        "other labels": "answers yes, no, maybe, but xnli asks for",
    }
    weights = run / "model" / "model.safetensors"
    if state == "absent":
        shutil.rmtree(run)
    elif state == "foreign":
        (run / "run.json").unlink()
        (run / "config.json").unlink()
    elif state == "unfinished":
        (run / "run.json").unlink()
    elif state == "without model":
        shutil.rmtree(run / "model")
    elif state == "damaged":
        weights.write_bytes(weights.read_bytes()[:9000])
    else:
        config = json.loads((run / "model" / "config.json").read_text(encoding="utf-8"))
        config["id2label"] = {"0": "yes", "1": "no", "2": "maybe"}
        (run / "model" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert score(run, tiny_data) == 2
    said = capsys.readouterr().err
    assert messages[state] in said and "Traceback" not in said


def test_the_generalized_setting_scores_every_ordered_pair(
    run: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(run, tiny_data, "--generalized") == 0
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    assert len(scores["languages"]) == 225 and scores["selection"]["generalized"] is True
    assert {name: each["languages"] for name, each in scores["strata"]["same language"].items()} == {
        "no": 210,
        "yes": 14,
    }
    table = pl.read_parquet(run / "predictions.parquet")
    pair = table.filter(pl.col("language") == "de+sw")
    assert pair["gold"].to_list() == [row[2] for row in rows_of(tiny_data, "de")]
    assert call(["submit", str(run), "--output", str(tmp_path / "submission")]) == 2
    said = capsys.readouterr().err
    assert "evaluate it without --generalized" in said and not (tmp_path / "submission").exists()


@pytest.mark.parametrize("more", [("--task", "intents"), ("--task", "tatoeba", "--data", "DIR")])
def test_the_generalized_setting_is_for_pairs(
    more: tuple[str, ...], tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tuple(str(tiny_data) if each == "DIR" else each for each in more)
    assert call(["train", "--generalized", "--output", str(tmp_path / "run"), *more]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "run").exists()

"""`xtremor tasks` and `xtremor languages`: what a task is, what can be trained on, and the lists of both benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import call
from helpers.official import LANGUAGES, small_card, write

from xtremor.tasks.cards import all_cards
from xtremor.tasks.category import trainable

Captured = pytest.CaptureFixture[str]


def as_json(capsys: Captured, *arguments: str) -> Any:
    assert call([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def rows(capsys: Captured, *arguments: str) -> list[dict[str, str]]:
    assert call(list(arguments)) == 0
    head, *lines = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    return [dict(zip(head, line, strict=True)) for line in lines]


def test_the_list_says_what_can_be_trained_on(capsys: Captured) -> None:
    found = {row["task"]: row for row in rows(capsys, "tasks")}
    assert set(found) == {each.name for each in all_cards()}
    english = {each.name for each in all_cards() if each.source == "intermediate"}
    trained = {"intents", "slots", "xnli", "pawsx", "panx", "udpos", "xcopa", "xquad", "mlqa", "tydiqa"}
    trained |= {"lareqa", "mewslix"} | english
    assert {name for name, row in found.items() if row["group"] == "English intermediate tasks"} == english
    assert {name for name, row in found.items() if row["train"] == "yes"} == trained
    assert (found["panx"]["category"], found["panx"]["languages"], found["panx"]["metric"]) == (
        "tagging",
        "48",
        "chunk_f1",
    )
    assert found["pawsx"]["benchmarks"] == "xtreme" and found["xcopa"]["benchmarks"] == "xtreme-r"


def test_each_benchmark_has_its_own_number_of_languages(capsys: Captured) -> None:
    older = {row["task"]: row["languages"] for row in rows(capsys, "tasks", "--benchmark", "xtreme")}
    assert (older["udpos"], older["panx"], older["xquad"], older["tatoeba"]) == ("33", "40", "11", "36")
    assert len(rows(capsys, "languages", "--benchmark", "xtreme-r")) == 50
    assert len(rows(capsys, "languages", "--benchmark", "xtreme")) == 40
    codes = [row["code"] for row in rows(capsys, "languages", "--task", "PAN-X", "--benchmark", "xtreme")]
    assert len(codes) == 40 and "qu" not in codes
    assert call(["languages", "--benchmark", "extreme"]) == 2
    assert "unknown benchmark 'extreme' (nearest: xtreme" in capsys.readouterr().err


def test_a_card_says_what_its_encoders_saw_where_labels_are_and_what_was_not_tried(capsys: Captured) -> None:
    (card,) = as_json(capsys, "tasks", "WikiANN-NER")
    assert card["name"] == "panx" and card["trainable"] is True and len(card["exposure"]) == 3
    assert "panx/test-XX.tsv" in card["layout"] and "unimelb-nlp/wikiann" in card["labels_at"]
    assert "has not been tried" in card["hub"][-1]
    assert call(["tasks", "xcopa"]) == 0
    said = capsys.readouterr().out
    assert "trainable: yes" in said and "  - XLM-R: " in said and "has not been tried" in said


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("task", [task for task in LANGUAGES if not trainable(small_card(task))])
def test_training_on_what_has_no_training_set_is_refused_and_nothing_is_written(
    task: str, tmp_path: Path, tiny_encoder: Path, capsys: Captured
) -> None:
    data, output = write(tmp_path / "data", task), tmp_path / "run"
    command = ["train", "--task", task, "--data", str(data), "--encoder", str(tiny_encoder), "--output", str(output)]
    assert call(command) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"error: {task} has no training set: ") and f"xtremor baseline --task {task}" in said
    assert not output.exists()


@pytest.mark.usefixtures("own_cache")
def test_pawsx_is_trained_and_scored_like_xnli(tmp_path: Path, tiny_encoder: Path, capsys: Captured) -> None:
    data, run = write(tmp_path / "data", "pawsx"), tmp_path / "run"
    train = ["train", "--task", "pawsx", "--data", str(data), "--encoder", str(tiny_encoder), "--output", str(run)]
    assert call([*train, "--epochs", "1", "--batch-size", "4", "--threads", "1"]) == 0
    capsys.readouterr()
    scores = as_json(capsys, "evaluate", str(run), "--data", str(data), "--languages", "de,en,fr")
    assert list(scores["languages"]) == ["de", "en", "fr"] and scores["metric"] == "accuracy"
    assert scores["strata"]["seen by multilingual-e5"]["yes"]["items"] == 12


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("task", "options", "figures"),
    [
        ("udpos", ("--languages", "en,kk"), {"f1", "precision", "recall", "token_accuracy"}),
        ("xquad", ("--languages", "en,el"), {"score", "f1", "exact_match"}),
        # The official download empties the answers of the test files.
        ("tydiqa", ("--languages", "ko,sw", "--split", "train"), {"score", "f1", "exact_match"}),
    ],
)
def test_other_tasks_of_a_category_are_trained_and_scored_too(
    task: str, options: tuple[str, ...], figures: set[str], tmp_path: Path, tiny_encoder: Path, capsys: Captured
) -> None:
    data, run = write(tmp_path / "data", task), tmp_path / "run"
    train = ["train", "--task", task, "--data", str(data), "--encoder", str(tiny_encoder), "--output", str(run)]
    more = ["--epochs", "1", "--batch-size", "4", "--threads", "1", "--max-length", "32", "--no-keep-model"]
    assert call([*train, *more, "--evaluate", *options]) == 0
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    assert list(scores["languages"]) == options[1].split(",")
    assert all(set(cell["figures"]) == figures for cell in scores["languages"].values())

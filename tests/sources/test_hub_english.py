"""English intermediate tasks on the hub: Parquet with the published columns gives the published files' rows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.english import FILES, csqa_row, write

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.sources.hub import HubSource
from xtremor.tasks.cards import card

pytestmark = pytest.mark.usefixtures("own_cache")
NLI = ("entailment", "neutral", "contradiction")
PLACES = {
    "mnli": "nyu-mll/multi_nli/data", "anli": "facebook/anli/plain_text", "qqp": "nyu-mll/glue/qqp",
    "qnli": "nyu-mll/glue/qnli", "squad": "rajpurkar/squad/plain_text", "squad2": "rajpurkar/squad_v2/squad_v2",
    "hellaswag": "Rowan/hellaswag/data", "siqa": "allenai/social_i_qa/default", "cosmosqa": "allenai/cosmos_qa/default",
    "commonsenseqa": "tau/commonsense_qa/data",
}  # fmt: skip


def pair_columns(task: str) -> tuple[str, str]:
    if task == "qqp":
        return ("question1", "question2")
    return ("question", "sentence") if task == "qnli" else ("premise", "hypothesis")


def hub_row(task: str, each: Any, number: int) -> dict[str, Any]:
    """An example as the hub has its row."""
    if task in ("mnli", "anli", "qqp", "qnli"):
        classes = NLI if task in ("mnli", "anli") else card(task).labels
        row = {**dict(zip(pair_columns(task), each.texts, strict=True)), "label": classes.index(each.label)}
        return {"uid": str(number), **row} if task == "anli" else {"idx": number, **row}
    if task in ("squad", "squad2"):
        answers = {"text": [one.text for one in each.answers], "answer_start": [one.start for one in each.answers]}
        return {"id": each.id, "title": "t", "context": each.context, "question": each.question, "answers": answers}
    if task == "hellaswag":
        second = "" if number % 2 else "he"
        endings = [choice.removeprefix("he ") for choice in each.choices]
        source = f"activitynet~v_{number // 2}"
        return {"ctx_a": each.context, "ctx_b": second, "endings": endings, "source_id": source, "label": each.label}
    if task == "siqa":
        answers = {f"answer{letter}": text for letter, text in zip("ABC", each.choices, strict=True)}
        return {"context": each.context, "question": each.question, **answers, "label": str(int(each.label) + 1)}
    if task == "cosmosqa":
        answers = {f"answer{place}": text for place, text in enumerate(each.choices)}
        row = {"id": str(number), "context": each.context, "question": each.question}
        return {**row, **answers, "label": int(each.label)}
    row = csqa_row(number)
    choices = {key: [one[key] for one in row["question"]["choices"]] for key in ("label", "text")}
    return {"id": row["id"], "question": each.context, "choices": choices, "answerKey": row["answerKey"]}


def put(folder: Path, task: str, split: str, rows: list[dict[str, Any]]) -> None:
    path = folder / PLACES[task] / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(path)


def content(found: list[Any]) -> list[dict[str, Any]]:
    """What examples hold, without their lines: those of rows that are not on the hub are missing there."""
    return [{**asdict(each), "row": None} for each in found]


@pytest.mark.parametrize("task", FILES)
def test_rows_are_those_of_the_published_files(task: str, tmp_path: Path) -> None:
    official = open_source(card(task), write(tmp_path / "disk", task))
    for split, theirs in (("train", "train"), ("dev", "validation_matched" if task == "mnli" else "validation")):
        found = official.examples(split, "en")
        rows = [hub_row(task, each, number) for number, each in enumerate(found)]
        if task == "anli":
            for number in (1, 2, 3):
                part = [row for row, each in zip(rows, found, strict=True) if f"/R{number}/" in each.file]
                put(tmp_path / "hub", task, f"{split}_r{number}", part)
        else:
            put(tmp_path / "hub", task, theirs, rows)
    source = HubSource(card(task), tmp_path / "hub")
    assert source.languages("train") == source.languages("dev") == ["en"]
    for split in ("train", "dev"):
        assert content(source.examples(split, "en")) == content(official.examples(split, "en"))
    assert source.record().source == f"Hugging Face hub, {'/'.join(PLACES[task].split('/')[:2])}"
    source.close()


def test_a_missing_label_of_mnli_is_dropped_as_on_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": label} for label in (0, -1)]
    put(tmp_path, "mnli", "validation_mismatched", rows)
    assert len(HubSource(card("mnli"), tmp_path).examples("dev-mismatched", "en")) == 1
    assert "1 of 2 rows dropped" in capsys.readouterr().err


def test_other_columns_and_other_splits_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "hellaswag", "train", [{"text": "a"}])
    with pytest.raises(UserError, match=r"has not the published columns \('ctx_a' cannot be used; found: text\)"):
        HubSource(card("hellaswag"), tmp_path).examples("train", "en")
    with pytest.raises(UserError, match="the hub has no test in en"):
        HubSource(card("hellaswag"), tmp_path).examples("test", "en")
    put(tmp_path, "qqp", "train", [{"question1": "a\tb", "question2": "c", "label": 0}])
    with pytest.raises(UserError, match=r"'question1' holds .* expected a text without tabs"):
        HubSource(card("qqp"), tmp_path).examples("train", "en")


def test_what_is_written_for_the_reader_is_what_it_reads(tmp_path: Path) -> None:
    """A question of SQuAD 2.0 without an answer says so in the file."""
    empty: dict[str, list[Any]] = {"text": [], "answer_start": []}
    full = {"text": ["b"], "answer_start": [2]}
    rows = [
        {"id": str(number), "title": "t", "context": "a b", "question": "q", "answers": answers}
        for number, answers in enumerate((full, empty))
    ]
    put(tmp_path, "squad2", "train", rows)
    found = HubSource(card("squad2"), tmp_path).examples("train", "en")
    assert [each.answers and each.answers[0].text for each in found] == ["b", ()]
    assert not any(each.answerable for each in found)

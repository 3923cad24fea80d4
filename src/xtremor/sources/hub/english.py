"""Where the English intermediate tasks are on the Hugging Face hub, and their rows in the published files' form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from xtremor.sources.hub.published import (
    ONE_CONFIGURATION,
    Convert,
    Published,
    Row,
    class_name,
    class_names,
    joined,
    one_line,
    social_lines,
    squad_json,
)

_SPLITS = {"train": "train", "dev": "validation"}
_MNLI_SPLITS = {"train": "train", "dev": "validation_matched", "dev-mismatched": "validation_mismatched"}
_COSMOS = ("context", "question", "answer0", "answer1", "answer2", "answer3", "label")


def published_english(task: str, split: str) -> tuple[Published, ...]:
    """Where the files of a split are, in the order of its reader's parts; none where the hub has no such split."""
    repository, folders, convert = _PLACES[task]
    if task == "mnli":
        theirs = tuple(_MNLI_SPLITS[split] for _ in range(split in _MNLI_SPLITS))
    elif task == "anli":
        theirs = tuple(f"{split}_r{number}" for number in (1, 2, 3) if split in _SPLITS)
    else:
        theirs = tuple(_SPLITS[split] for _ in range(split in _SPLITS))
    return tuple(Published(repository, folders, each, convert) for each in theirs)


def _lines(make: Callable[[Row, Sequence[str]], Mapping[str, Any]]) -> Convert:
    """JSON lines of what is made of a row and the names of its classes."""

    def convert(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
        classes = class_names(names.get("label"), labels)
        return joined(json.dumps(make(row, classes), ensure_ascii=False) for row in rows)

    return convert


def _mnli(row: Row, classes: Sequence[str]) -> Mapping[str, Any]:
    label = "-" if row["label"] == -1 else class_name(row["label"], classes)
    return {"sentence1": row["premise"], "sentence2": row["hypothesis"], "gold_label": label}


def _anli(row: Row, classes: Sequence[str]) -> Mapping[str, Any]:
    label = class_name(row["label"], classes)[0]
    return {"uid": row["uid"], "context": row["premise"], "hypothesis": row["hypothesis"], "label": label}


def _hellaswag(row: Row, classes: Sequence[str]) -> Mapping[str, Any]:
    # The hub has the number as text.
    return {**{key: row[key] for key in ("ctx_a", "ctx_b", "endings", "source_id")}, "label": int(row["label"])}


def _commonsenseqa(row: Row, classes: Sequence[str]) -> Mapping[str, Any]:
    choices = zip(row["choices"]["label"], row["choices"]["text"], strict=True)
    asked = {"stem": row["question"], "choices": [{"label": letter, "text": text} for letter, text in choices]}
    return {"id": row["id"], "question": asked, "answerKey": row["answerKey"]}


def _table(texts: tuple[str, str], theirs: str) -> Convert:
    """GLUE's TSV with its header; ``theirs`` is its name for the class."""

    def convert(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
        classes = class_names(names.get("label"), labels)
        lines = ["\t".join((*texts, theirs))]
        for row in rows:
            lines.append("\t".join((*(one_line(row[key], key) for key in texts), class_name(row["label"], classes))))
        return joined(lines)

    return convert


def _second(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
    """SQuAD 2.0: the hub says by an empty list that there is no answer."""
    document = json.loads(squad_json(rows, names, labels))
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                asked["is_impossible"] = not asked["answers"]
    return json.dumps(document, ensure_ascii=False)


def _cosmosqa(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_COSMOS)
    writer.writerows([row[key] for key in _COSMOS] for row in rows)
    return text.getvalue()


# Task -> repository, where its Parquet files may lie, and how their rows are rewritten.
_PLACES: dict[str, tuple[str, tuple[str, ...], Convert]] = {
    "mnli": ("nyu-mll/multi_nli", ONE_CONFIGURATION, _lines(_mnli)),
    "anli": ("facebook/anli", ONE_CONFIGURATION, _lines(_anli)),
    "qqp": ("nyu-mll/glue", ("qqp",), _table(("question1", "question2"), "is_duplicate")),
    "qnli": ("nyu-mll/glue", ("qnli",), _table(("question", "sentence"), "label")),
    "squad": ("rajpurkar/squad", ONE_CONFIGURATION, squad_json),
    "squad2": ("rajpurkar/squad_v2", ("squad_v2", *ONE_CONFIGURATION), _second),
    "hellaswag": ("Rowan/hellaswag", ONE_CONFIGURATION, _lines(_hellaswag)),
    "siqa": ("allenai/social_i_qa", ONE_CONFIGURATION, social_lines),
    "cosmosqa": ("allenai/cosmos_qa", ONE_CONFIGURATION, _cosmosqa),
    "commonsenseqa": ("tau/commonsense_qa", ONE_CONFIGURATION, _lines(_commonsenseqa)),
}

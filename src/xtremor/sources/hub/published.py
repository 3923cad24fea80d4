"""Where each task is on the Hugging Face hub, and its rows in the official layout.

Names and columns are those of the published data set cards. None could be tried over a network when this was
written; the columns are tested on Parquet files that the tests write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xtremor.errors import UserError
from xtremor.languages import lookup
from xtremor.tasks.cards.benchmarks import LANGUAGES

Row = Mapping[str, Any]
# (rows, column -> names of its classes, label names of the card) -> content of a file of the official layout.
Convert = Callable[[Iterable[Row], Mapping[str, Sequence[str]], Sequence[str]], str]

TYDIQA_LANGUAGES = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian", "ko": "korean",
    "ru": "russian", "sw": "swahili", "te": "telugu",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Published:
    """One split of one language on the hub.

    Attributes:
        repository: ``owner/name`` of the data set.
        folders: where its Parquet files may lie: the configuration, or the names that a repository without
            configurations uses.
        split: the hub's name of the split.
        convert: rows to the official file.
        keep: which rows belong to the language; by default all.
    """

    repository: str
    folders: tuple[str, ...]
    split: str
    convert: Convert
    keep: Callable[[Row], bool] = field(default=lambda row: True)


ONE_CONFIGURATION = ("plain_text", "default", "data", ".")
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def published(task: str, split: str, language: str) -> tuple[Published, ...]:
    """Where the files of a split of a language are, in the order of its reader's parts; none where there are none."""
    if task == "tatoeba":
        return _tatoeba(split, language)
    found = _one_file(task, split, language)
    return () if found is None else (found,)


def _tatoeba(split: str, language: str) -> tuple[Published, ...]:
    """The English file and the other; the hub has XTREME's languages alone, row-aligned."""
    if split != "test" or language not in LANGUAGES["tatoeba"]["xtreme"]:
        return ()
    folders = (f"tatoeba.{lookup(language).tatoeba_code}",)
    columns = ("target_sentence", "source_sentence")
    return tuple(Published("google/xtreme", folders, "validation", _sentences(each)) for each in columns)


def _one_file(task: str, split: str, language: str) -> Published | None:
    theirs = _SPLITS.get(split, "")
    english = language == "en"
    if task in ("xnli", "pawsx") and theirs and (english or split != "train"):
        repository = {"xnli": "facebook/xnli", "pawsx": "google-research-datasets/paws-x"}[task]
        columns = {"xnli": ("premise", "hypothesis"), "pawsx": ("sentence1", "sentence2")}[task]
        return Published(repository, (language,), theirs, _pairs(columns))
    if task in ("panx", "udpos") and theirs:
        repository = {"panx": "unimelb-nlp/wikiann", "udpos": "izhx/xtreme-r-udpos"}[task]
        return Published(repository, (language,), theirs, _tagged)
    if task == "xcopa" and split in ("dev", "test") and not english:
        return Published("cambridgeltl/xcopa", (language,), theirs, _choices)
    if task == "xcopa" and split in ("siqa", "siqa-dev") and english:
        part = "train" if split == "siqa" else "validation"
        return Published("allenai/social_i_qa", ONE_CONFIGURATION, part, social_lines)
    if task in ("xquad", "mlqa") and split == "train" and english:
        return Published("rajpurkar/squad", ONE_CONFIGURATION, "train", squad_json)
    if task == "xquad" and split == "test":
        return Published("google/xquad", (f"xquad.{language}",), "validation", squad_json)
    if task == "mlqa" and split in ("dev", "test"):
        return Published("facebook/mlqa", (f"mlqa.{language}.{language}",), theirs, squad_json)
    if task == "tydiqa" and split in ("train", "test") and language in TYDIQA_LANGUAGES:
        begin = f"{TYDIQA_LANGUAGES[language]}-"
        theirs = "validation" if split == "test" else "train"
        folders = ("secondary_task",)
        return Published(
            "google-research-datasets/tydiqa", folders, theirs, squad_json, lambda row: str(row["id"]).startswith(begin)
        )
    return None


def _pairs(columns: tuple[str, str]) -> Convert:
    def convert(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
        classes = class_names(names.get("label"), labels)
        lines = []
        for row in rows:
            texts = [one_line(row[column], column) for column in columns]
            # -1 is the hub's way of saying that a split has no labels.
            label = [] if row["label"] in (-1, None) else [class_name(row["label"], classes)]
            lines.append("\t".join([*texts, *label]))
        return joined(lines)

    return convert


def _tagged(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
    sentences = []
    for row in rows:
        column = next((name for name in ("ner_tags", "pos_tags", "upos", "tags") if name in row), None)
        if column is None:
            raise KeyError("ner_tags, pos_tags, upos or tags")
        # The order of wikiann's classes is published and the card's; of others the file must tell it.
        classes = names.get(column) or (labels if column == "ner_tags" else None)
        tokens, tags = row["tokens"], row[column]
        if len(tokens) != len(tags):
            raise UserError(f"a sentence has {len(tokens)} tokens and {len(tags)} tags ({' '.join(tokens)[:40]})")
        sentences.append(
            joined(
                f"{one_line(token, 'tokens')}\t{class_name(tag, classes)}"
                for token, tag in zip(tokens, tags, strict=True)
            )
        )
    return "\n".join(sentences)


def _sentences(column: str) -> Convert:
    def convert(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
        # The loading script from which the hub's files were made kept the line ends.
        return joined(one_line(row[column].rstrip("\r\n"), column) for row in rows)

    return convert


def _choices(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
    keys = ("premise", "choice1", "choice2", "question", "label", "idx")
    found = ({key: row[key] for key in keys if not (key == "label" and row[key] == -1)} for row in rows)
    return joined(json.dumps(row, ensure_ascii=False) for row in found)


def social_lines(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
    """Social IQa as JSON lines with the letter of the right answer."""
    keys = ("context", "question", "answerA", "answerB", "answerC")
    correct = {"1": "A", "2": "B", "3": "C"}
    found = ({**{key: row[key] for key in keys}, "correct": correct[str(row["label"]).strip()]} for row in rows)
    return joined(json.dumps(row, ensure_ascii=False) for row in found)


def squad_json(rows: Iterable[Row], names: Mapping[str, Sequence[str]], labels: Sequence[str]) -> str:
    """Rows that follow each other with one context are a paragraph, paragraphs with one title an article."""
    articles: list[dict[str, Any]] = []
    for row in rows:
        title = row.get("title")
        if not articles or title is None or articles[-1]["title"] != title:
            follows = articles and title is None and articles[-1]["paragraphs"][-1]["context"] == row["context"]
            if not follows:
                articles.append({"title": title, "paragraphs": []})
        paragraphs = articles[-1]["paragraphs"]
        if not paragraphs or paragraphs[-1]["context"] != row["context"]:
            paragraphs.append({"context": row["context"], "qas": []})
        paragraphs[-1]["qas"].append({"id": row["id"], "question": row["question"], "answers": [*_answers(row)]})
    return json.dumps({"data": articles}, ensure_ascii=False)


def _answers(row: Row) -> Iterator[dict[str, Any]]:
    answers = row["answers"]
    for text, start in zip(answers["text"], answers["answer_start"], strict=True):
        yield {"text": text, "answer_start": start}


def class_names(found: Sequence[str] | None, labels: Sequence[str]) -> Sequence[str]:
    """Names of the classes in the file's order; the card's names and order where the file's are other words."""
    return found if found is not None and set(found) == set(labels) else labels


def class_name(value: Any, classes: Sequence[str] | None) -> str:
    """The name of a class that may be a number; raises UserError where it cannot be told."""
    if isinstance(value, str):
        return value
    if classes is None:
        raise UserError("its classes are numbers without names, so that their order is not known")
    if not 0 <= value < len(classes):
        raise UserError(f"the class {value} is none of its {len(classes)}")
    return classes[value]


def one_line(text: Any, column: str) -> str:
    """A text that fits between tabs; raises UserError otherwise."""
    if not isinstance(text, str) or "\n" in text or "\t" in text:
        raise UserError(f"'{column}' holds {str(text)[:40]!r}; expected a text without tabs and line ends")
    return text


def joined(lines: Iterable[str]) -> str:
    """A line each."""
    return "".join(f"{line}\n" for line in lines)

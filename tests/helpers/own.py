"""A user's own files in made-up languages: reviews whose marker word gives the class away; other kinds."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from helpers.tiny import MARKERS, sentence, write_mlqa, write_panx, write_xcopa

STARS = dict(zip(("1", "2", "3"), MARKERS.values(), strict=True))


def reviews(language: str, rows: int, seed: int = 0) -> pl.DataFrame:
    """``id``, ``text`` and ``stars`` (as text) of made-up reviews."""
    draw = random.Random(f"{language} {seed}")
    stars = [draw.choice(list(STARS)) for _ in range(rows)]
    texts = []
    for star in stars:
        words = sentence(draw, language, 7).split(" ")
        words.insert(draw.randint(0, len(words)), STARS[star])
        texts.append(" ".join(words))
    return pl.DataFrame({"id": range(rows), "text": texts, "stars": stars})


def write(frame: pl.DataFrame, path: Path) -> Path:
    """Write a table in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".txt":
        path.write_text("".join(f"{text}\n" for text in frame["text"]), encoding="utf-8")
    elif path.suffix == ".tsv":
        frame.write_csv(path, separator="\t")
    else:
        {".csv": frame.write_csv, ".jsonl": frame.write_ndjson, ".parquet": frame.write_parquet}[path.suffix](path)
    return path


def train_own(file: Path, encoder: Path, output: Path, *more: str) -> list[str]:
    """A run that learns the markers in two seconds; ``more`` overrides."""
    stated = {
        "--train": str(file), "--encoder": str(encoder), "--output": str(output), "--epochs": "10",
        "--batch-size": "8", "--learning-rate": "1e-2", "--threads": "1",
    }  # fmt: skip
    return ["train", *(word for pair in stated.items() if pair[0] not in more for word in pair), *more]


@dataclass(frozen=True)
class Own:
    """Files of a kind that is no classification.

    Attributes:
        train: the English training file.
        test: a folder of labelled files, a language each.
        file: one of them, in Swahili or German.
        options: columns, where it is a table.
        epochs: as many as it takes to learn the markers.
        length: longest input, where long ones are to be split.
    """

    train: Path
    test: Path
    file: Path
    options: tuple[str, ...]
    epochs: int
    length: int | None


def write_kind(category: str, folder: Path) -> Own:
    """Made-up English rows and test files of a category, from the benchmark files of `helpers.tiny`."""
    (folder / "test").mkdir(parents=True)
    if category == "tagging":
        data = write_panx(folder / "official", train=80) / "panx"
        places = {"ner.conll": "train-en.tsv", "test/swh.bio": "test-sw.tsv", "test/yo.conll": "test-yo.tsv"}
        options, epochs, length = (), 3, 24
    elif category == "spans":
        data = write_mlqa(folder / "official", train=60)
        dev = "mlqa/MLQA_V1/test/test-context-{0}-question-{0}.json"
        places = {"qa.json": "squad/train-v1.1.json"}
        places |= {"test/en.json": dev.format("en"), "test/de.json": dev.format("de")}
        options, epochs, length = (), 8, 24
    else:
        data = write_xcopa(folder / "official", train=80) / "xcopa"
        places = {"copa.jsonl": "en/train.en.jsonl"}
        places |= {f"test/{code}.jsonl": f"{code}/test.{code}.jsonl" for code in ("et", "sw")}
        options = ("--choices", "choice1,choice2", "--text", "premise", "--text-pair", "question", "--label", "label")
        epochs, length = 8, None
    for name, source in places.items():
        shutil.copy(data / source, folder / name)
    train, *_, last = (folder / name for name in places)
    return Own(train, folder / "test", last, options, epochs, length)


def train_kind(own: Own, encoder: Path, output: Path, *more: str, epochs: int | None = None) -> list[str]:
    """A run that learns the markers of a kind; ``more`` is added."""
    length = () if own.length is None else ("--max-length", str(own.length))
    return train_own(own.train, encoder, output, *own.options, *length, "--epochs", str(epochs or own.epochs), *more)

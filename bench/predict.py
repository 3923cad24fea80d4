"""Memory and speed of ``xtremor predict``: N rows and ten times as many, in a process each.

The model is a random encoder of two narrow layers, so that reading, tokenising and writing are a visible share of the
time and a leak of rows would not hide behind the model's own memory. Memory must stay flat; the rows per second say
how much of a real model's time the rest can cost at most.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from xtremor.machine import machine, versions

WORDS = [f"word{number}" for number in range(500)]


class Kind(NamedTuple):
    """What one kind of file needs: its suffix, the model's head, and options of the command."""

    suffix: str
    head: str
    options: tuple[str, ...] = ()


KINDS = {
    "csv": Kind(".csv", "BertForSequenceClassification"),
    "jsonl": Kind(".jsonl", "BertForSequenceClassification"),
    "parquet": Kind(".parquet", "BertForSequenceClassification"),
    "conll": Kind(".conll", "BertForTokenClassification"),
    "choice": Kind(".csv", "BertForMultipleChoice", ("--text", "text", "--choices", "first,second")),
    "squad": Kind(".json", "BertForQuestionAnswering"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of the small file (default 20,000)")
    parser.add_argument("--kinds", default="csv,jsonl,parquet", help=f"between commas, of {', '.join(KINDS)}")
    options = parser.parse_args()
    print({**machine(threads=1), **versions()})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in options.kinds.split(","):
            apart(write_model, folder / KINDS[kind].head, KINDS[kind].head)
            small = measure(folder, kind, options.rows)
            large = measure(folder, kind, 10 * options.rows)
            print(f"{kind}: ten times the rows take {large / small:.2f} times the memory")


def measure(folder: Path, kind: str, rows: int) -> float:
    """Label a file of ``rows`` rows in a process of its own, print what it took, and return its peak MiB."""
    about = KINDS[kind]
    file, output = folder / f"rows{about.suffix}", folder / f"labelled{about.suffix}"
    apart(write_rows, file, rows, kind)
    command = [sys.executable, "-m", "xtremor", "predict", str(folder / about.head), str(file), *about.options]
    command += ["--threads", "1"]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--output", str(output)], stderr=subprocess.DEVNULL)
    # Of this child alone: RUSAGE_CHILDREN would give the largest of all so far.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status != 0:
        raise SystemExit(f"predict failed on {file.name}")
    peak = usage.ru_maxrss / 1024
    size = file.stat().st_size / 2**20
    print(f"{kind}: {rows:,} rows ({size:.0f} MiB): {seconds:.0f} s with start-up, peak {peak:.0f} MiB", flush=True)
    return peak


def apart(work: Callable[..., None], *arguments: object) -> None:
    """Do something in a process of its own: the kernel counts this one's peak as that of every child it starts."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} failed")


def write_rows(path: Path, rows: int, kind: str) -> None:
    """A file of made-up texts; of questions five share a paragraph."""
    import polars as pl

    draw = random.Random(rows)

    def words(least: int, most: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(least, most)))

    if kind == "conll":
        with path.open("w", encoding="utf-8") as file:
            for _ in range(rows):
                file.write("\n".join([*words(3, 25).split(), "", ""]))
        return
    if kind == "squad":
        asked = ({"id": f"q{number}", "question": words(3, 9), "answers": []} for number in range(rows))
        paragraphs = [{"context": words(20, 40), "qas": [*islice(asked, 5)]} for _ in range(0, rows, 5)]
        path.write_text(json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}), encoding="utf-8")
        return
    columns: dict[str, Iterable[Any]] = {
        "id": range(rows),
        "text": (words(3, 25) for _ in range(rows)),
        "source": ("a" if number % 3 else "b" for number in range(rows)),
    }
    if kind == "choice":
        columns |= {"first": (words(3, 9) for _ in range(rows)), "second": (words(3, 9) for _ in range(rows))}
    frame = pl.DataFrame({name: list(values) for name, values in columns.items()})
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[path.suffix[1:]](path)


def write_model(folder: Path, head: str) -> None:
    """A random model of three classes or tags with a word-level tokenizer."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    ids = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    core = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(ids), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=2 if head == "BertForQuestionAnswering" else 3,
    )  # fmt: skip
    getattr(transformers, head)(config).save_pretrained(folder)


if __name__ == "__main__":
    main()

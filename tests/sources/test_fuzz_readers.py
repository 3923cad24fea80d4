"""Damaged files in every official layout, and of every kind of a user's own: one sentence, or every row.

Nothing else is raised, nothing gets lost. How many rows a damaged file has is counted here a second time, with a few
lines that share nothing with the readers.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import english, official
from helpers.damage import damaged
from helpers.official import small_card

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.sources.own.conll import Conll, words
from xtremor.sources.own.kinds import Named, kind
from xtremor.sources.own.squad_json import read_squad
from xtremor.tasks.cards import card as find_card


def lines(content: bytes) -> list[bytes]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    return content.removesuffix(b"\n").split(b"\n") if content else []


def rows(content: bytes) -> int:
    return len(lines(content))


def tokens(content: bytes) -> int:
    return sum(line not in (b"", b"\r") for line in lines(content))


def keys(*wanted: str) -> Callable[[bytes], int]:
    """Count how often one of these keys has a text in a JSON file or in JSON lines, wherever it stands."""

    def count(content: bytes) -> int:
        found: list[str] = []

        def note(pairs: list[tuple[str, Any]]) -> None:
            found.extend(key for key, value in pairs if isinstance(value, str))

        text = content.decode().removeprefix("\ufeff")
        try:
            json.loads(text, object_pairs_hook=note)
        except ValueError:
            found.clear()
            for line in text.removesuffix("\n").split("\n"):
                json.loads(line, object_pairs_hook=note)
        return sum(key in wanted for key in found)

    return count


def whole_rows(content: bytes) -> int:
    """Rows of a table under its header that have a text or a label in each column but the first."""
    cells = [line.decode().removesuffix("\r").split("\t")[1:] for line in lines(content)[1:]]
    return sum(all(cell.strip() for cell in row) for row in cells)


def whole_objects(content: bytes) -> int:
    """JSON objects, one a line, of ANLI's that have both texts and a label."""
    found = [json.loads(line) for line in lines(content)]
    return sum(all(row[key].strip() for key in ("context", "hypothesis", "label")) for row in found)


# Task -> the file that is damaged, its split and language, how it is counted, and how what was read is counted.
CASES: list[tuple[str, str, str, str, Callable[[bytes], int], Callable[[list[Any]], int]]] = [
    ("xnli", "xnli/test-de.tsv", "test", "de", rows, len),
    ("pawsx", "pawsx/dev-fr.tsv", "dev", "fr", rows, len),
    ("udpos", "udpos/test-kk.tsv", "test", "kk", tokens, lambda found: sum(len(each.tokens) for each in found)),
    ("panx", "panx/dev-yo.tsv", "dev", "yo", tokens, lambda found: sum(len(each.tokens) for each in found)),
    ("xcopa", "xcopa/th/test.th.jsonl", "test", "th", rows, len),
    ("xcopa", "siqa/socialIQa_v1.4_trn.jsonl", "siqa", "en", rows, len),
    ("xquad", "xquad/xquad.el.json", "test", "el", keys("question"), len),
    ("mlqa", "mlqa/MLQA_V1/test/test-context-hi-question-hi.json", "test", "hi", keys("question"), len),
    ("tydiqa", "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json", "train", "sw", keys("question"), len),
    ("lareqa", "lareqa/xquad-r/th.json", "test", "th", keys("question"), len),
    (
        "mewslix", "mewslix/wikinews_mentions-test.jsonl", "test", "all", keys("example_id"), len,
    ),
    ("tatoeba", "tatoeba/tatoeba.jav-eng.jav", "test", "jv", rows, len),
    ("bucc2018", "bucc2018/de-en.dev.de", "dev", "de", rows, len),
    # What another file says of the rows: the golds.
    ("bucc2018", "bucc2018/de-en.dev.gold", "dev", "de", rows, lambda found: sum(len(each.gold) for each in found)),
    ("anli", "anli/R2/dev.jsonl", "dev", "en", lambda content: whole_objects(content) + 4, len),
    ("qnli", "qnli/dev.tsv", "dev", "en", whole_rows, len),
    ("squad2", "squad2/dev-v2.0.json", "dev", "en", keys("question"), len),
    ("hellaswag", "hellaswag/hellaswag_val.jsonl", "dev", "en", rows, len),
    ("siqa", "siqa/dev.jsonl", "dev", "en", rows, len),
    ("siqa", "siqa/dev-labels.lst", "dev", "en", rows, len),
    ("commonsenseqa", "commonsenseqa/dev_rand_split.jsonl", "dev", "en", rows, len),
]  # fmt: skip
# Files that are only looked into beside the one asked for: damage there must not keep the rows from being read.
REFERENCES: list[tuple[str, str, str, str, Callable[[bytes], int], Callable[[list[Any]], int]]] = [
    ("xnli", "xnli/test-en.tsv", "test", "sw", lambda content: 6, len),
    ("xcopa", "xcopa/zh/test.zh.jsonl", "test", "tr", lambda content: 6, len),
    ("xquad", "xquad/xquad.en.json", "test", "ro", lambda content: 4, len),
]
NAMES = [f"{task}: {name}" for task, name, *_ in CASES]


CONLL = b"".join(b"Nai\tB-LOC\nrobi\tI-LOC\nis\tO\n\n-DOCSTART-\tO\n\nbig city\tO\n\n" for _ in range(3))
REST = b"\t_" * 6 + b"\n"
CONLLU = 2 * (
    b"# text = del\n1-2\tdel\t_\t_" + REST + b"1\tde\t_\tADP" + REST
    + b"2\tel\t_\tDET" + REST + b"2.1\tx\t_\t_" + REST + b"\n"
)  # fmt: skip
SQUAD = json.dumps(
    {"data": [{"paragraphs": [{"context": "Kenya lies in Africa.", "qas": [
        {"id": str(n), "question": "Where?", "answers": [{"text": "Africa", "answer_start": 14}]} for n in range(3)
    ]}]}]}
).encode()  # fmt: skip
CHOICES = b"".join(
    b'{"p": "it rained", "a": "wet", "b": "dry", "y": "%s"}\n' % each for each in (b"a", b"b", b"0", b"a")
)


def fields(content: bytes) -> int:
    """Lines of CoNLL that hold a token."""
    bare = (line.removesuffix(b"\r").strip(b" \t") for line in lines(content))
    return sum(bool(line) for line in bare) - sum(line.startswith(b"-DOCSTART-") for line in lines(content))


def numbered(content: bytes) -> int:
    """Lines of CoNLL-U that hold a word."""
    return sum(bool(re.match(rb"[1-9][0-9]*\t", line)) for line in lines(content))


def read_own(category: str, path: Path) -> list[Any]:
    named = Named("p", None, "y", ("a", "b")) if category == "choice" else Named()
    return kind(category).read_english("own", path, named).examples


def count_tokens(found: list[Any]) -> int:
    return sum(len(each.tokens) for each in found)


# File of a user's own -> valid content, how it is counted, how it is read, how what was read is counted.
OWN: list[tuple[str, bytes, Callable[[bytes], int], Callable[[Path], list[Any]], Callable[[list[Any]], int]]] = [
    ("ner.conll", CONLL, fields, lambda path: read_own("tagging", path), count_tokens),
    ("new.conll", CONLL, fields, lambda path: [*map(words, Conll(path, tagged=False).sentences())],
     lambda found: sum(map(len, found))),
    ("pos.conllu", CONLLU, numbered, lambda path: read_own("tagging", path), count_tokens),
    ("qa.json", SQUAD, keys("question"), lambda path: read_own("spans", path), len),
    ("new.json", SQUAD, keys("question"), lambda path: read_squad(path, answered=False)[0], len),
    ("copa.jsonl", CHOICES, rows, lambda path: read_own("choice", path), len),
]  # fmt: skip


def read(source: Any, split: str, language: str) -> list[Any]:
    """The rows of a language, or of every language in Mewsli-X's one file, those outside the benchmark included."""
    if language != "all":
        return list(source.examples(split, language))
    for each in source.languages(split):
        source.examples(split, each)
    return [row for found in source._mentions[split].values() for row in found]


def fuzz(case: tuple[Any, ...], folder: Path, times: int, seed: int) -> dict[str, int]:
    """Damage an official file, read it and check; how often it was read and how often refused."""
    task, name, split, language, counted, read_rows = case
    intermediate = task in english.FILES
    card = find_card(task) if intermediate else small_card(task)
    valid = (english.FILES[task]() if intermediate else official.files(task))[name].encode()
    (english if intermediate else official).write(folder, task)

    def reader(path: Path) -> list[Any]:
        return read(open_source(card, folder), split, language)

    return damage(folder / name, name, valid, counted, reader, read_rows, times, seed)


def damage(
    path: Path,
    name: str,
    valid: bytes,
    counted: Callable[[bytes], int],
    reader: Callable[[Path], list[Any]],
    read_rows: Callable[[list[Any]], int],
    times: int,
    seed: int,
) -> dict[str, int]:
    """Write damaged copies of ``valid`` to ``path`` and read each."""
    draw = random.Random(f"{seed} {name}")
    outcomes = {"read": 0, "refused": 0}
    for _ in range(times):
        content = damaged(valid, draw)
        path.write_bytes(content)
        try:
            found = reader(path)
        except UserError as error:
            outcomes["refused"] += 1
            assert str(error).count("\n") == 0 and 20 < len(str(error)) < 600, (error, content)
        else:
            outcomes["read"] += 1
            assert read_rows(found) == counted(content), content
            json.dumps([str(each) for each in found]).encode("utf-8")
            str(found).encode("utf-8")
    return outcomes


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_damaged_files_are_refused_in_a_sentence_or_read_in_full(case: tuple[Any, ...], tmp_path: Path) -> None:
    outcomes = fuzz(case, tmp_path, times=60, seed=1)
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.parametrize("case", REFERENCES, ids=[name for _, name, *_ in REFERENCES])
def test_damage_in_a_file_beside_the_one_asked_for_keeps_no_row_back(case: tuple[Any, ...], tmp_path: Path) -> None:
    assert fuzz(case, tmp_path, times=60, seed=3) == {"read": 60, "refused": 0}


@pytest.mark.parametrize("case", OWN, ids=[name for name, *_ in OWN])
def test_damaged_files_of_a_user(case: tuple[Any, ...], tmp_path: Path) -> None:
    name, *how = case
    outcomes = damage(tmp_path / name, name, *how, times=100, seed=1)
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.slow
@pytest.mark.parametrize("case", OWN, ids=[name for name, *_ in OWN])
def test_many_damaged_files_of_a_user(case: tuple[Any, ...], tmp_path: Path) -> None:
    name, *how = case
    outcomes = damage(tmp_path / name, name, *how, times=10_000, seed=2)
    assert min(outcomes.values()) > 100, outcomes


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_hundred_thousand_damaged_files(case: tuple[Any, ...], tmp_path: Path) -> None:
    outcomes = fuzz(case, tmp_path, times=-(-100_000 // len(CASES)), seed=2)
    assert min(outcomes.values()) > 100, outcomes

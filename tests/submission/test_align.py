"""Matching predictions with gold: order, lengths, ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.submission.align import align
from xtremor.submission.gold import Gold
from xtremor.tasks.cards import card


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="\n")
    return path


@pytest.mark.parametrize("rows", [1, 3])
def test_a_line_too_few_or_too_many(rows: int, tmp_path: Path) -> None:
    gold = Gold("gold.tsv", ["neutral"] * 2, ["a", "b"])
    with pytest.raises(UserError, match=rf"has {rows} lines?, the gold in gold.tsv 2; expected one line for each"):
        align(card("xnli"), write(tmp_path, "test-sw.tsv", "neutral\n" * rows), gold)


TAGS = Gold("gold.tsv", [("O", "O"), ("B-PER",), ("O",)], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("O\nO\n\nO\nO\n\nO\n", r"line 4: sentence 2 has 2 tags, in the gold gold.tsv 1 token;"),
        ("O\nO\nB-PER\n\nO\n", r"line 1: sentence 1 has 3 tags.*\(the file has 2 sentences in all, the gold 3\)"),
        ("O\nO\n\nO\n", r"has 2 sentences, the gold in gold.tsv 3"),
        ("O\nO\n\nO\n\nO\n\n\n", r"has 4 sentences, the gold in gold.tsv 3"),
    ],
)
def test_tags_that_do_not_align(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        align(card("panx"), write(tmp_path, "test-sw.tsv", content), TAGS)


def test_tags_that_align(tmp_path: Path) -> None:
    found = align(card("panx"), write(tmp_path, "test-sw.tsv", "O\nB-LOC\n\nO\n\nO"), TAGS)
    assert found.predicted == [("O", "B-LOC"), ("O",), ("O",)] and found.clusters == ["a", "b", "c"]


def test_answers_come_in_the_order_of_the_gold_and_missing_ones_are_counted(tmp_path: Path) -> None:
    gold = Gold("gold.json", [("x",), ("y",), ("z",)], ["1", "1", "2"], ["a", "b", "a"])
    path = write(tmp_path, "test-sw.json", json.dumps({"c": "?", "a": "x"}))
    found = align(card("tydiqa"), path, gold)
    assert found.predicted == ["x", None, "x"] and (found.missing, found.unexpected) == (1, 1)
    assert "1 of 3 gold items repeat an id" in found.notes[0]


def test_ids_of_another_language_are_refused(tmp_path: Path) -> None:
    gold = Gold("gold.json", [("x",)], ["1"], ["a"])
    with pytest.raises(
        UserError, match=r"none of its ids \(1\) is in the gold gold.json \(the first is 'b', the gold's 'a'\)"
    ):
        align(card("xquad"), write(tmp_path, "test-de.json", '{"b": "x"}'), gold)


def test_pairs_of_a_source_without_gold_count_against_precision(tmp_path: Path) -> None:
    gold = Gold("gold.tsv", [("en-1",), ("en-2",)], ["c1", "c2"], ["fr-1", "fr-2"])
    path = write(tmp_path, "test-fr.tsv", "fr-1\ten-1\nfr-3\ten-2\nfr-1\ten-1\n")
    found = align(card("bucc2018", "xtreme"), path, gold)
    assert found.gold == [("en-1",), ("en-2",), ()] and found.predicted == [("en-1",), (), ("en-2",)]
    assert (found.missing, found.unexpected) == (0, 0) and len(set(found.clusters)) == 3
    assert found.notes == ["1 repeated pair counted once"]


def test_choices_and_indices(tmp_path: Path) -> None:
    gold = Gold("gold", ["0", "1"], ["a", "b"])
    assert align(card("xcopa"), write(tmp_path, "a.jsonl", '{"label": 0}\n{"label": 0}\n'), gold).predicted == [
        "0",
        "0",
    ]
    assert align(card("tatoeba"), write(tmp_path, "a.tsv", "0\n1\n"), gold).predicted == ["0", "1"]


def test_a_byte_order_mark_is_told_because_the_evaluator_counts_it(tmp_path: Path) -> None:
    gold = Gold("gold", ["0", "1"], ["a", "b"])
    (note,) = align(card("pawsx"), write(tmp_path, "a.tsv", "\ufeff0\n1\n"), gold).notes
    assert note == "a byte order mark was dropped; the official evaluator counts it as part of the first line"
    asked = Gold("gold", [("x",)], ["a"], ["q"])
    (note,) = align(card("xquad"), write(tmp_path, "a.json", '\ufeff{"q": "x"}'), asked).notes
    assert note.endswith("the official evaluator cannot read such a file")
    assert align(card("pawsx"), write(tmp_path, "a.tsv", "0\n1\n"), gold).notes == []


def test_a_row_beyond_the_end(tmp_path: Path) -> None:
    path = write(tmp_path, "test-sw.tsv", "1\n2\n")
    with pytest.raises(UserError, match="line 2: there is no row 2; expected a row from 0 to 1"):
        align(card("tatoeba"), path, Gold("gold", ["1", "0"], ["a", "b"]))
    assert align(card("tatoeba"), path, Gold("excerpt", ["1", "9"], ["a", "b"])).predicted == ["1", "2"]

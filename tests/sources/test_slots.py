"""Slots as tags: where words are cut, what a word that a slot shares becomes, and that nothing is lost unsaid."""

from __future__ import annotations

import pytest

pytest.importorskip("home_assistant_intents")
pytest.importorskip("hassil")
pytest.importorskip("babel")

from xtremor.sources.base import Source
from xtremor.sources.intents import LOCALES, IntentsSource
from xtremor.sources.intents_templates import Utterance
from xtremor.sources.slots import SlotsSource, tagged, words


@pytest.fixture(scope="module")
def source() -> SlotsSource:
    return SlotsSource()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("timer for 10-hours", ["timer", "for", "10", "-", "hours"]),
        ("  what's 5°C? ", ["what", "'", "s", "5", "°", "C", "?"]),
        # Vowel signs and viramas belong to their word.
        ("ഇപ്പോൾ स्थिति", ["ഇപ്പോൾ", "स्थिति"]),
        # A zero-width non-joiner does not end a Persian word.
        ("خانه\u200cها", ["خانه\u200cها"]),
        ("打开2楼", ["打", "开", "2", "楼"]),
        ("ที่30", ["ที่", "30"]),
        ("\u0301a", ["\u0301", "a"]),
        ("", []),
    ],
)
def test_words(text: str, tokens: list[str]) -> None:
    assert [text[start:end] for start, end in words(text)] == tokens


@pytest.mark.parametrize("language", ["en", "ar", "hi", "ko", "th", "zh-CN"])
def test_no_visible_character_is_lost(source: SlotsSource, language: str) -> None:
    for row, utterance in zip(
        source.examples("test", language), source.sentences.utterances("test", language), strict=True
    ):
        assert "".join(row.tokens) == "".join(utterance.text.split())


def test_a_slot_takes_whole_words_and_the_first_of_two_wins() -> None:
    slots = (("area", 0, 7), ("name", 7, 12), ("state", 13, 17))
    found = tagged(Utterance("Schlafzimmer ganz hell", "X", slots, "t", "de"), slots)
    assert found == (("Schlafzimmer", "ganz", "hell"), ("B-area", "B-state", "O"))


def test_several_words_of_one_slot_and_two_slots_side_by_side() -> None:
    slots = (("area", 0, 11), ("name", 12, 16))
    assert tagged(Utterance("living room lamp on", "X", slots, "t", "en"), slots)[1] == (
        "B-area", "I-area", "B-name", "O",
    )  # fmt: skip


def test_rows_are_those_of_intents(source: SlotsSource) -> None:
    checked: Source = source
    intents = IntentsSource()
    assert tuple(checked.languages("test")) == LOCALES and checked.languages("dev") == ["en"]
    for split in ("train", "dev", "test"):
        rows, others = checked.examples(split, "en"), intents.examples(split, "en")
        assert [(row.row, row.cluster) for row in rows] == [(row.row, row.cluster) for row in others]
        assert {row.task for row in rows} == {"slots"} and {row.file for row in rows} == {f"slots/{split}-en"}


def test_labels_are_those_of_english_training_and_others_are_counted(source: SlotsSource) -> None:
    labels = source.labels()
    assert labels[:3] == ("O", "B-area", "I-area") and len(labels) == len(set(labels)) == 1 + 2 * len(source.slots)
    trained = {tag for row in source.examples("train", "en") for tag in row.tags or ()}
    assert {tag for tag in labels if tag[0] != "I"} == {tag for tag in trained if tag[0] != "I"}
    known = set(labels)
    missing = 0
    for language in source.languages("test"):
        for row, utterance in zip(
            source.examples("test", language), source.sentences.utterances("test", language), strict=True
        ):
            assert known.issuperset(row.tags or ())
            missing += len(utterance.slots) - sum(tag[0] == "B" for tag in row.tags or ())
    (note,) = [note for note in source.record().notes if note.startswith("slots without tags")]
    assert missing == sum(int(part.rsplit(" ", 1)[1]) for part in note.partition(": ")[2].split(", ")) > 0

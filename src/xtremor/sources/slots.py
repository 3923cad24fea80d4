"""The task ``slots``: the slots in the sentences of ``intents`` as BIO tags, so that tagging runs without a download.

Sentences, splits and clusters are those of ``intents``. Tokens are cut without a look at the slots, or their borders
would give the answer away: where a slot ends inside a word, as in languages that add case endings, the whole word is of
the slot.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xtremor.sources.base import DataRecord
from xtremor.sources.intents import IntentsSource
from xtremor.sources.intents_templates import Slot, Utterance
from xtremor.tasks.base import TaggingExample, TaskCard

TASK = "slots"
OUTSIDE = "O"
# Scripts written without spaces between words: each character is a token.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
# They stand inside words in Persian and in the scripts of India.
_JOINERS = "\u200c\u200d"


class SlotsSource:
    """Rows of the task ``slots``; implements ``sources.base.Source``.

    Tags are those of the slots that occur in English training sentences. A slot of another kind, in another split or
    locale, is tagged as no slot and counted in the record.

    Args:
        card: the task's card, for its name.
        seed: of the split of templates and of every sentence.

    Raises:
        UserError: the packages are missing (the message names the command that installs them).
    """

    def __init__(self, card: TaskCard | None = None, seed: int = 0) -> None:
        self.task = card.name if card else TASK
        self.sentences = IntentsSource(card, seed=seed)
        trained = self.sentences.utterances("train", "en")
        self.slots = tuple(sorted({name for utterance in trained for name, _, _ in utterance.slots}))
        self._lost: dict[str, int] = {}

    def labels(self) -> tuple[str, ...]:
        """``O``, then B- and I- of every slot, sorted by the slot's name."""
        return (OUTSIDE, *(f"{prefix}-{slot}" for slot in self.slots for prefix in "BI"))

    def languages(self, split: str) -> list[str]:
        """As ``intents``: English for train and dev, every covered locale for test."""
        return self.sentences.languages(split)

    def examples(self, split: str, language: str) -> list[TaggingExample]:
        """Rows of a split in file order; raises UserError for an unknown split or locale."""
        file = f"{self.task}/{split}-{language}"
        found = []
        lost = 0
        for row, utterance in enumerate(self.sentences.utterances(split, language)):
            known = [slot for slot in utterance.slots if slot[0] in self.slots]
            tokens, tags = tagged(utterance, known)
            lost += len(utterance.slots) - sum(tag.startswith("B-") for tag in tags)
            found.append(TaggingExample(self.task, file, row, utterance.template, language, tokens, tags))
        self._lost[file] = lost
        return found

    def record(self) -> DataRecord:
        """As ``intents``, with the slots that have no tags."""
        record = self.sentences.record()
        lost = [f"{file} {count}" for file, count in self._lost.items() if count]
        said = f"slots without tags (English training has none of the kind, or two share a word): {', '.join(lost)}"
        return replace(record, notes=(*record.notes, *([said] if lost else [])))


def tagged(utterance: Utterance, slots: Sequence[Slot]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(tokens, BIO tags) of a sentence; a token that two slots share is of the first."""
    spans = list(words(utterance.text))
    tags = [OUTSIDE] * len(spans)
    for name, start, end in slots:
        inside = [
            token
            for token, (left, right) in enumerate(spans)
            if left < end and right > start and tags[token] == OUTSIDE
        ]
        for place, token in enumerate(inside):
            tags[token] = f"{'I' if place else 'B'}-{name}"
    return tuple(utterance.text[left:right] for left, right in spans), tuple(tags)


def words(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each token: a run of letters, a run of digits, or any other visible character by itself.

    Combining marks stay with the character before them. In scripts that are written without spaces every character
    is a token.
    """
    start, kind = 0, ""
    for place, character in enumerate(text):
        found = _kind(character)
        if found == "mark" and kind not in ("", "space"):
            continue
        if found != kind or found == "single":
            if kind not in ("", "space"):
                yield start, place
            start, kind = place, found
    if kind not in ("", "space"):
        yield start, len(text)


def _kind(character: str) -> str:
    """``space``, ``mark``, ``letter``, ``digit`` or ``single``."""
    category = unicodedata.category(character)
    if character.isspace():
        return "space"
    if category[0] == "M" or character in _JOINERS:
        return "mark"
    if category[0] == "L":
        name = unicodedata.name(character, "")
        return "single" if name.startswith(_UNSPACED) else "letter"
    return "digit" if category == "Nd" else "single"

"""Questions with their paragraphs as inputs: windows over long paragraphs, and where in the text each token stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from xtremor.errors import UserError
from xtremor.tasks.base import SpanExample
from xtremor.tasks.framing import frame
from xtremor.training.ragged import Ragged
from xtremor.training.token_cache import Arrays, kept

# XTREME's settings, for inputs of 384 tokens: questions are cut here, windows begin this far apart.
QUERY = 64
STRIDE = 128
# Questions at a time; neighbours share their paragraph, which is tokenised once.
CHUNK = 1024


@dataclass(frozen=True)
class Inputs:
    """Windows of N inputs, T tokens in all.

    Attributes:
        rows: the inputs: question, then a window of the paragraph.
        items: (N,) int64, ascending: the question of each input.
        answers: (N, 2) int64, first and last token of the first gold answer, as places in the row; 0, 0 (the
            row's first token) where the window does not hold all of it.
        inside: (T,) bool, tokens of the paragraph.
        may_start: (T,) bool, of those, the ones that stand in no other window with more text around them.
        characters: (T, 2) int32, where a token of the paragraph begins and ends in it.
        cut: questions that were cut.
    """

    rows: Ragged
    items: np.ndarray
    answers: np.ndarray
    inside: np.ndarray
    may_start: np.ndarray
    characters: np.ndarray
    cut: int


@dataclass(frozen=True)
class _Context:
    """A tokenised paragraph: ids (C,) and characters (C, 2)."""

    ids: np.ndarray
    characters: np.ndarray


def encode(examples: Sequence[SpanExample], tokenizer: Any, max_length: int) -> Inputs:
    """Tokenise and split.

    Args:
        examples: questions; those without answers get none.
        tokenizer: of transformers, a fast one: others do not say where a token stands in the text.
        max_length: longest input in tokens, special tokens included. Below 384, questions are cut at a third of
            it and windows overlap by half.

    Raises:
        UserError: a slow tokenizer.
    """
    if not tokenizer.is_fast:
        raise UserError(
            "question answering needs a fast tokenizer, which says where in the text a token stands; this encoder has "
            "none, so use another --encoder"
        )

    def make() -> Arrays:
        made = _encode(examples, tokenizer, max_length)
        own = {each.name: getattr(made, each.name) for each in fields(Inputs) if each.name not in ("rows", "cut")}
        return {**made.rows.arrays(), **own, "cut": np.array([made.cut])}

    texts = (text for example in examples for text in (example.question, example.context, _answers(example)))
    settings = {"inputs": "windows", "max_length": max_length, "query": QUERY, "stride": STRIDE}
    found = kept(tokenizer, settings, texts, make)
    own = {each.name: found[each.name] for each in fields(Inputs) if each.name not in ("rows", "cut")}
    return Inputs(rows=Ragged.of_arrays(found), cut=int(found["cut"][0]), **own)


def _answers(example: SpanExample) -> str:
    """The gold answers in one string: training targets depend on them."""
    return json.dumps([[answer.text, answer.start] for answer in example.answers or ()])


def _encode(examples: Sequence[SpanExample], tokenizer: Any, max_length: int) -> Inputs:
    framed = frame(tokenizer, 2)
    most = min(QUERY, max_length // 3)
    pieces = _Pieces()
    cut = 0
    for item, (example, query, context) in enumerate(_tokenised(examples, tokenizer)):
        cut += len(query) > most
        query = query[:most]
        room = max(1, max_length - len(query) - sum(map(len, framed.ids)))
        parts = list(windows(len(context.ids), room, min(STRIDE, max(1, room // 2))))
        place = answer_tokens(example, context.characters)
        for (start, end), owned in zip(parts, most_context(parts, len(context.ids)), strict=True):
            segments: list[Sequence[int] | np.ndarray] = [framed.ids[0], query, framed.ids[1]]
            before = sum(map(len, segments))
            segments += [context.ids[start:end], framed.ids[2]]
            held = place is not None and start <= place[0] and place[1] < end
            pieces.items.append(item)
            pieces.answers.append((before + place[0] - start, before + place[1] - start) if held and place else (0, 0))
            pieces.add(segments, framed, before, owned, context.characters[start:end])
    return pieces.joined(cut)


class _Pieces:
    """Inputs as they are made, to be joined once."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.answers: list[tuple[int, int]] = []
        self.lengths: list[int] = []
        self.tokens: list[np.ndarray] = [np.zeros(0, dtype=np.int32)]
        self.types: list[np.ndarray] = []
        self.inside: list[np.ndarray] = [np.zeros(0, dtype=bool)]
        self.may_start: list[np.ndarray] = [np.zeros(0, dtype=bool)]
        self.characters: list[np.ndarray] = [np.zeros((0, 2), dtype=np.int32)]

    def add(self, segments: Sequence[Any], framed: Any, before: int, owned: np.ndarray, characters: np.ndarray) -> None:
        """One input: special tokens, question, special tokens, window, special tokens."""
        tokens = np.concatenate([np.asarray(segment, dtype=np.int32) for segment in segments])
        span = slice(before, before + len(characters))
        inside, may_start = np.zeros(len(tokens), dtype=bool), np.zeros(len(tokens), dtype=bool)
        places = np.zeros((len(tokens), 2), dtype=np.int32)
        inside[span], may_start[span], places[span] = True, owned, characters
        self.lengths.append(len(tokens))
        self.tokens.append(tokens)
        self.inside.append(inside)
        self.may_start.append(may_start)
        self.characters.append(places)
        if framed.types is not None:
            first, second = framed.text_types
            kinds = [framed.types[0], [first] * len(segments[1]), framed.types[1]]
            kinds += [[second] * len(segments[3]), framed.types[2]]
            self.types.append(np.concatenate([np.asarray(kind, dtype=np.int8) for kind in kinds]))

    def joined(self, cut: int) -> Inputs:
        """All of them."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        types = np.concatenate(self.types) if self.types else None
        return Inputs(
            Ragged(np.concatenate(self.tokens), offsets, types),
            np.array(self.items, dtype=np.int64),
            np.array(self.answers, dtype=np.int64).reshape(-1, 2),
            np.concatenate(self.inside),
            np.concatenate(self.may_start),
            np.concatenate(self.characters),
            cut,
        )


def windows(length: int, room: int, step: int) -> Iterator[tuple[int, int]]:
    """Parts of at most ``room`` tokens, beginning ``step`` apart, up to the one that holds the last token."""
    start = 0
    while True:
        yield start, min(start + room, length)
        if start + room >= length:
            return
        start += step


def most_context(parts: Sequence[tuple[int, int]], length: int) -> list[np.ndarray]:
    """For each window, which of its tokens have no more text around them in another one.

    The text around a token is the smaller of what stands before and behind it; a longer window wins a tie by a
    hair, then the earlier one, as in the published scripts for SQuAD.
    """
    places = np.arange(length)
    around = np.full((len(parts), length), -1.0)
    for number, (start, end) in enumerate(parts):
        span = places[start:end]
        around[number, start:end] = np.minimum(span - start, end - 1 - span) + 0.01 * (end - start)
    best = around.argmax(axis=0) if length else places
    return [best[start:end] == number for number, (start, end) in enumerate(parts)]


def answer_tokens(example: SpanExample, characters: np.ndarray) -> tuple[int, int] | None:
    """First and last token (of the whole paragraph) of the first gold answer; None where there is none.

    Args:
        example: a question.
        characters: (C, 2), where the paragraph's tokens begin and end.
    """
    if not example.answers or not len(characters):
        return None
    answer = example.answers[0]
    starts, ends = characters[:, 0], characters[:, 1]
    touched = np.flatnonzero((ends > answer.start) & (starts < answer.start + len(answer.text)) & (ends > starts))
    return (int(touched[0]), int(touched[-1])) if len(touched) else None


def _tokenised(examples: Sequence[SpanExample], tokenizer: Any) -> Iterator[tuple[SpanExample, list[int], _Context]]:
    """Each example with the ids of its question and its paragraph."""
    for start in range(0, len(examples), CHUNK):
        part = examples[start : start + CHUNK]
        # Questions are trimmed: leading spaces would take room from the window.
        queries = tokenizer([each.question.strip() for each in part], add_special_tokens=False)["input_ids"]
        texts = list(dict.fromkeys(each.context for each in part))
        # Longer than the encoder takes, which is what windows are for: not verbose about it.
        encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        contexts = {
            text: _Context(np.array(ids, dtype=np.int32), np.array(places, dtype=np.int32).reshape(-1, 2))
            for text, ids, places in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        }
        for example, query in zip(part, queries, strict=True):
            yield example, query, contexts[example.context]

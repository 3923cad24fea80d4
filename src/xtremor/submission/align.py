"""Matching a prediction file with the gold: one prediction an item, in the gold's order, or a refusal that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.submission.gold import Gold
from xtremor.submission.gold_labels import known_tags
from xtremor.submission.layout import kind_of
from xtremor.submission.read import Tags, count, has_mark, read_indices, read_labels, read_pairs, read_tags, shown
from xtremor.submission.read_json import read_answers, read_choices, read_rankings
from xtremor.tasks.base import TaskCard


@dataclass(frozen=True, slots=True)
class Aligned:
    """What a scorer takes.

    Attributes:
        gold: one value an item.
        predicted: one an item; None where a keyed file has no prediction (it counts 0).
        clusters: one an item.
        missing: items without prediction in a keyed file.
        unexpected: predictions that no gold item asks for; they do not count.
        notes: what else to know.
    """

    gold: list[Any]
    predicted: list[Any]
    clusters: list[str]
    missing: int = 0
    unexpected: int = 0
    notes: list[str] = field(default_factory=list)


def align(card: TaskCard, path: Path, gold: Gold) -> Aligned:
    """Read one prediction file and match it with the gold of its language.

    Raises:
        UserError: the file is malformed or does not fit the gold.
    """
    aligned = _aligned(card, path, gold)
    if has_mark(path):
        said = "cannot read such a file" if path.suffix == ".json" else "counts it as part of the first line"
        aligned.notes.append(f"a byte order mark was dropped; the official evaluator {said}")
    return aligned


def _aligned(card: TaskCard, path: Path, gold: Gold) -> Aligned:
    kind = kind_of(card).name
    if kind == "tags":
        return _tags(card, path, gold)
    if kind == "pairs":
        return _pairs(path, gold)
    if kind in ("answers", "rankings"):
        return _keyed(path, gold, dict(read_answers(path) if kind == "answers" else read_rankings(path)))
    readers = {"indices": read_indices, "choices": read_choices}
    predicted = read_labels(path, card.labels) if kind == "labels" else readers[kind](path)
    if len(predicted) != len(gold.values):
        raise UserError(
            f"{path} has {count(len(predicted), 'line')}, the gold in {gold.name} {len(gold.values):,}; "
            "expected one line for each, in the same order"
        )
    if kind == "indices":
        _check_indices(path, predicted, gold)
    return Aligned(gold.values, predicted, gold.clusters)


def _check_indices(path: Path, predicted: Sequence[str], gold: Gold) -> None:
    """Refuse rows beyond the end, which is where the gold names each row once (an excerpt of the gold does not)."""
    if len(set(gold.values)) < len(gold.values) or max(map(int, gold.values)) >= len(gold.values):
        return
    for number, row in enumerate(predicted, start=1):
        if int(row) >= len(gold.values):
            raise UserError(
                f"{path}, line {number}: there is no row {row}; expected a row from 0 to {len(gold.values) - 1:,}, "
                "counted from 0"
            )


def _tags(card: TaskCard, path: Path, gold: Gold) -> Aligned:
    found = read_tags(path, known_tags(card))
    for number, (tags, right) in enumerate(zip(found.sentences, gold.values, strict=False)):
        if len(tags) != len(right):
            raise UserError(
                f"{path}, line {found.lines[number]}: sentence {number + 1} has {count(len(tags), 'tag')}, in the "
                f"gold {gold.name} {count(len(right), 'token')}; expected one tag a token, a blank line after "
                f"each sentence{_of_how_many(found, gold)}"
            )
    if len(found.sentences) != len(gold.values):
        raise UserError(
            f"{path} has {count(len(found.sentences), 'sentence')}, the gold in {gold.name} {len(gold.values):,}; "
            "expected the same sentences in the same order, a blank line after each"
        )
    return Aligned(gold.values, found.sentences, gold.clusters)


def _of_how_many(found: Tags, gold: Gold) -> str:
    if len(found.sentences) == len(gold.values):
        return ""
    return f" (the file has {count(len(found.sentences), 'sentence')} in all, the gold {len(gold.values):,})"


def _keyed(path: Path, gold: Gold, found: dict[str, Any]) -> Aligned:
    """A missing id scores 0 and an unexpected one does not count, as in the evaluator; both are told."""
    assert gold.ids is not None
    wanted = set(gold.ids)
    unexpected = [key for key in found if key not in wanted]
    if len(unexpected) == len(found):
        raise _strangers(path, unexpected, gold)
    predicted = [found.get(key) for key in gold.ids]
    notes = []
    if len(wanted) < len(gold.ids):
        notes.append(
            f"{len(gold.ids) - len(wanted):,} of {len(gold.ids):,} gold items repeat an id, so that one prediction "
            "answers several questions"
        )
    return Aligned(gold.values, predicted, gold.clusters, predicted.count(None), len(unexpected), notes)


def _pairs(path: Path, gold: Gold) -> Aligned:
    """Pairs by source sentence; those of a source without gold count against precision, so they are items too."""
    assert gold.ids is not None
    by_source: dict[str, dict[str, None]] = {}
    lines = 0
    for source, target in read_pairs(path):
        by_source.setdefault(source, {})[target] = None
        lines += 1
    wanted = set(gold.ids)
    extra = [source for source in by_source if source not in wanted]
    if len(extra) == len(by_source):
        raise _strangers(path, extra, gold)
    kept = sum(map(len, by_source.values()))
    return Aligned(
        [*gold.values, *(() for _ in extra)],
        [tuple(by_source.get(source, ())) for source in (*gold.ids, *extra)],
        [*gold.clusters, *(f"{path.stem}/{source}" for source in extra)],
        notes=[f"{count(lines - kept, 'repeated pair')} counted once"] if kept < lines else [],
    )


def _strangers(path: Path, found: Sequence[str], gold: Gold) -> UserError:
    assert gold.ids is not None
    return UserError(
        f"{path}: none of its ids ({len(found):,}) is in the gold {gold.name} (the first is {shown(found[0])}, "
        f"the gold's {shown(gold.ids[0])}); expected predictions for this language and split"
    )

"""Answers of the retrieval tasks from vectors: the nearest candidates, or mined pairs, as a table of predictions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from xtremor.errors import UserError
from xtremor.evaluation.embedder import Embedder
from xtremor.scoring.mining import best_threshold, mine
from xtremor.scoring.nearest import nearest
from xtremor.sources.base import RetrievalSource, Source
from xtremor.tasks.base import RetrievalExample, TaskCard

if TYPE_CHECKING:
    import polars as pl

# The benchmark's rankings are cut at 20.
RANKED = 20
# Candidates whose vectors are held at a time where all languages share them (Mewsli-X has a million).
BLOCK = 65_536

Queries = Mapping[str, Sequence[RetrievalExample]]


def check_answerable(card: TaskCard, source: Source, split: str, languages: Sequence[str]) -> None:
    """Raise UserError where a file that the answers need is missing: BUCC's threshold is chosen on dev."""
    if card.metric == "bucc_f1":
        lacking = [code for code in languages if code not in source.languages("dev")]
        if lacking:
            raise UserError(
                f"{card.name}: the threshold of each language is chosen on its dev files, which are missing in "
                f"{', '.join(lacking)} (XX-en.dev.XX, .en and .gold); add them, or leave these languages out"
            )


def predict_retrieval(
    embedder: Embedder,
    card: TaskCard,
    source: Source,
    split: str,
    queries: Queries,
    on_item: Callable[[float], None] | None = None,
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Answer every query.

    Args:
        embedder: makes the vectors.
        card: of the task.
        source: gives the candidates.
        split: that the queries are of.
        queries: rows by language.
        on_item: told a number of queries that were done.

    Returns:
        One row a query with gold and answer as `scoring.predictions.schema` has them, and for BUCC the threshold of
        each language.
    """
    from xtremor.scoring.predictions import answers_table

    assert isinstance(source, RetrievalSource)
    thresholds: dict[str, float] = {}
    if card.metric == "bucc_f1":
        check_answerable(card, source, split, list(queries))
        answers = {}
        for code, rows in queries.items():
            answers[code], thresholds[code] = _mined(embedder, source, split, code, rows)
            _tell(on_item, len(rows))
    else:
        answers = rank(embedder, source, split, queries, 1 if card.metric == "accuracy" else RANKED, on_item)
    rows = [row for each in queries.values() for row in each]
    found = [answer for each in answers.values() for answer in each]
    gold = [None if row.gold is None else _text(card, row, row.gold) for row in rows]
    return answers_table(rows, gold, [_text(card, *each) for each in zip(rows, found, strict=True)]), thresholds


def rank(
    embedder: Embedder,
    source: RetrievalSource,
    split: str,
    queries: Queries,
    k: int,
    on_item: Callable[[float], None] | None = None,
) -> dict[str, list[tuple[str, ...]]]:
    """Ids of the ``k`` candidates nearest to each query by cosine, ties to the first in the order of the candidates.

    Where the languages share their candidates, each candidate is embedded once, and no more than `BLOCK` of their
    vectors are held at a time.
    """
    if not source.shared_candidates:
        found = {}
        for code, rows in queries.items():
            found.update(_ranked(embedder, source.candidates(split, code), {code: rows}, k, on_item))
        return found
    return _ranked(embedder, source.candidates(split, next(iter(queries))), queries, k, on_item)


def _ranked(
    embedder: Embedder,
    candidates: Sequence[RetrievalExample],
    queries: Queries,
    k: int,
    on_item: Callable[[float], None] | None,
) -> dict[str, list[tuple[str, ...]]]:
    flat = [row for rows in queries.values() for row in rows]
    # A text that several candidates share is embedded once, so that they tie whatever block they would be in.
    numbered: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(candidates):
        numbered.setdefault((each.text, each.context), []).append(number)
    copies = list(numbered.values())
    work = len(flat) / (len(flat) + len(copies))
    vectors = embedder.queries(flat, partial(_tell_share, on_item, len(flat) * work))
    places, scores = np.zeros((len(flat), 0), dtype=np.int64), np.zeros((len(flat), 0))
    for start in range(0, len(copies), BLOCK):
        block = [candidates[same[0]] for same in copies[start : start + BLOCK]]
        each_item = len(flat) * (1 - work) * len(block) / len(copies)
        told = partial(_tell_share, on_item, each_item)
        there, cosines = nearest(vectors, embedder.passages(block, told), k)
        places, scores = _merged(places, scores, there + start, cosines, k)
    ids = [
        tuple(candidates[number].id for number in _spread(*each, copies, k))
        for each in zip(places, scores, strict=True)
    ]
    ends = np.cumsum([len(rows) for rows in queries.values()])
    return {code: ids[end - len(rows) : end] for (code, rows), end in zip(queries.items(), ends, strict=True)}


def _spread(places: np.ndarray, scores: np.ndarray, copies: Sequence[Sequence[int]], k: int) -> list[int]:
    """Numbers of the best k candidates from the best k distinct texts: copies tie, the lowest number first."""
    found = [(-score, number) for place, score in zip(places, scores, strict=True) for number in copies[place][:k]]
    return [number for _, number in sorted(found)[:k]]


def _merged(
    places: np.ndarray, scores: np.ndarray, more: np.ndarray, their_scores: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best k of both; ``places`` are smaller than all of ``more``, so that a stable sort keeps ties right."""
    places, scores = np.concatenate([places, more], axis=1), np.concatenate([scores, their_scores], axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(places, order, 1), np.take_along_axis(scores, order, 1)


def _mined(
    embedder: Embedder, source: RetrievalSource, split: str, language: str, rows: Sequence[RetrievalExample]
) -> tuple[list[tuple[str, ...]], float]:
    """Ids of what was mined for each row, and the threshold, which is best on the whole of the language's dev."""
    dev = source.examples("dev", language)
    english = source.candidates("dev", language)
    place = {each.id: at for at, each in enumerate(english)}
    gold = {(at, place[identity]) for at, each in enumerate(dev) for identity in each.gold or ()}
    threshold = best_threshold(_pairs(embedder, dev, english), gold)
    english = source.candidates(split, language)
    answers: list[tuple[str, ...]] = [() for _ in rows]
    for row, column, score in _pairs(embedder, rows, english):
        if score >= threshold:
            answers[row] = (english[column].id,)
    return answers, threshold


def _pairs(
    embedder: Embedder, rows: Sequence[RetrievalExample], english: Sequence[RetrievalExample]
) -> list[tuple[int, int, float]]:
    texts = [each.text for each in rows], [each.text for each in english]
    return mine(embedder.queries(rows), embedder.passages(english), *texts)


def _text(card: TaskCard, row: RetrievalExample, ids: Sequence[str]) -> str:
    """Ids as a table of predictions has them."""
    if card.metric == "accuracy":
        return ids[0]
    listed = [f"{row.id}\t{identity}" for identity in ids] if card.metric == "bucc_f1" else list(ids)
    return json.dumps(listed, ensure_ascii=False)


def _tell_share(on_item: Callable[[float], None] | None, items: float, share: float) -> None:
    _tell(on_item, items * share)


def _tell(on_item: Callable[[float], None] | None, items: float) -> None:
    if on_item is not None:
        on_item(items)

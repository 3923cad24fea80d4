"""Reading one label file of the official evaluator: gold values, clusters from positions, ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.submission.layout import kind_of
from xtremor.submission.read import Tags, read_indices, read_labels, read_pairs, read_tags, shown
from xtremor.submission.read_json import load_json, read_choices, read_rankings
from xtremor.tasks.base import TaskCard

# What a cluster is where there is no text to tell; by task, else by kind of file.
CLUSTERS = {
    "xnli": "threes of rows (one premise each; single rows if they do not divide by three), the same in all languages",
    "pawsx": "rows, the same in all languages; sentences that rows share are not known without the texts",
    "xcopa": "rows, the same in all languages",
    "xquad": "paragraphs, the same in all languages",
    "mlqa": "paragraphs, joined across languages by question ids",
    "lareqa": "questions, the same in all languages; paragraphs are not known without the texts",
    "labels": "rows",
    "indices": "rows",
    "choices": "rows",
    "tags": "sentences",
    "answers": "paragraphs",
    "rankings": "queries",
    "pairs": "source sentences",
}
PREMISE_ROWS = 3
# A question and its translation have one id, and paragraphs of different languages do not pair up otherwise.
JOINED_BY_ID = ("mlqa",)
_Columns = tuple[list[Any], list[str], "list[str] | None"]


def read_gold(card: TaskCard, path: Path, language: str) -> _Columns:
    """Read a label file.

    Returns:
        The value of each item as the task's scorer takes it, its cluster, and its id where predictions are
        keyed by ids, else None.

    Raises:
        UserError: the file cannot be read or an item has no label.
    """
    kind = kind_of(card).name
    if kind == "answers":
        return _answers(card, path, language)
    if kind == "rankings":
        return _rankings(card, path, language)
    if kind == "pairs":
        return _pairs(card, path, language)
    if kind == "tags":
        values: list[Any] = _tags(card, path).sentences
    elif kind == "indices":
        values = read_indices(path)
    else:
        values = read_choices(path) if kind == "choices" else read_labels(path, card.labels)
    return values, _by_position(card.name, language, len(values)), None


def known_tags(card: TaskCard) -> tuple[str, ...]:
    """Tags that a file may hold; Universal Dependencies write ``_`` where a token has none."""
    return (*card.labels, "_") if card.metric == "pos_f1" else card.labels


def _by_position(task: str, language: str, rows: int) -> list[str]:
    if task == "xnli" and rows % PREMISE_ROWS == 0:
        return [f"{task}/test/{row // PREMISE_ROWS}" for row in range(rows)]
    if task in ("xnli", "pawsx", "xcopa"):
        return [f"{task}/test/{row}" for row in range(rows)]
    return [f"{task}/test-{language}/{row}" for row in range(rows)]


def _tags(card: TaskCard, path: Path) -> Tags:
    try:
        return read_tags(path, known_tags(card))
    except UserError as error:
        if "unknown tag" not in str(error):
            raise
        raise UserError(
            f"{error}; a gold file of tokens alone has no labels: the official download strips those of the test "
            f"files{_labels_at(card)}"
        ) from error


def _labels_at(card: TaskCard) -> str:
    return f"; they can be had from {card.labels_at}" if card.labels_at else ""


def _answers(card: TaskCard, path: Path, language: str) -> _Columns:
    """A file in the form of SQuAD 1.1: every question with its gold answers, clusters by paragraph."""
    values: list[Any] = []
    clusters: list[str] = []
    ids: list[str] = []
    for number, paragraph in enumerate(_paragraphs(path)):
        questions = paragraph.get("qas") if isinstance(paragraph, dict) else None
        if not isinstance(questions, list):
            raise UserError(f"{path}: paragraph {number + 1} has no list 'qas'; expected the form of SQuAD 1.1")
        # XQuAD's paragraphs are parallel by position; others belong to their language.
        cluster = f"{card.name}/test/{number}" if card.name == "xquad" else f"{card.name}/test-{language}/{number}"
        for question in questions:
            identity, answers = _question(path, question, number, card)
            ids.append(identity)
            values.append(answers)
            clusters.append(cluster)
    if not values:
        raise UserError(f"{path} holds no question; expected the form of SQuAD 1.1")
    # One empty answer may be gold; a file of nothing else is what the official download leaves.
    if len(values) > 1 and not any(map(any, values)):
        raise _without_answers(f"{path}: every gold answer is empty", card)
    return values, clusters, ids


def _paragraphs(path: Path) -> list[Any]:
    found = load_json(path)
    articles = found.get("data") if isinstance(found, dict) else found
    if not isinstance(articles, list):
        swapped = isinstance(found, dict) and all(isinstance(each, str) for each in found.values())
        hint = " (it looks like predictions: are PREDICTIONS and --gold swapped?)" if swapped else ""
        raise UserError(f"{path} holds no list 'data' of articles; expected gold in the form of SQuAD 1.1{hint}")
    paragraphs: list[Any] = []
    for number, article in enumerate(articles, start=1):
        inside = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(inside, list):
            raise UserError(f"{path}: article {number} has no list 'paragraphs'; expected the form of SQuAD 1.1")
        paragraphs += inside
    return paragraphs


def _question(path: Path, question: Any, number: int, card: TaskCard) -> tuple[str, tuple[str, ...]]:
    identity = question.get("id") if isinstance(question, dict) else None
    if not isinstance(identity, str):
        raise UserError(f"{path}: a question of paragraph {number + 1} has no id; expected the form of SQuAD 1.1")
    answers = question.get("answers")
    texts = [each.get("text") if isinstance(each, dict) else None for each in answers or () if answers]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise _without_answers(f"{path}: the question {shown(identity)} has no gold answer", card)
    return identity, tuple(str(text) for text in texts)


def _without_answers(what: str, card: TaskCard) -> UserError:
    return UserError(
        f"{what}, so nothing can be scored against it: the official scripts strip the answers of the test "
        f"files{_labels_at(card)}"
    )


def _rankings(card: TaskCard, path: Path, language: str) -> _Columns:
    """``{query id: [gold ids]}``; LAReQA's query ids end in the language, so what is before it is shared."""
    found = read_rankings(path)
    for key, gold in found.items():
        if not gold:
            raise UserError(f"{path}: query {shown(key)} has no gold id, so nothing can be scored against it")
    values = [tuple(each.strip() for each in gold) for gold in found.values()]
    clusters = [f"{card.name}/test-{language}/{row}" for row in range(len(values))]
    if card.name == "lareqa":
        clusters = [f"{card.name}/test/{key.removesuffix('_' + language)}" for key in found]
    return values, clusters, list(found)


def _pairs(card: TaskCard, path: Path, language: str) -> _Columns:
    """Gold pairs of each source sentence; equal lines are one pair, as in the evaluator."""
    by_source: dict[str, dict[str, None]] = {}
    for source, target in read_pairs(path):
        by_source.setdefault(source, {})[target] = None
    values = [tuple(targets) for targets in by_source.values()]
    return values, [f"{card.name}/test-{language}/{row}" for row in range(len(values))], list(by_source)


def joined(columns: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> dict[str, list[str]]:
    """Make one cluster of those that share an id, directly or through others.

    Args:
        columns: language -> clusters and ids of its items.

    Returns:
        Language -> clusters, named after the first of those that were joined.
    """
    parent: dict[str, str] = {}

    def root(cluster: str) -> str:
        while parent.setdefault(cluster, cluster) != cluster:
            parent[cluster] = cluster = parent[parent[cluster]]
        return cluster

    owner: dict[str, str] = {}
    for clusters, ids in columns.values():
        for cluster, identity in zip(clusters, ids, strict=True):
            parent[root(cluster)] = root(owner.setdefault(identity, cluster))
    return {language: [root(cluster) for cluster in clusters] for language, (clusters, _) in columns.items()}

"""What a trained model answers to rows, with or without labels: logits of every decision that accuracy counts.

A decision is a row of classification, an item of multiple choice, or a token of tagging; what is estimated is the share
of decisions that are right. In tagging that is token accuracy, which is not the F1 that tasks report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.analysis.atc import Items, items_of
from xtremor.errors import UserError
from xtremor.paths import atomic_file
from xtremor.tasks.base import TaskCard

if TYPE_CHECKING:
    import torch
    from torch import nn

    from xtremor.training.ragged import PaddedView

QUANTITIES = {
    "classification": "share of rows that are answered right",
    "choice": "share of items that are answered right",
    "tagging": "share of tokens with the right tag (not the F1 that the task reports)",
}


@dataclass(frozen=True)
class Answers:
    """N decisions of one language.

    Attributes:
        logits: (N, C) float32, minus infinity where a decision has fewer choices.
        gold: (N,) int64, number of the right class; None where there are no labels.
        clusters: N ids of what shares text.
        score: the task's official figure in percent; None without labels.
        rows: that the decisions are of.
    """

    logits: np.ndarray
    gold: np.ndarray | None
    clusters: Sequence[str]
    score: float | None
    rows: int

    def items(self, temperature: float = 1.0) -> Items:
        """With scores of confidence."""
        return items_of(self.logits, self.gold, self.clusters, temperature)

    def write(self, path: Path) -> None:
        """As one Parquet file, whole or not at all."""
        import json

        import polars as pl

        gold = [None] * len(self.logits) if self.gold is None else self.gold
        columns = {"cluster": list(self.clusters), "gold": gold, "logits": list(self.logits)}
        kinds = {"cluster": pl.String(), "gold": pl.Int64(), "logits": pl.List(pl.Float32())}
        facts = {"score": self.score, "rows": self.rows, "labels": self.gold is not None}
        with atomic_file(path) as temporary:
            pl.DataFrame(columns, schema=kinds).write_parquet(temporary, metadata={"answers": json.dumps(facts)})

    @staticmethod
    def read(path: Path) -> Answers:
        """What `write` wrote."""
        import json

        import polars as pl

        table = pl.read_parquet(path, glob=False)
        facts = json.loads(pl.read_parquet_metadata(path)["answers"])
        gold = table["gold"].to_numpy() if facts["labels"] else None
        logits = np.array(table["logits"].to_list(), dtype=np.float32)
        return Answers(logits, gold, table["cluster"].to_list(), facts["score"], facts["rows"])


def check_category(card: TaskCard) -> None:
    """Raise UserError for a task whose answers are no choices among a few classes."""
    if card.category not in QUANTITIES:
        raise UserError(
            f"{card.name} is {card.category}: its answers are no choices among a few classes, whose accuracy alone can "
            f"be estimated from confidence ({', '.join(QUANTITIES)})"
        )


def answers(
    model: nn.Module,
    tokenizer: Any,
    card: TaskCard,
    examples: Sequence[Any],
    labels: Sequence[str],
    max_length: int,
    device: torch.device,
    on_share: Callable[[float], None] | None = None,
) -> Answers:
    """Pass rows of one language; their labels are kept where every one has its own.

    Args:
        model, tokenizer: of the run.
        card: of the task.
        examples: rows.
        labels: in the order of the logits.
        max_length: longest input in tokens.
        device: where the model is.
        on_share: told each share of the work that is done.

    Raises:
        UserError: logits that are not finite, no row, or a label of a part of the rows alone.
    """
    if not examples:
        raise UserError(f"{card.name}: there is no row to answer")
    if card.category == "tagging":
        return _tagged(model, tokenizer, card, examples, labels, max_length, device, on_share)
    from xtremor.tasks.category import category

    table = category(card.category).predict(model, tokenizer, examples, labels, max_length, device, on_share)
    rows = table["logits"].to_list()
    logits = np.full((len(rows), max(map(len, rows))), -np.inf, dtype=np.float32)
    for row, values in zip(logits, rows, strict=True):
        row[: len(values)] = values
    known = [each.label for each in examples]
    gold = None
    if _labelled(known, examples):
        place = {label: number for number, label in enumerate(labels)}
        chosen = [int(label) if card.category == "choice" else place[label.strip()] for label in known]
        gold = np.array(chosen, dtype=np.int64)
    score = None if gold is None else _score(card, examples[0].language, table)
    return Answers(logits, gold, [each.cluster for each in examples], score, len(examples))


def _labelled(known: Sequence[Any], examples: Sequence[Any]) -> bool:
    """Whether the rows have labels; raises UserError where some have and some have not."""
    lacking = [number for number, label in enumerate(known) if label is None]
    if lacking and len(lacking) < len(known):
        first = examples[lacking[0]]
        raise UserError(
            f"{first.file}: row {first.row + 1} has no label and others have; give all rows labels, or none"
        )
    return not lacking


def _score(card: TaskCard, language: str, table: Any) -> float:
    """The official figure."""
    from xtremor.scoring.predictions import decoded
    from xtremor.scoring.registry import scorer

    official = scorer(card.metric, language)
    return float(official.score(*decoded(table, card.metric))[official.values[0]])


def _tagged(
    model: nn.Module,
    tokenizer: Any,
    card: TaskCard,
    examples: Sequence[Any],
    labels: Sequence[str],
    max_length: int,
    device: torch.device,
    on_share: Callable[[float], None] | None,
) -> Answers:
    """A decision a token."""
    from xtremor.evaluation.predict import forward_batches, shares
    from xtremor.scoring.predictions import answers_table, check_finite
    from xtremor.tasks.tagging import encode
    from xtremor.training.model import pad_of

    inputs = encode([each.tokens for each in examples], tokenizer, max_length)
    place = np.full(len(inputs.rows.tokens), -1, dtype=np.int64)
    place[inputs.first] = np.arange(len(inputs.first))
    logits = np.zeros((len(inputs.first), len(labels)), dtype=np.float32)

    def take(batch: np.ndarray, view: PaddedView, outputs: Any) -> None:
        found = view.segments.unpad(outputs.logits.float()).cpu().numpy()
        tokens = np.concatenate([place[inputs.rows.offsets[row] : inputs.rows.offsets[row + 1]] for row in batch])
        logits[tokens[tokens >= 0]] = found[tokens >= 0]

    forward_batches(model, inputs.rows, pad_of(tokenizer), device, take, shares(inputs.rows, on_share))
    sizes = [len(each.tokens) for each in examples]
    ends = np.cumsum(sizes)
    finite = np.isfinite(logits).all(1)
    check_finite(examples, [bool(part.all()) for part in np.split(finite, ends)[: len(examples)]])
    best = logits.argmax(1)
    clusters = [each.cluster for each in examples for _ in each.tokens]
    gold = score = None
    if _labelled([each.tags for each in examples], examples):
        number = {label: index for index, label in enumerate(labels)}
        gold = np.array([number[tag] for each in examples for tag in each.tags], dtype=np.int64)
        predicted = [" ".join(labels[tag] for tag in part) for part in np.split(best, ends)[: len(examples)]]
        table = answers_table(examples, [" ".join(each.tags) for each in examples], predicted)
        score = _score(card, examples[0].language, table)
    return Answers(logits, gold, clusters, score, len(examples))

"""One small problem for every head that is not a plain classifier: a model, features, and the loss written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from helpers.problems import padded_inputs, random_features
from helpers.tiny import make_model
from torch import Tensor

from xtremor.tasks import choice, retrieval, spans, tagging
from xtremor.tasks.embedding import Embedding
from xtremor.tasks.features import IGNORED, Features
from xtremor.training.ragged import Ragged

TAGS = ("O", "B-PER", "I-PER", "B-LOC")


@dataclass(frozen=True)
class Head:
    """A head to be tried.

    Attributes:
        category: its module.
        config: of the model.
        features: (rows, whether there are token types) -> features.
        reference: (model, features) -> the loss of all of them, without anything of this package.
        right: (outputs of the model on all rows, features) -> whether each target is hit.
        weight: name of the head's weight; of an encoder's where there is no head.
        separable: whether the loss of a batch is the mean of its units' own losses.
    """

    category: Any
    config: dict[str, Any]
    features: Callable[[int, bool], Features]
    reference: Callable[[Any, Features], Tensor]
    right: Callable[[Any, Features], np.ndarray]
    weight: str
    separable: bool = True

    def model(self, kind: str = "bert", dropout: float = 0.0) -> Any:
        """A tiny random model."""
        return make_model(self.category.AUTO_CLASS, kind, dropout, **self.config)


def tag_features(rows: int, types: bool) -> Features:
    """Random rows; about two tokens of three are the first of a word, special tokens never."""
    plain = random_features(rows, types=types)
    draw = np.random.default_rng(3)
    tokens = plain.rows.tokens
    targets = np.where((tokens >= 5) & (draw.random(len(tokens)) < 0.65), tokens % len(TAGS), IGNORED)
    # No row without a target.
    targets[plain.rows.offsets[:-1] + 1] = 0
    return Features(plain.rows, targets.astype(np.int64), 0, per_token=True)


def tag_loss(model: Any, features: Features) -> Tensor:
    """Minus the mean log-probability of the tags, row by row."""
    outputs, found = model(**padded_inputs(features)).logits, []
    for row, (start, end) in enumerate(zip(features.rows.offsets[:-1], features.rows.offsets[1:], strict=True)):
        for place, target in enumerate(features.targets[start:end]):
            if target != IGNORED:
                found.append(-outputs[row, place].log_softmax(-1)[target])
    return torch.stack(found).mean()


def tags_right(outputs: Any, features: Features) -> np.ndarray:
    """Tokens whose best tag is right."""
    best = outputs.logits.argmax(-1).numpy()
    flat = np.concatenate([best[row, :length] for row, length in enumerate(features.rows.lengths)])
    return (flat == features.targets)[features.targets != IGNORED]


def choice_features(items: int, types: bool) -> Features:
    """Items of two to four random inputs."""
    sizes = np.random.default_rng(4).integers(2, 5, items)
    rows = random_features(int(sizes.sum()), types=types).rows
    right = np.random.default_rng(5).integers(0, sizes)
    groups = np.concatenate([[0], np.cumsum(sizes)])
    return Features(rows, np.stack([right, sizes], axis=1), 0, groups=groups)


def choice_loss(model: Any, features: Features) -> Tensor:
    """Each item through the model on its own, as transformers' documentation has it."""
    inputs, found = padded_inputs(features), []
    for (right, _), start, end in zip(features.targets, features.groups[:-1], features.groups[1:], strict=True):
        logits = model(**{name: value[None, start:end] for name, value in inputs.items()}).logits
        assert logits.shape == (1, end - start)
        found.append(-logits[0].log_softmax(-1)[right])
    return torch.stack(found).mean()


def choices_right(outputs: Any, features: Features) -> np.ndarray:
    """Items whose best choice is right."""
    items = np.split(outputs.logits.flatten().numpy(), features.groups[1:-1])
    return np.array([item.argmax() for item in items]) == features.targets[:, 0]


def span_features(rows: int, types: bool) -> Features:
    """Random rows, a span in each; in every fifth it is the first token, as where there is no answer."""
    rows_of = random_features(rows, types=types).rows
    draw, targets = np.random.default_rng(6), []
    for row, length in enumerate(rows_of.lengths):
        first, last = sorted(draw.integers(1, length, 2)) if row % 5 else (0, 0)
        targets.append((first, last, length))
    return Features(rows_of, np.array(targets, dtype=np.int64), 0)


def span_loss(model: Any, features: Features) -> Tensor:
    """Row by row over the row's own tokens."""
    outputs, found = model(**padded_inputs(features)), []
    for row, (first, last, length) in enumerate(features.targets):
        begin, end = (logits[row, :length].log_softmax(-1) for logits in (outputs.start_logits, outputs.end_logits))
        found.append(-(begin[first] + end[last]) / 2)
    return torch.stack(found).mean()


def spans_right(outputs: Any, features: Features) -> np.ndarray:
    """Rows whose begin and end are right."""
    found = []
    for row, (first, last, length) in enumerate(features.targets):
        best = [int(each[row, :length].argmax()) for each in (outputs.start_logits, outputs.end_logits)]
        found.append(best == [first, last])
    return np.array(found)


def pair_features(pairs: int, types: bool) -> Features:
    """Queries of some tokens and passages of more; two of every eight pairs share their passage."""
    queries, passages = random_features(pairs, 7, types, 8).rows, random_features(pairs, 8, types, 20).rows
    own = np.arange(pairs)
    own[7::8] = own[6::8][: len(own[7::8])]
    order = np.stack([np.arange(pairs), pairs + own], axis=1).flatten()
    rows = Ragged.join([queries, passages]).take(order)
    targets = np.stack([own, rows.lengths[::2], rows.lengths[1::2]], axis=1)
    return Features(rows, targets.astype(np.int64), 0, groups=np.arange(0, 2 * pairs + 1, 2))


def pair_vectors(outputs: Any, features: Features) -> tuple[list[Tensor], list[Tensor]]:
    """Unit vectors of queries and passages, one by one: the mean over a row's own tokens."""
    found = []
    for row, length in enumerate(features.rows.lengths):
        mean = outputs.last_hidden_state[row, :length].mean(0)
        found.append(mean / mean.norm())
    return found[::2], found[1::2]


def pair_loss(model: Any, features: Features) -> Tensor:
    """A query's own passage against those of other texts, query by query."""
    queries, passages = pair_vectors(model(**padded_inputs(features)), features)
    found = []
    for at, query in enumerate(queries):
        others = [passages[n] for n, text in enumerate(features.targets[:, 0]) if text != features.targets[at, 0]]
        scores = torch.stack([query @ each for each in (passages[at], *others)]) * 20
        found.append(-scores.log_softmax(0)[0])
    return torch.stack(found).mean()


def pairs_right(outputs: Any, features: Features) -> np.ndarray:
    """Queries whose nearest passage is their own."""
    queries, passages = (torch.stack(each) for each in pair_vectors(outputs, features))
    return features.targets[(queries @ passages.T).argmax(1).numpy(), 0] == features.targets[:, 0]


DUAL = retrieval.DualEncoder(Embedding(), temperature=0.05)
HEADS = {
    "retrieval": Head(
        DUAL, {}, pair_features, pair_loss, pairs_right, "encoder.layer.1.output.dense.weight", separable=False
    ),
    "spans": Head(spans, {"num_labels": 2}, span_features, span_loss, spans_right, "qa_outputs.weight"),
    "choice": Head(choice, {}, choice_features, choice_loss, choices_right, "classifier.weight"),
    "tagging": Head(tagging, {"num_labels": len(TAGS)}, tag_features, tag_loss, tags_right, "classifier.weight"),
}

"""What fine-tuning on translations trains on: aligned vectors near each other, the English ones where they were.

For pairs of aligned vectors e (English) and t (of the translation) in the last hidden states, and the vectors e0 that
the encoder gave the English text before,

    loss = (sum over pairs |e - t|^2 + weight * sum over English vectors |e - e0|^2) / pairs

(Cao, Kitaev and Klein 2020, arXiv 2002.03518, with weight 1; theirs are sums over the corpus, their released code takes
the mean of each term instead). Vectors are those of the last token of each linked word and of the special tokens at
both ends; all words of the English text are held, linked or not. Without links they are one vector a sentence: the mean
over its tokens, or its first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.encoders.packing import packed
from xtremor.tasks.features import Features, as_rows
from xtremor.tasks.losses import upcast
from xtremor.tasks.retrieval import pool
from xtremor.training.embeddings import compact
from xtremor.training.ragged import Ragged, padded_view


@dataclass(frozen=True)
class PairFeatures(Features):
    """Units of an English input and that of its translation, in this order.

    Attributes:
        pooling: ``mean`` or ``cls``, one vector an input; None aligns ``points``.
        points: (K, 2) places of tokens in the two inputs, unit after unit.
        starts: (U + 1,) where those of each unit begin.
        held: (E,) places in the English input that are held.
        held_starts: (U + 1,) likewise.
    """

    pooling: str | None = "mean"
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    starts: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    held: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    held_starts: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    @cached_property
    def weights(self) -> np.ndarray:
        """(U,) int64: pairs of vectors that each unit brings together."""
        return np.ones(len(self.lengths), dtype=np.int64) if self.pooling is not None else np.diff(self.starts)

    def targets_of(self, units: np.ndarray) -> np.ndarray:
        """(U,): numbers of the units; what is to be aligned is looked up by them."""
        return np.asarray(units, dtype=np.int64)

    def english(self, units: np.ndarray) -> Ragged:
        """The English inputs."""
        return self.rows.take(2 * np.asarray(units, dtype=np.int64))


def pair_features(
    english: Ragged,
    other: Ragged,
    cut: int,
    pooling: str | None,
    points: Sequence[np.ndarray] = (),
    held: Sequence[np.ndarray] = (),
) -> PairFeatures:
    """Join both sides; ``targets`` are all that is aligned, so that a digest of the features tells it.

    Args:
        english, other: U inputs each.
        cut: inputs that were cut.
        pooling, points, held: see `PairFeatures`; the latter two by unit.
    """
    count = len(english)
    order = np.arange(2 * count).reshape(2, -1).T.flatten()
    empty = np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum([len(each) for each in points])]).astype(np.int64)
    held_starts = np.concatenate([[0], np.cumsum([len(each) for each in held])]).astype(np.int64)
    pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *points])
    kept = np.concatenate([empty, *held])
    targets = np.concatenate([pairs.ravel(), starts, kept, held_starts])
    groups = np.arange(0, 2 * count + 1, 2, dtype=np.int64)
    rows = Ragged.join([english, other]).take(order)
    return PairFeatures(rows, targets, cut, False, groups, pooling, pairs, starts, kept, held_starts)


class Anchor:
    """The encoder as it was, for the vectors that English texts are held at; nothing of it is trained.

    Args:
        model: a bare encoder, changed: its word embeddings are made those of ``tokens`` alone.
        tokens: ids of all that it will read.
        pad_token: id used on padding.
        device: where it goes.
        packing: compute real tokens only, where the architecture allows it.
    """

    def __init__(
        self, model: nn.Module, tokens: np.ndarray, pad_token: int, device: torch.device, packing: bool = True
    ) -> None:
        compact(model, tokens, pad_token, False)
        self.model = model.eval().requires_grad_(False).to(device)
        self.pad_token, self.device, self.packing = pad_token, device, packing

    @torch.no_grad()
    def __call__(self, rows: Ragged) -> Tensor:
        """(B, L, H): its last hidden states, without dropout."""
        view = padded_view(rows, self.pad_token, self.device)
        with packed(self.model, self.packing):
            hidden: Tensor = self.model(**view.inputs).last_hidden_state
        return upcast(hidden)


@dataclass(frozen=True)
class Realignment:
    """The category of the stage, as `tasks.category.Category` has it; it has no head, and answers nothing.

    Attributes:
        features: what is trained on.
        anchor: the encoder as it was.
        weight: of the second sum.
    """

    features: PairFeatures
    anchor: Anchor
    weight: float = 1.0
    AUTO_CLASS = "AutoModel"
    CONSTANT = "leaving the encoder as it was"

    def head_config(self, labels: Sequence[str]) -> dict[str, Any]:
        """Nothing: there is no head."""
        return {}

    def model_inputs(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Padded rows as they are."""
        return as_rows(inputs)

    def loss(self, outputs: Any, targets: Tensor) -> Tensor:
        """The objective over units; ``outputs`` are of their inputs, ``targets`` (U,) their numbers."""
        apart, moved = self.distances(outputs, targets.cpu().numpy())
        return (apart.sum() + self.weight * moved.sum()) / len(apart)

    def distances(self, outputs: Any, units: np.ndarray) -> tuple[Tensor, Tensor]:
        """(K,) squared distances of aligned vectors, and (E,) those of English vectors from where they were."""
        hidden = upcast(outputs.last_hidden_state)
        english, other = hidden[0::2], hidden[1::2]
        before = self.anchor(self.features.english(units))
        if self.features.pooling is not None:
            rows = self.features.rows.take(self.features.rows_of(units))
            one, two = (
                _pooled(part, rows.lengths[at::2], self.features.pooling) for at, part in enumerate((english, other))
            )
            was = _pooled(before, rows.lengths[0::2], self.features.pooling)
            return (one - two).square().sum(-1), (one - was).square().sum(-1)
        unit, points = _inside(self.features.starts, self.features.points, units, hidden.device)
        apart = english[unit, points[:, 0]] - other[unit, points[:, 1]]
        unit, held = _inside(self.features.held_starts, self.features.held, units, hidden.device)
        return apart.square().sum(-1), (english[unit, held] - before[unit, held]).square().sum(-1)


def _pooled(hidden: Tensor, lengths: np.ndarray, pooling: str) -> Tensor:
    """(U, L, H) -> (U, H)."""
    sizes = torch.from_numpy(lengths).to(hidden.device)
    return pool(hidden, torch.arange(hidden.shape[1], device=hidden.device) < sizes[:, None], pooling)


def _inside(starts: np.ndarray, values: np.ndarray, units: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """What belongs to units: (K,) the place in the batch of its unit, and (K, ...) the values."""
    sizes = np.diff(starts)[units]
    places = np.repeat(np.arange(len(units)), sizes)
    parts = [values[starts[unit] : starts[unit + 1]] for unit in units]
    return torch.from_numpy(places).to(device), torch.from_numpy(np.concatenate(parts)).to(device)


@torch.no_grad()
def measured(model: nn.Module, objective: Realignment, units: np.ndarray) -> dict[str, float]:
    """Mean squared distance of aligned vectors (``apart``), and of English ones from where they were (``moved``).

    Args:
        model: the encoder, with embeddings of all tokens that occur.
        objective: what is measured.
        units: on which.
    """
    anchor, training = objective.anchor, model.training
    sums = np.zeros(4)
    try:
        model.eval()
        for part in np.array_split(units, max(1, len(units) // 16)):
            rows = objective.features.rows.take(objective.features.rows_of(part))
            view = padded_view(rows, anchor.pad_token, next(model.parameters()).device)
            apart, moved = objective.distances(model(**view.inputs), part)
            sums += [float(apart.sum()), len(apart), float(moved.sum()), len(moved)]
    finally:
        model.train(training)
    return {"apart": sums[0] / sums[1], "moved": sums[2] / sums[3]}

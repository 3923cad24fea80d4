"""Small problems that a method can be run on: a function of our own, and a tiny encoder through `BatchStep`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers.tiny import LABELS, vocabulary
from torch import Tensor

from xtremor.robust.methods.base import Method
from xtremor.robust.passes import Passes
from xtremor.robust.registry import make
from xtremor.robust.segments import Segments
from xtremor.tasks import classification
from xtremor.tasks.features import Features
from xtremor.training.config import TrainSettings
from xtremor.training.embeddings import compact
from xtremor.training.loop import Loop
from xtremor.training.ragged import Ragged
from xtremor.training.step import BatchStep


class Toy:
    """A smooth loss in float64 that mixes the tokens of a row, with one weight matrix; remembers what it was asked.

    Attributes:
        weight: (H, H), the only parameter.
        deltas: every delta that the loss was computed at.
        weight_gradients_at_forward: whether the weight already had a gradient at each of those times.
    """

    def __init__(self, lengths: tuple[int, ...] = (3, 1, 4), width: int = 5, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.segments, self.width = Segments(torch.tensor(lengths)), width
        draw = {"generator": generator, "dtype": torch.float64}
        self.vectors = torch.randn(sum(lengths), width, **draw)
        self.weight = torch.randn(width, width, **draw).requires_grad_()
        self.deltas: list[Tensor] = []
        self.weight_gradients_at_forward: list[bool] = []

    def value(self, delta: Tensor) -> Tensor:
        """The loss as a function of delta (T, H) in float64."""
        rows = torch.zeros(self.segments.count, self.width, dtype=torch.float64)
        moved = torch.tanh((self.vectors + delta) @ self.weight)
        return rows.index_add(0, self.segments.row_of_token, moved).square().sum(-1).mean()

    def loss(self, delta: Tensor | None) -> Tensor:
        """What a method is given."""
        given = torch.zeros_like(self.vectors) if delta is None else delta
        self.deltas.append(given.detach().double().clone())
        self.weight_gradients_at_forward.append(self.weight.grad is not None)
        return self.value(given.double())

    def passes(self, seed: int = 0) -> Passes:
        """A fresh set of passes over this batch; the outputs are the loss."""
        generator = torch.Generator().manual_seed(seed)
        return Passes(self.segments, self.width, self.loss, lambda loss: loss, generator, dropout_seed=1)

    def numeric_gradient(self, delta: Tensor, step: float = 1e-5) -> Tensor:
        """(T, H): central differences of the loss in delta."""
        found = torch.zeros_like(delta)
        with torch.no_grad():
            for token in range(delta.shape[0]):
                for entry in range(delta.shape[1]):
                    shift = torch.zeros_like(delta)
                    shift[token, entry] = step
                    found[token, entry] = (self.value(delta + shift) - self.value(delta - shift)) / (2 * step)
        return found

    def weight_gradient(self, delta: Tensor) -> Tensor:
        """(H, H): the gradient in the weight at a delta, computed apart."""
        return torch.autograd.grad(self.value(delta), self.weight)[0]


class OnCpu:
    """What `BatchStep` asks of an accelerator, without one."""

    device = torch.device("cpu")

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Full precision."""
        yield

    def backward(self, loss: Tensor) -> None:
        """Nothing is scaled."""
        loss.backward()


def random_features(rows: int = 12, seed: int = 0, types: bool = True, longest: int = 14) -> Features:
    """Rows of random ids, between special tokens; half of the vocabulary never occurs."""
    draw = np.random.default_rng(seed)
    ids, kinds = [], []
    for _ in range(rows):
        length = int(draw.integers(1, longest - 1))
        ids.append([2, *draw.integers(5, len(vocabulary()) // 2, length).tolist(), 3])
        kinds.append([0] * (1 + length // 2) + [1] * (length + 1 - length // 2))
    targets = draw.integers(0, len(LABELS), rows)
    return Features(Ragged.from_rows(ids, kinds if types else None), targets.astype(np.int64), 0)


def make_step(model: Any, features: Features, method: Method | None = None, **more: Any) -> BatchStep:
    """A step over a copy of ``model``, whose table is compacted.

    ``train`` False freezes the table; ``category`` is another than classification.
    """
    model = copy.deepcopy(model)
    full, table = compact(model, features.rows.tokens, 0, more.pop("train", True))
    category = more.pop("category", classification)
    settings = {"seed": 1, "pad_token": 0, "accelerator": OnCpu(), "full": full.weight, **more}
    return BatchStep(model, table, features, category, method or make("plain"), **settings)


def gradients(step: BatchStep, rows: np.ndarray | None = None) -> dict[str, Tensor]:
    """Weight gradients of one batch (all rows by default), by parameter name."""
    step.model.zero_grad(set_to_none=True)
    step.run(np.arange(len(step.features.lengths)) if rows is None else rows, update=0, part=0, weight=1.0)
    return {name: each.grad.clone() for name, each in step.model.named_parameters() if each.grad is not None}


def reference_loss(model: Any, features: Features) -> Tensor:
    """The ordinary way: pad every row, call the model, cross-entropy."""
    outputs = model(**padded_inputs(features))
    return torch.nn.functional.cross_entropy(outputs.logits, torch.from_numpy(features.targets))


def padded_inputs(features: Features) -> dict[str, Tensor]:
    """All rows padded one by one."""
    rows, lengths = features.rows, features.rows.lengths
    shape = (len(rows), int(lengths.max()))
    inputs = {"input_ids": torch.zeros(shape, dtype=torch.long), "attention_mask": torch.zeros(shape, dtype=torch.long)}
    if rows.types is not None:
        inputs["token_type_ids"] = torch.zeros(shape, dtype=torch.long)
    for row in range(len(rows)):
        span = slice(int(rows.offsets[row]), int(rows.offsets[row + 1]))
        inputs["input_ids"][row, : lengths[row]] = torch.from_numpy(rows.tokens[span].astype(np.int64))
        inputs["attention_mask"][row, : lengths[row]] = 1
        if rows.types is not None:
            inputs["token_type_ids"][row, : lengths[row]] = torch.from_numpy(rows.types[span].astype(np.int64))
    return inputs


def run_updates(step: Any, settings: TrainSettings, folder: Path, updates: int | None = None) -> None:
    """Train in ``folder`` from where it stands to the end, or so many updates and save as when it is stopped there."""
    folder.mkdir(exist_ok=True)
    loop = Loop(step, settings, [], folder)
    if updates is None:
        loop.run()
        return
    for rows in list(loop._batches())[:updates]:
        loop._update(rows)
    loop._save()

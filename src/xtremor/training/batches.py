"""Which rows make a batch: shuffled anew every epoch, rows of like length together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

# Rows are sorted by length inside windows of this many batches: enough to leave little padding, few enough
# that neighbours in the data do not stay neighbours.
WINDOW = 32


def epoch_batches(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Split all rows into batches of ``batch_size`` (one may be smaller), a function of (seed, epoch) alone.

    Args:
        lengths: (N,) tokens of each row.
        batch_size: rows in a batch.
        seed: of the run.
        epoch: 0-based.
    """
    generator = np.random.default_rng([seed, epoch, 0xBA7C4])
    order = generator.permutation(len(lengths))
    batches: list[np.ndarray] = []
    span = WINDOW * batch_size
    for start in range(0, len(order), span):
        window = order[start : start + span]
        window = window[np.argsort(lengths[window], kind="stable")]
        batches += [window[at : at + batch_size] for at in range(0, len(window), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]


def updates_in(rows: int, batch_size: int, epochs: float) -> int:
    """Weight updates of a run: batches per epoch times epochs, rounded up."""
    # 70 * 0.1 is a hair above 7, which must not make an eighth update.
    return math.ceil(round(math.ceil(rows / batch_size) * epochs, 6))


def batches_from(lengths: np.ndarray, batch_size: int, seed: int, updates: int, done: int = 0) -> Iterator[np.ndarray]:
    """Yield the rows of update ``done``, ``done + 1``, ... up to ``updates``: a resumed run sees what it would have."""
    per_epoch = math.ceil(len(lengths) / batch_size)
    for epoch in range(done // per_epoch, math.ceil(updates / per_epoch)):
        first = max(done - epoch * per_epoch, 0)
        last = min(updates - epoch * per_epoch, per_epoch)
        yield from epoch_batches(lengths, batch_size, seed, epoch)[first:last]


@dataclass(frozen=True)
class Epochs:
    """The order of a run on one task; ``training.mixture.MixedOrder`` is that of several.

    Attributes:
        lengths: (N,) tokens of each row.
        batch_size, seed, epochs: of the run.
    """

    lengths: np.ndarray
    batch_size: int
    seed: int
    epochs: float

    @property
    def updates(self) -> int:
        """Weight updates of the whole run."""
        return updates_in(len(self.lengths), self.batch_size, self.epochs)

    def batches(self, done: int = 0) -> Iterator[np.ndarray]:
        """The rows of update ``done``, ``done + 1``, ..."""
        return batches_from(self.lengths, self.batch_size, self.seed, self.updates, done)

    def about(self, update: int) -> dict[str, Any]:
        """What the log says of a 0-based update beyond its figures."""
        return {}


def parts_of(rows: np.ndarray, lengths: np.ndarray, parts: int, tokens: int | None = None) -> list[np.ndarray]:
    """Split the rows of an update into micro-batches.

    An update is of so many rows whatever it is split into, so that runs on other machines and with other inputs can be
    compared; a budget of tokens bounds the memory alone.

    Args:
        rows: (R,) numbers of units.
        lengths: (N,) tokens of every unit.
        parts: micro-batches, at least.
        tokens: of a micro-batch, at most; one unit alone may be longer.
    """
    found: list[np.ndarray] = []
    for piece in np.array_split(rows, min(parts, len(rows))):
        if tokens is None:
            found.append(piece)
            continue
        start = total = 0
        for place, length in enumerate(lengths[piece]):
            if place > start and total + length > tokens:
                found.append(piece[start:place])
                start, total = place, 0
            total += length
        found.append(piece[start:])
    return found


def length_sorted(lengths: np.ndarray, token_budget: int) -> Iterator[np.ndarray]:
    """Yield batches of rows of like length whose padded size is at most ``token_budget`` tokens, longest first."""
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, token_budget // int(lengths[order[start]]))
        yield order[start : start + size]
        start += size

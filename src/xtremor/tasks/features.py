"""Examples as a model reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.training.ragged import Ragged

# Target of a token that does not count, as torch's cross-entropy has it.
IGNORED = -100


@dataclass(frozen=True)
class Features:
    """Examples as a model reads them.

    A unit is what a batch is made of: an input row, or the rows of ``groups`` that must be seen together.

    Attributes:
        rows: token ids of N inputs.
        targets: int64, what a unit answers: (U, ...), a class -1 where a row has no label; with ``per_token`` (T,),
            one a token of ``rows``, IGNORED where none is asked.
        truncated: inputs (in tagging tokens, in question answering questions) that were cut to the length allowed.
        per_token: whether targets are the tokens'.
        groups: (U + 1,) int64, unit i is the rows ``groups[i]:groups[i + 1]``; None where each row is a unit.
    """

    rows: Ragged
    targets: np.ndarray
    truncated: int
    per_token: bool = False
    groups: np.ndarray | None = None

    @cached_property
    def lengths(self) -> np.ndarray:
        """(U,) int64: tokens of each unit."""
        if self.groups is None:
            return self.rows.lengths
        return np.diff(self.rows.offsets[self.groups])

    @cached_property
    def weights(self) -> np.ndarray:
        """(U,) int64: targets of each unit that count in the mean loss of a batch."""
        if not self.per_token:
            return np.ones(len(self.lengths), dtype=np.int64)
        counted = np.concatenate([[0], np.cumsum(self.targets != IGNORED)])
        return np.diff(counted[self.rows.offsets])

    def rows_of(self, units: np.ndarray) -> np.ndarray:
        """The input rows of units, in their order."""
        if self.groups is None:
            return units
        rows = [np.arange(self.groups[unit], self.groups[unit + 1]) for unit in units]
        return np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)

    def targets_of(self, units: np.ndarray) -> np.ndarray:
        """The targets of units, in their order: (U, ...), or one a token."""
        if not self.per_token:
            return self.targets[units]
        offsets = self.rows.offsets
        return np.concatenate([self.targets[offsets[row] : offsets[row + 1]] for row in self.rows_of(units)])


def as_rows(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """What most heads take: padded rows (B, L) as they are."""
    return inputs


def entropy(classes: np.ndarray) -> float:
    """Entropy in nats of the shares of int64 classes, those below 0 left out."""
    shares = np.bincount(classes[classes >= 0]) / max(1, (classes >= 0).sum())
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())

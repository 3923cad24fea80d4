"""Ragged rows: tokens of all rows one after another, and reductions over the tokens of each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Where the rows of one process stand in the batch that several processes work on together.

    Attributes:
        first_row, rows: the first of its rows, and all rows of the batch.
        first_token, tokens: the same in tokens.
    """

    first_row: int
    rows: int
    first_token: int
    tokens: int


@dataclass(frozen=True)
class Segments:
    """Which row each of T real tokens belongs to; padding does not exist here.

    Attributes:
        lengths: (B,) int64, tokens of each row.
        columns: (T,) int64, where each token lies in its padded row; None is the right-padded order.
        part: of a larger batch, whose draws are made as a whole, so that they do not depend on who works on them.
        total: T, where it is known without asking the device.
    """

    lengths: Tensor
    columns: Tensor | None = None
    part: Part | None = None
    total: int | None = None

    @staticmethod
    def from_mask(mask: Tensor) -> Segments:
        """Rows as an attention mask (B, L) tells them: padded left, right, or with holes."""
        real = mask.bool()
        return Segments(real.sum(1), real.nonzero()[:, 1])

    @property
    def count(self) -> int:
        """Number of rows B."""
        return self.lengths.numel()

    @cached_property
    def row_of_token(self) -> Tensor:
        """(T,) int64: the row of each token."""
        return torch.repeat_interleave(
            torch.arange(self.count, device=self.lengths.device), self.lengths, output_size=self.total
        )

    @cached_property
    def starts(self) -> Tensor:
        """(B,) int64: index of the first token of each row."""
        return torch.cumsum(self.lengths, 0) - self.lengths

    @cached_property
    def length_of_token(self) -> Tensor:
        """(T,) int64: the length of the row that each token belongs to."""
        return self.lengths[self.row_of_token]

    def positions(self, width: int) -> Tensor:
        """(T,) int64: where each token lies in a padded (B, ``width``) matrix, flattened."""
        if self.columns is not None:
            return self.row_of_token * width + self.columns
        tokens = torch.arange(self.row_of_token.numel(), device=self.lengths.device)
        return self.row_of_token * width + tokens - self.starts[self.row_of_token]

    def pad(self, values: Tensor, width: int) -> Tensor:
        """(T, H) -> (B, ``width``, H), zeros on padding; differentiable in ``values``."""
        flat = values.new_zeros(self.count * width, values.shape[-1])
        return flat.index_copy(0, self.positions(width), values).view(self.count, width, -1)

    def unpad(self, padded: Tensor) -> Tensor:
        """(B, L, H) -> (T, H): the real tokens of a padded tensor."""
        return padded.flatten(0, 1).index_select(0, self.positions(padded.shape[1]))

    def real(self, hidden: Tensor) -> Tensor:
        """(T, H): the real tokens of hidden states that are padded, (B, L, H), or packed, (1, T, H)."""
        return hidden[0] if self._packed(hidden) else self.unpad(hidden)

    def shifted(self, hidden: Tensor, delta: Tensor) -> Tensor:
        """Padded or packed hidden states with ``delta`` (T, H) added at the real tokens."""
        moved = delta.to(hidden.dtype)
        return hidden + (moved.unsqueeze(0) if self._packed(hidden) else self.pad(moved, hidden.shape[1]))

    def _packed(self, hidden: Tensor) -> bool:
        return hidden.shape[0] == 1 and self.count > 1

    def normal(self, width: int, generator: torch.Generator) -> Tensor:
        """(T, ``width``) standard normal draws, on the CPU."""
        if self.part is None:
            return torch.randn(self.row_of_token.numel(), width, generator=generator)
        return self._own(torch.randn(self.part.tokens, width, generator=generator))

    def uniform(self, width: int, generator: torch.Generator) -> Tensor:
        """(T, ``width``) draws from [0, 1), on the CPU."""
        if self.part is None:
            return torch.rand(self.row_of_token.numel(), width, generator=generator)
        return self._own(torch.rand(self.part.tokens, width, generator=generator))

    def uniform_rows(self, generator: torch.Generator) -> Tensor:
        """(B,) draws from [0, 1), on the CPU."""
        if self.part is None:
            return torch.rand(self.count, generator=generator)
        return torch.rand(self.part.rows, generator=generator)[self.part.first_row :][: self.count]

    def _own(self, drawn: Tensor) -> Tensor:
        assert self.part is not None
        return drawn[self.part.first_token :][: self.row_of_token.numel()]

    def sum_to_tokens(self, values: Tensor) -> Tensor:
        """(T,) -> (T,): each token gets the sum over its row."""
        sums = values.new_zeros(self.count).index_add_(0, self.row_of_token, values)
        return sums[self.row_of_token]

    def max_to_tokens(self, values: Tensor) -> Tensor:
        """(T,) -> (T,): each token gets the maximum over its row."""
        start = torch.full((self.count,), -torch.inf, dtype=values.dtype, device=values.device)
        return start.scatter_reduce_(0, self.row_of_token, values, "amax")[self.row_of_token]

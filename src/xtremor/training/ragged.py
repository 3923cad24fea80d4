"""Features without padding: the tokens of all rows one after another, with row offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xtremor.computing import sent
from xtremor.encoders.within_rows import know
from xtremor.robust.segments import Part, Segments


@dataclass(frozen=True)
class Ragged:
    """Token ids of N rows.

    Attributes:
        tokens: (T,) int32, ids in the encoder's vocabulary.
        offsets: (N + 1,) int64, row i is ``tokens[offsets[i]:offsets[i + 1]]``.
        types: (T,) int8 token type ids, or None for encoders without them.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    types: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(N,) int64: tokens of each row."""
        return np.diff(self.offsets)

    @staticmethod
    def from_rows(rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> Ragged:
        """Join rows of ids; ``types`` has the same shape."""
        lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        total = int(offsets[-1])
        tokens = np.fromiter((token for row in rows for token in row), dtype=np.int32, count=total)
        if types is None:
            return Ragged(tokens, offsets)
        joined = np.fromiter((kind for row in types for kind in row), dtype=np.int8, count=total)
        return Ragged(tokens, offsets, joined)

    def arrays(self) -> dict[str, np.ndarray]:
        """The rows as arrays by name, as `of_arrays` takes them."""
        found = {"tokens": self.tokens, "offsets": self.offsets}
        return found if self.types is None else {**found, "types": self.types}

    @staticmethod
    def of_arrays(arrays: Mapping[str, np.ndarray]) -> Ragged:
        """Rows from their arrays; other names are left out."""
        return Ragged(arrays["tokens"], arrays["offsets"], arrays.get("types"))

    @staticmethod
    def join(parts: Sequence[Ragged]) -> Ragged:
        """The rows of all parts, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        lengths = [np.zeros(0, dtype=np.int64), *(part.lengths for part in parts)]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        tokens = np.concatenate([np.zeros(0, dtype=np.int32), *(part.tokens for part in parts)])
        types = [part.types for part in parts if part.types is not None]
        return Ragged(tokens, offsets, np.concatenate(types) if types else None)

    def take(self, rows: np.ndarray) -> Ragged:
        """The given rows, in the given order."""
        rows = np.asarray(rows, dtype=np.int64)
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        types = None if self.types is None else self.types[index]
        return Ragged(self.tokens[index], offsets, types)


@dataclass(frozen=True)
class PaddedView:
    """A ragged batch as a model wants it: right-padded to its own longest row.

    Attributes:
        inputs: keyword arguments of a Hugging Face model: input_ids (B, L), attention_mask (B, L) and, for
            encoders that have them, token_type_ids (B, L).
        segments: the rows of the batch.
        tokens: (T,) int64, the real tokens in order.
    """

    inputs: dict[str, Tensor]
    segments: Segments
    tokens: Tensor


def padded_view(batch: Ragged, pad_token: int, device: torch.device, part: Part | None = None) -> PaddedView:
    """Build the padded view of a ragged batch on ``device``; ``part`` is where it stands in a larger one."""
    lengths = torch.from_numpy(batch.lengths.astype(np.int64))
    segments = Segments(lengths)
    width = int(lengths.max())
    shape = (len(batch), width)
    flat = segments.positions(width)
    tokens = torch.from_numpy(batch.tokens.astype(np.int64))
    inputs = {
        "input_ids": torch.full((len(batch) * width,), pad_token).index_copy_(0, flat, tokens).view(shape),
        "attention_mask": torch.zeros(len(batch) * width, dtype=torch.long).index_fill_(0, flat, 1).view(shape),
    }
    if batch.types is not None:
        kinds = torch.from_numpy(batch.types.astype(np.int64))
        zeros = torch.zeros(len(batch) * width, dtype=torch.long)
        inputs["token_type_ids"] = zeros.index_copy_(0, flat, kinds).view(shape)
    moved = {name: sent(value, device) for name, value in inputs.items()}
    know(moved["attention_mask"], batch.lengths.tolist())
    return PaddedView(moved, Segments(sent(lengths, device), None, part, tokens.numel()), sent(tokens, device))

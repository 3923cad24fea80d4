"""Word embeddings of which only the rows that occur are trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.errors import UserError


class CompactEmbedding(nn.Module):
    """A stand-in for a word-embedding table that holds only the rows of a training set.

    The model keeps seeing ids of the full vocabulary (position ids and masks that depend on them stay right);
    the lookup goes through an index. This is exact: a row that never occurs has gradient zero at every step, and AdamW
    without weight decay does not move it. With weight decay it shrinks by the same factor as all such rows, which
    `expand` makes up for.

    Args:
        full: the table, (V, H).
        tokens: ids that occur; the padding id is added.
        pad_token: id used on padding.
        read: further ids that occur, whose rows are looked up and never trained.
    """

    index: Tensor

    def __init__(self, full: nn.Embedding, tokens: np.ndarray, pad_token: int, read: np.ndarray | None = None) -> None:
        super().__init__()
        kept = torch.from_numpy(np.unique(np.append(tokens, pad_token)).astype(np.int64))
        if int(kept.max()) >= full.num_embeddings:
            raise UserError(
                f"the tokenizer gives token id {int(kept.max())}, but the encoder's table has "
                f"{full.num_embeddings} rows: tokenizer and weights do not belong together"
            )
        index = torch.full((full.num_embeddings,), -1, dtype=torch.long)
        index[kept] = torch.arange(kept.numel())
        others = np.setdiff1d([] if read is None else read, kept.numpy()).astype(np.int64)
        index[torch.from_numpy(others)] = kept.numel() + torch.arange(len(others))
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("read", full.weight.detach()[torch.from_numpy(others)].clone(), persistent=False)
        self.register_buffer("kept", kept, persistent=False)
        self.weight = nn.Parameter(full.weight.detach()[kept].clone(), requires_grad=full.weight.requires_grad)

    def rows(self, tokens: Tensor) -> Tensor:
        """Ids (...) -> rows of the compact table (...)."""
        return self.index[tokens]

    def forward(self, input_ids: Tensor) -> Tensor:
        """Ids (B, L) -> vectors (B, L, H)."""
        return nn.functional.embedding(self.rows(input_ids), self._all(self.weight))

    def looked_up(self, index: Tensor) -> Tensor:
        """Rows of the compact table (...) -> vectors (..., H) without a graph."""
        found: Tensor = self._all(self.weight.detach())[index]
        return found

    def _all(self, trained: Tensor) -> Tensor:
        read = self.get_buffer("read")
        return torch.cat([trained, read.to(trained)]) if len(read) else trained

    @torch.no_grad()
    def expand_into(self, full: nn.Embedding, rest: float = 1.0) -> nn.Embedding:
        """Write the rows back into the full table and return it; the other rows are multiplied by ``rest``."""
        if rest != 1.0:
            full.weight.data.mul_(rest)
        full.weight.data[self.get_buffer("kept").to(full.weight.device)] = self.weight.detach().to(full.weight)
        return full


def compact(
    model: nn.Module, tokens: np.ndarray, pad_token: int, train: bool, read: np.ndarray | None = None
) -> tuple[nn.Embedding, CompactEmbedding]:
    """Replace the model's word embeddings by a `CompactEmbedding`; return the full table and the compact one.

    Args:
        model: a Hugging Face model, changed in place.
        tokens: all ids of the training set.
        pad_token: id used on padding.
        train: whether the rows are trained.
        read: further ids, whose rows are not.
    """
    full = model.get_input_embeddings()  # type: ignore[operator]
    if not isinstance(full, nn.Embedding):
        raise UserError(f"{type(model).__name__} has no plain word-embedding table, which training needs")
    full.weight.requires_grad_(train)
    small = CompactEmbedding(full, tokens, pad_token, read)
    model.set_input_embeddings(small)  # type: ignore[operator]
    return full, small


def expand(model: nn.Module, full: nn.Embedding, small: CompactEmbedding, rest: float = 1.0) -> None:
    """Undo `compact` with the trained rows in place.

    ``rest`` is what weight decay left of the others (`training.optimizer.decayed`).
    """
    model.set_input_embeddings(small.expand_into(full, rest))  # type: ignore[operator]

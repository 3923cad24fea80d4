"""Forward passes over rows of features in batches of like length, and what is kept of them in the rows' own order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.encoders.packing import packed
from xtremor.tasks.features import as_rows
from xtremor.training.batches import length_sorted
from xtremor.training.ragged import PaddedView, Ragged, padded_view

# Padded tokens in one forward pass: enough to keep the processor busy, little enough for its caches.
TOKEN_BUDGET = 2048


@torch.inference_mode()
def forward_batches(
    model: nn.Module,
    rows: Ragged,
    pad_token: int,
    device: torch.device,
    take: Callable[[np.ndarray, PaddedView, Any], None],
    on_batch: Callable[[int], None] | None = None,
    batch_size: int | None = None,
    model_inputs: Callable[[dict[str, Tensor]], dict[str, Tensor]] = as_rows,
    pack: bool = True,
    head_alone: bool = False,
) -> None:
    """Run a model in evaluation mode over all rows.

    Args:
        model: called with the keyword arguments of a Hugging Face model.
        rows: N inputs.
        pad_token: id used on padding.
        device: where the model is.
        take: given the numbers of a batch's rows (B,), their padded view and the model's outputs.
        on_batch: told the number of real tokens done after every batch.
        batch_size: rows in a forward pass; by default as many as fit the budget of tokens.
        model_inputs: as a category has it.
        pack: compute real tokens only, where the architecture allows it; the hidden states of inner layers are then
            packed, too.
        head_alone: nothing but the head reads the last hidden states; see `packed`.
    """
    training = model.training
    model.eval()
    try:
        if batch_size is None:
            batches = length_sorted(rows.lengths, TOKEN_BUDGET)
        else:
            order = np.argsort(-rows.lengths, kind="stable")
            batches = iter(np.split(order, range(batch_size, len(order), batch_size)))
        with packed(model, pack, head_alone):
            for batch in batches:
                view = padded_view(rows.take(batch), pad_token, device)
                take(batch, view, model(**model_inputs(view.inputs)))
                if on_batch is not None:
                    on_batch(int(rows.lengths[batch].sum()))
    finally:
        model.train(training)


def forward_rows(
    model: nn.Module,
    rows: Ragged,
    pad_token: int,
    device: torch.device,
    read: Callable[[object, Tensor], Tensor],
    on_batch: Callable[[int], None] | None = None,
    batch_size: int | None = None,
    model_inputs: Callable[[dict[str, Tensor]], dict[str, Tensor]] = as_rows,
    pack: bool = True,
    head_alone: bool = False,
) -> np.ndarray:
    """What ``read`` keeps of each row.

    Args:
        read: (outputs, attention_mask (B, L)) -> (B, ...).
        model, rows, pad_token, device, on_batch, batch_size, model_inputs, pack, head_alone: see `forward_batches`.

    Returns:
        (N, ...) float32, in the order of ``rows``.
    """
    found: np.ndarray | None = None

    def take(batch: np.ndarray, view: PaddedView, outputs: Any) -> None:
        nonlocal found
        kept = read(outputs, view.inputs["attention_mask"]).float().cpu().numpy()
        if found is None:
            found = np.zeros((len(rows), *kept.shape[1:]), dtype=np.float32)
        found[batch] = kept

    forward_batches(model, rows, pad_token, device, take, on_batch, batch_size, model_inputs, pack, head_alone)
    return np.zeros((0, 0), dtype=np.float32) if found is None else found


def shares(rows: Ragged, on_share: Callable[[float], None] | None) -> Callable[[int], None] | None:
    """Turn tokens done into the share that they are of all tokens of ``rows``."""
    if on_share is None:
        return None
    return lambda tokens: on_share(tokens / len(rows.tokens))


def logits(outputs: object, mask: Tensor) -> Tensor:
    """The logits of a task model."""
    return outputs.logits  # type: ignore[attr-defined,no-any-return]


def mean_pooled(outputs: object, mask: Tensor) -> Tensor:
    """(B, H): mean of the last hidden states over real tokens, special tokens included, as E5 was trained."""
    hidden: Tensor = outputs.last_hidden_state  # type: ignore[attr-defined]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)

"""A trained model under attack: passes at a perturbation of its site, counted, and nothing trained."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.errors import UserError, unknown
from xtremor.evaluation.attack.items import Batch, Items
from xtremor.robust.site import embedding_block, mean_norm, word_embeddings
from xtremor.tasks.losses import LOSSES

SITES = ("word", "embeddings")
# Rows whose embedding-block output measures the mean norm that a relative radius at that site refers to.
NORM_ROWS = 64


@dataclass(frozen=True)
class Seen:
    """What a pass showed of a batch of I items.

    Attributes:
        losses: (I,).
        answers: their answers as text.
        logits: theirs, where they are kept.
        gradient: (T, H) of each item's own loss in delta; None where it was not asked for.
    """

    losses: Tensor
    answers: list[str]
    logits: list[Any]
    gradient: Tensor | None


class Victim:
    """A task model in evaluation mode whose weights ask for no gradient.

    Args:
        model: of transformers; it is frozen.
        site: one of `SITES`.
        loss: one of `tasks.losses.LOSSES`.
        spared: ids of tokens that are never perturbed.

    Attributes:
        width: H, size of a vector at the site; known after `unit`.
        forward, backward: passes so far, each counted once an item.
    """

    def __init__(self, model: nn.Module, site: str, loss: str, spared: Sequence[int] = ()) -> None:
        if site not in SITES:
            raise unknown("site", site, SITES)
        self.model = model.eval().requires_grad_(False)
        self.device = next(model.parameters()).device
        words: Any = model.get_input_embeddings()  # type: ignore[operator]
        self.words = words
        self.site = word_embeddings(model) if site == "word" else embedding_block(model)
        self.each = LOSSES[loss]
        self.spared = torch.tensor(sorted(spared), dtype=torch.long, device=self.device)
        self.width = 0
        self.forward = self.backward = 0

    @torch.no_grad()
    def unit(self, items: Items) -> float:
        """Mean norm of a vector at the site, which a relative radius is a share of.

        Of the word embeddings it is the table's; of the embedding block it is measured on the first items.
        """
        if self.site.name == "word":
            self.width = int(self.words.weight.shape[1])
            return mean_norm(self.words.weight)
        seen: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            seen.append(output[0] if isinstance(output, tuple) else output)

        batch = items.batch(np.arange(min(NORM_ROWS, len(items))), self.device)
        with self.site.hooked(keep):
            self.model(**items.category.model_inputs(batch.view.inputs))
        self.width = seen[0].shape[-1]
        return mean_norm(batch.view.segments.unpad(seen[0]))

    def mask(self, batch: Batch) -> Tensor:
        """(T, 1): 0 at tokens that are spared, else 1."""
        return (~torch.isin(batch.view.tokens, self.spared)).unsqueeze(1).float()

    def see(self, items: Items, batch: Batch, delta: Tensor | None = None, gradient: bool = False) -> Seen:
        """One pass over a batch with ``delta`` (T, H) at the site; no weight gradient is formed."""
        at = None if delta is None else delta.detach().requires_grad_(gradient)
        inputs = items.category.model_inputs(batch.view.inputs)
        override = contextlib.nullcontext() if at is None else self.site.override(batch.view.segments, None, at)
        with torch.set_grad_enabled(gradient), override:
            outputs = self.model(**inputs)
            losses = items.losses(batch, outputs, self.each)
        self.forward += len(batch.items)
        found = None
        if gradient and at is not None:
            found = torch.autograd.grad(losses.sum(), at)[0]
            self.backward += len(batch.items)
        return Seen(losses.detach(), *items.answers(batch, outputs), found)


def check_finite(losses: Tensor, batch: Batch, items: Items) -> None:
    """Raise UserError where the unperturbed model gives no finite loss."""
    broken = np.flatnonzero(~torch.isfinite(losses).cpu().numpy())
    if broken.size:
        item = items.examples[int(batch.items[broken[0]])]
        raise UserError(
            f"the model gives logits that are not finite (first: {item.file}, line {item.row + 1}): it diverged, train "
            "again with a lower learning rate"
        )

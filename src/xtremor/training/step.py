"""One batch as a robust method sees it: passes through the model with a perturbation at the site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.computing import sent
from xtremor.robust.counter import PassCounter, PassCounts
from xtremor.robust.methods import Method
from xtremor.robust.methods.base import Runner
from xtremor.robust.passes import Passes
from xtremor.robust.segments import Part, Segments
from xtremor.robust.sited import SitedModel, unit_of
from xtremor.robust.weights import Weights
from xtremor.tasks.category import Category
from xtremor.tasks.features import IGNORED, Features
from xtremor.training.config import derived_seed
from xtremor.training.crew import Crew
from xtremor.training.embeddings import CompactEmbedding
from xtremor.training.ragged import PaddedView, padded_view

# Rows whose vectors measure the mean norm that a relative radius refers to where the site is not the table.
NORM_ROWS = 64


class BatchStep:
    """Turns rows of features into the weight gradients of a method.

    The word-embedding output is computed once per batch, as a leaf; every pass reads it, and its gradient is
    scattered into the table once after the last pass. Plain training takes the same way, so that a method with
    radius 0 differs from it in nothing.

    Args:
        model: task model whose word embeddings are compact, in training mode.
        table: those word embeddings.
        features: of the training set.
        category: gives the loss.
        method: the robust method.
        seed: of the run.
        pad_token: id used on padding.
        accelerator: an ``accelerate.Accelerator``: device, autocast and backward.
        full: all rows of the word-embedding table (V, H); a relative radius is relative to their mean norm.
        special: ids of special tokens.
        counts: of passes, by hooks on the model; None puts hooks of its own there.
        crew: processes that share the work on every batch; None is this one alone.
    """

    def __init__(
        self,
        model: nn.Module,
        table: CompactEmbedding,
        features: Features,
        category: Category,
        method: Method,
        seed: int,
        pad_token: int,
        accelerator: Any,
        full: Tensor,
        special: Sequence[int] = (),
        counts: PassCounts | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.crew = crew or Crew()
        self.model, self.table, self.features, self.category = model, table, features, category
        self.seed, self.pad_token, self.accelerator = seed, pad_token, accelerator
        self.settings, self.special = method, torch.tensor(sorted(special), device=accelerator.device)
        self.sited = SitedModel(model, method, self._sample)
        self.below = self.sited.below
        self.width = table.weight.shape[1] if self.sited.at_words else self.sited.vectors().shape[1]
        self.unit = unit_of(self.sited, full) if method.perturbs else 0.0
        self.runner = method.bind(model)
        self.counts = PassCounter(model).counts if counts is None else counts

    @property
    def lengths(self) -> np.ndarray:
        """(U,) tokens of each unit."""
        return self.features.lengths

    @property
    def weights(self) -> np.ndarray:
        """(U,) targets of each unit that count in the mean loss of a batch."""
        return self.features.weights

    def run(
        self, units: np.ndarray, update: int, part: int, weight: float, method: Runner | None = None
    ) -> tuple[Tensor, int]:
        """Add ``weight`` times the gradient of the mean loss over ``units``; return the loss and the real tokens.

        ``method`` takes the place of the run's own. Of several processes each works on its share of units: gradients,
        losses and tokens then are to be summed over the processes. Perturbations are drawn for all units, so that they
        do not depend on the number of processes; dropout masks are each process's own.
        """
        return self.over(self.features, units, (method or self.runner).step, (update, part), weight)

    def about(self) -> dict[str, Any]:
        """What the log says of the latest update beyond the loss: nothing."""
        return {}

    def over(
        self,
        features: Features,
        units: np.ndarray,
        step: Callable[[Passes], Tensor],
        draw: tuple[int | str, ...],
        weight: float,
    ) -> tuple[Tensor, int]:
        """Let ``step`` make its passes over units of any features; return what it returns and the real tokens.

        ``draw`` names, with the run's seed, everything random; gradients are multiplied by ``weight``. Several
        processes share the units as in `run`.
        """
        batch = units
        units, first, counts = self.crew.share(batch, features.weights)
        place, share = None, 1.0
        if self.crew.size > 1:
            place = _part(features, batch, first)
            share = int(features.weights[units].sum()) / max(1, int(features.weights[batch].sum())) * counts
        weight *= share
        rank = (self.crew.rank,) if self.crew.rank else ()
        rows = features.rows.take(features.rows_of(units))
        view = padded_view(rows, self.pad_token, self.accelerator.device, place)
        targets = self._targets(features, units, view)
        index = self.table.rows(view.tokens)
        vectors = self.table.looked_up(index).requires_grad_(self.table.weight.requires_grad)
        run = self.sited.over(view.segments, self._call(view), vectors)
        passes = Passes(
            segments=view.segments,
            width=self.width,
            run=run,
            criterion=lambda outputs: self.category.loss(outputs, targets),
            distributions=lambda outputs: self.category.distributions(outputs, targets),
            generator=torch.Generator().manual_seed(derived_seed(self.seed, "delta", *draw)),
            dropout_seed=derived_seed(self.seed, "dropout", *draw, *rank),
            share_dropout=self.settings.shares_dropout,
            unit=self.unit,
            special=torch.isin(view.tokens, self.special),
            propagate=lambda value: self.accelerator.backward(value * weight),
            weights=self._weights(index, vectors),
            states=run.states,
        )
        trained = step(passes)
        run.finish()
        passes.weights.settle()
        if self.crew.size > 1:
            return trained * share, view.tokens.numel() * counts
        return trained, view.tokens.numel()

    def _call(self, view: PaddedView) -> Callable[[], Any]:
        """Runs the model over padded rows."""
        inputs = self.category.model_inputs(view.inputs)

        def call() -> Any:
            with self.accelerator.autocast():
                return self.model(**inputs)

        return call

    def _weights(self, index: Tensor, vectors: Tensor) -> Weights:
        """The trained weights; the gradient of looked-up vectors belongs to the table."""

        def settle() -> None:
            if vectors.grad is not None:
                self._scatter(index, vectors.grad)
                vectors.grad = None

        def refresh() -> None:
            vectors.data.copy_(self.table.looked_up(index))

        trained = [each for each in self.model.parameters() if each.requires_grad]
        exchange = partial(self.crew.sum_gradients, trained)
        return Weights(trained, settle, refresh, exchange, words=self.table.weight)

    def _targets(self, features: Features, units: np.ndarray, view: PaddedView) -> Tensor:
        """Targets as the loss takes them: (U, ...), or those of tokens padded with IGNORED to (B, L)."""
        targets = sent(torch.from_numpy(features.targets_of(units)), self.accelerator.device)
        if not features.per_token:
            return targets
        shape = view.inputs["input_ids"].shape
        padded = torch.full((shape.numel(),), IGNORED, device=targets.device)
        return padded.index_copy_(0, view.segments.positions(shape[1]), targets).view(shape)

    @torch.no_grad()
    def _scatter(self, index: Tensor, gradient: Tensor) -> None:
        if self.table.weight.grad is None:
            self.table.weight.grad = torch.zeros_like(self.table.weight)
        self.table.weight.grad.index_add_(0, index, gradient)

    def _sample(self) -> tuple[Segments, Callable[[], Any]]:
        """The first training rows, and what runs the model over them."""
        batch = self.features.rows.take(np.arange(min(NORM_ROWS, len(self.features.rows))))
        view = padded_view(batch, self.pad_token, self.accelerator.device)
        return view.segments, self._call(view)


def _part(features: Features, batch: np.ndarray, first: int) -> Part:
    """Where a process's units stand in a batch, of which they are those from ``first`` on."""
    before, lengths, rows = features.rows_of(batch[:first]), features.rows.lengths, features.rows_of(batch)
    return Part(len(before), len(rows), int(lengths[before].sum()), int(lengths[rows].sum()))

"""One batch as a robust method sees it: passes through the model with a perturbation at the site."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.robust.methods import Method
from xtremor.robust.passes import PassCounts, Passes
from xtremor.robust.registry import MethodSettings, build
from xtremor.robust.site import Site, embedding_block, mean_norm
from xtremor.tasks.category import Category
from xtremor.tasks.features import IGNORED, Features
from xtremor.training.config import derived_seed
from xtremor.training.embeddings import CompactEmbedding
from xtremor.training.ragged import PaddedView, padded_view

# Rows whose embedding-block output measures the mean norm that a relative radius at that site refers to.
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
        method: settings of the robust method.
        seed: of the run.
        pad_token: id used on padding.
        accelerator: an ``accelerate.Accelerator``: device, autocast and backward.
        full: all rows of the word-embedding table (V, H); a relative radius is relative to their mean norm.
    """

    def __init__(
        self,
        model: nn.Module,
        table: CompactEmbedding,
        features: Features,
        category: Category,
        method: MethodSettings,
        seed: int,
        pad_token: int,
        accelerator: Any,
        full: Tensor,
    ) -> None:
        self.model, self.table, self.features, self.category = model, table, features, category
        self.seed, self.pad_token, self.accelerator = seed, pad_token, accelerator
        self.words = Site(table, "word")
        self.block = embedding_block(model) if method.site == "embeddings" else None
        self.share_dropout = method.dropout == "shared"
        self.counts = PassCounts()
        self.width = table.weight.shape[1] if self.block is None else self._block_output(1).shape[1]
        if not method.perturbs:
            unit = 0.0
        elif self.block is None:
            unit = mean_norm(full)
        else:
            unit = mean_norm(self._block_output(NORM_ROWS))
        self.unit = unit
        self.method = build(method, unit, self.width)

    @property
    def lengths(self) -> np.ndarray:
        """(U,) tokens of each unit."""
        return self.features.lengths

    @property
    def weights(self) -> np.ndarray:
        """(U,) targets of each unit that count in the mean loss of a batch."""
        return self.features.weights

    def run(
        self, units: np.ndarray, update: int, part: int, weight: float, method: Method | None = None
    ) -> tuple[Tensor, int]:
        """Add ``weight`` times the gradient of the mean loss over ``units``; return the loss and the real tokens.

        ``method`` takes the place of the run's own.
        """
        rows = self.features.rows.take(self.features.rows_of(units))
        view = padded_view(rows, self.pad_token, self.accelerator.device)
        inputs = self.category.model_inputs(view.inputs)
        targets = self._targets(units, view)
        index = self.table.rows(view.tokens)
        vectors = self.table.weight.detach()[index].requires_grad_(self.table.weight.requires_grad)

        def loss(delta: Tensor | None) -> Tensor:
            at_words = delta if self.block is None else None
            with contextlib.ExitStack() as stack:
                stack.enter_context(self.words.override(view.segments, vectors, at_words))
                if self.block is not None and delta is not None:
                    stack.enter_context(self.block.override(view.segments, None, delta))
                stack.enter_context(self.accelerator.autocast())
                return self.category.loss(self.model(**inputs), targets)

        passes = Passes(
            segments=view.segments,
            width=self.width,
            loss=loss,
            generator=torch.Generator().manual_seed(derived_seed(self.seed, "delta", update, part)),
            dropout_seed=derived_seed(self.seed, "dropout", update, part),
            share_dropout=self.share_dropout,
            propagate=lambda value: self.accelerator.backward(value * weight),
            counts=self.counts,
        )
        trained = (method or self.method).step(passes)
        if vectors.grad is not None:
            self._scatter(index, vectors.grad)
        return trained, view.tokens.numel()

    def _targets(self, units: np.ndarray, view: PaddedView) -> Tensor:
        """Targets as the loss takes them: (U, ...), or those of tokens padded with IGNORED to (B, L)."""
        targets = torch.from_numpy(self.features.targets_of(units)).to(self.accelerator.device)
        if not self.features.per_token:
            return targets
        shape = view.inputs["input_ids"].shape
        padded = torch.full((shape.numel(),), IGNORED, device=targets.device)
        return padded.index_copy_(0, view.segments.positions(shape[1]), targets).view(shape)

    @torch.no_grad()
    def _scatter(self, index: Tensor, gradient: Tensor) -> None:
        if self.table.weight.grad is None:
            self.table.weight.grad = torch.zeros_like(self.table.weight)
        self.table.weight.grad.index_add_(0, index, gradient)

    @torch.no_grad()
    def _block_output(self, rows: int) -> Tensor:
        """(T, H): output of the embedding block on the first training rows, without dropout."""
        assert self.block is not None
        batch = self.features.rows.take(np.arange(min(rows, len(self.features.rows))))
        view = padded_view(batch, self.pad_token, self.accelerator.device)
        seen: list[Tensor] = []

        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            seen.append(output[0] if isinstance(output, tuple) else output)

        handle = self.block.module.register_forward_hook(keep)
        training = self.model.training
        try:
            self.model.eval()(**self.category.model_inputs(view.inputs))
        finally:
            handle.remove()
            self.model.train(training)
        return view.segments.unpad(seen[0])

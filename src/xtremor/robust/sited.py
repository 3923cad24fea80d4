"""A model with the place where a method perturbs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from xtremor.robust.depth import AtDepth, find_depth, first
from xtremor.robust.segments import Segments
from xtremor.robust.site import Site, embedding_block, mean_norm, word_embeddings

# Gives rows, and what runs the model over them.
Sample = Callable[[], tuple[Segments, Callable[[], Any]]]


class Placed(Protocol):
    """What says where a model is perturbed: a method, or an instrument that trains nothing."""

    @property
    def at(self) -> str:
        """``word``, ``embeddings``, ``layer:N`` or ``last``."""
        ...

    @property
    def shares_dropout(self) -> bool:
        """Whether all passes over a batch have the same dropout masks."""
        ...


class SitedModel:
    """Where a method perturbs a model, and how large vectors are there.

    Args:
        model: a Hugging Face model.
        method: says at which site.
        sample: gives some rows, and what runs the model over them.

    Attributes:
        below: share of the layers that is passed once a batch, whatever the method does above.

    Raises:
        UserError: the model has no such site.
    """

    def __init__(self, model: nn.Module, method: Placed, sample: Sample) -> None:
        self.model, self.share_dropout, self.sample = model, method.shares_dropout, sample
        self.keeps_states = bool(getattr(method, "reads_states", False))
        self.words = word_embeddings(model)
        self.block = embedding_block(model) if method.at == "embeddings" else None
        self.depth = None
        if method.at not in ("word", "embeddings"):
            self.depth = find_depth(model, method.at, sample()[1])
        self.below = 0.0 if self.depth is None else self.depth.share

    @property
    def at_words(self) -> bool:
        """Whether the site is the word embeddings."""
        return self.block is None and self.depth is None

    @torch.no_grad()
    def vectors(self) -> Tensor:
        """(T, H): what the site puts out over the sample, without dropout."""
        segments, call = self.sample()
        seen: list[Tensor] = []
        training = self.model.training
        try:
            self.model.eval()
            with self.site().hooked(lambda module, inputs, output: seen.append(first(output))):
                call()
        finally:
            self.model.train(training)
        return segments.real(seen[-1])

    def site(self) -> Site:
        """The modules that put out what is perturbed."""
        if self.depth is not None:
            return Site((self.model.get_submodule(self.depth.module),), self.depth.name)
        return self.words if self.block is None else self.block

    def over(self, segments: Segments, call: Callable[[], Any], vectors: Tensor | None = None) -> BatchRun:
        """The model over one batch.

        Args:
            segments: rows of the batch.
            call: runs the model.
            vectors: (T, H), takes the place of the word embeddings' own output.
        """
        return BatchRun(self, segments, call, vectors)


class BatchRun:
    """The model over one batch as a function of delta (T, H); see `SitedModel.over`."""

    def __init__(
        self, sited: SitedModel, segments: Segments, call: Callable[[], Any], vectors: Tensor | None = None
    ) -> None:
        self.sited, self.segments, self.call, self.vectors = sited, segments, call, vectors
        depth = sited.depth
        self.deep = None if depth is None else AtDepth(sited.model, depth, segments, sited.share_dropout)
        self._last: Tensor | None = None

    def __call__(self, delta: Tensor | None) -> Any:
        """Outputs with ``delta`` added at the site."""
        sited, at_words = self.sited, self.sited.block is None and self.deep is None
        with contextlib.ExitStack() as stack:
            if self.vectors is not None or (at_words and delta is not None):
                shift = delta if at_words else None
                stack.enter_context(sited.words.override(self.segments, self.vectors, shift))
            if sited.block is not None and delta is not None:
                stack.enter_context(sited.block.override(self.segments, None, delta))
            if self.deep is not None:
                stack.enter_context(self.deep.override(delta))
            if sited.keeps_states:
                base: Any = getattr(sited.model, "base_model", sited.model)
                hook = base.register_forward_hook(self._keep)
                stack.callback(hook.remove)
            return self.call()

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._last = output[0]

    def states(self) -> Tensor:
        """(T, H): the last hidden states of the latest pass; only for a method with ``reads_states``."""
        if self._last is None:
            raise RuntimeError("the encoder was not passed, or the method does not read hidden states")
        return self.segments.unpad(self._last)

    def finish(self) -> None:
        """Bring what is left of the step's gradient to the weights; called once after the method's step."""
        self._last = None
        if self.deep is not None:
            self.deep.finish()


def unit_of(sited: SitedModel, table: Tensor) -> float:
    """Mean L2 norm of a vector at the site: over all rows of ``table`` (V, H) for words, else over the sample."""
    return mean_norm(table if sited.at_words else sited.vectors())

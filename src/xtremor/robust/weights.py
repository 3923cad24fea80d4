"""Perturbed, averaged and bounded weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from xtremor.robust.passes import Passes


@dataclass
class Weights:
    """The trained weights of a model, for methods that move them within a step.

    Attributes:
        parameters: all that are trained.
        settle: brings gradients that lie elsewhere (of looked-up word vectors) into ``.grad``.
        refresh: computes anew what was computed from the weights before the step.
        exchange: averages gradients over the processes that train the model.
        words: the word embeddings among them, if they are trained.
    """

    parameters: list[nn.Parameter]
    settle: Callable[[], None] = lambda: None
    refresh: Callable[[], None] = lambda: None
    exchange: Callable[[], None] = lambda: None
    words: nn.Parameter | None = None
    _kept: list[Tensor] = field(default_factory=list)

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Gradients formed inside do not mix with those of earlier batches, which are there again afterwards."""
        self.settle()
        before = [parameter.grad for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None
        try:
            yield
        finally:
            for parameter, gradient in zip(self.parameters, before, strict=True):
                parameter.grad = gradient

    @torch.no_grad()
    def climb(self, length: float) -> None:
        """Move all weights by ``length`` along their gradient, taken as one vector; keep the old ones.

        Several processes climb together, along the gradient of the whole batch.
        """
        self.settle()
        self.exchange()
        found = [(each, each.grad) for each in self.parameters if each.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad.float()) for _, grad in found]))
        self._kept = [each.detach().clone() for each in self.parameters]
        scale = length / norm.clamp_min(1e-30)
        for parameter, gradient in found:
            parameter.add_(gradient * scale.to(gradient.dtype))
        self.refresh()

    @torch.no_grad()
    def climb_each(self, share: float) -> None:
        """Move every matrix by ``share`` of its own norm along its gradient; keep the old ones.

        Vectors (biases, norms) and word embeddings stay: a table of which a batch has few rows would move those few by
        a share of the norm of all.
        """
        self.settle()
        self.exchange()
        self._kept = [each.detach().clone() for each in self.parameters]
        for each in self.parameters:
            if each.grad is None or each.ndim < 2 or each is self.words:
                continue
            length = share * torch.linalg.vector_norm(each.float())
            scale = length / torch.linalg.vector_norm(each.grad.float()).clamp_min(1e-30)
            each.add_(each.grad * scale.to(each.grad.dtype))
        self.refresh()

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Put back, bit for bit, what `climb` kept, after what is done inside."""
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, kept in zip(self.parameters, self._kept, strict=True):
                    parameter.copy_(kept)
            self._kept = []


class Average:
    """An exponential moving average of a model's trained weights, begun at what they are now.

    Args:
        model: whose weights are averaged.
        keep: beta; average <- beta average + (1 - beta) weights.
    """

    def __init__(self, model: nn.Module, keep: float) -> None:
        self.keep = keep
        self.named = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self.values = {name: each.detach().clone() for name, each in self.named.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the present weights in."""
        for name, value in self.values.items():
            value.lerp_(self.named[name].detach(), 1 - self.keep)

    @contextlib.contextmanager
    def in_place(self, passes: Passes) -> Iterator[None]:
        """The model has the averaged weights inside; no graph may be open."""
        self._swap()
        passes.weights.refresh()
        try:
            yield
        finally:
            self._swap()
            passes.weights.refresh()

    def _swap(self) -> None:
        for name, parameter in self.named.items():
            parameter.data, self.values[name] = self.values[name], parameter.data

    def state(self) -> dict[str, Tensor]:
        """The averages by parameter name."""
        return dict(self.values)

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put averages back; raises KeyError where one is missing."""
        for name, value in self.values.items():
            value.copy_(tensors[name])


def head_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Trained matrices outside the encoder."""
    base = getattr(model, "base_model", model)
    inside = {id(each) for each in base.parameters()} if base is not model else set()
    return [each for each in model.parameters() if each.requires_grad and each.ndim == 2 and id(each) not in inside]


@torch.no_grad()
def bound_norms(matrices: list[nn.Parameter]) -> None:
    """Divide each matrix by its largest singular value where that is above 1."""
    for matrix in matrices:
        matrix.div_(torch.linalg.matrix_norm(matrix.float(), 2).clamp_min(1.0).to(matrix.dtype))

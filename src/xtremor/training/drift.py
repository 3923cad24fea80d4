"""How far an encoder went from its pretrained weights, and two ways of holding it back: L2-SP and interpolation."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from xtremor.encoders.layers import layer_names, part_of


class Pretrained:
    """The encoder's weights before training: those that may move are kept, of the others their size.

    Args:
        model: before anything was trained; its word embeddings may be compact, which leaves rows that never move out.
        fresh: names of tensors that the encoder did not bring.
        moving: names of parameters that training may change.
        on_device: keep the copies where the model is, and not in main memory.
    """

    def __init__(
        self, model: nn.Module, fresh: Collection[str], moving: Collection[str], on_device: bool = False
    ) -> None:
        self.layers = layer_names(model)
        self.start: dict[str, Tensor] = {}
        self.squares: dict[str, float] = {}
        for name, parameter in model.named_parameters():
            if name in fresh:
                continue
            part = part_of(name, self.layers)
            self.squares[part] = self.squares.get(part, 0.0) + _square(parameter)
            if name in moving:
                device = parameter.device if on_device else torch.device("cpu")
                self.start[name] = parameter.detach().to(device, copy=True)

    @torch.no_grad()
    def interpolate(self, model: nn.Module, share: float) -> None:
        """Make every kept tensor (1 - ``share``) pretrained + ``share`` as it is now; exact at 0 and at 1."""
        for name, parameter in self._kept(model):
            parameter.copy_(self.between(name, parameter, share))

    def between(self, name: str, now: Tensor, share: float) -> Tensor:
        """What `interpolate` makes of one tensor; ``now`` itself where nothing of it was kept."""
        return torch.lerp(self.start[name].to(now.device), now, share) if name in self.start else now

    def distance(self, model: nn.Module) -> dict[str, Any]:
        """The L2 distance of the encoder's weights from pretraining, and its ratio to their L2 norm then.

        Returns:
            {"l2", "relative", "parts": {"embeddings": {"l2", "relative"}, "layer 1": ..., "other": ...}}; of word
            embeddings the rows that occur in training are counted.
        """
        moved = dict.fromkeys(self.squares, 0.0)
        for name, parameter in self._kept(model):
            moved[part_of(name, self.layers)] += _square(parameter.detach().cpu().double() - self.start[name].cpu())
        parts = {part: _sizes(square, self.squares[part]) for part, square in moved.items()}
        return {**_sizes(sum(moved.values()), sum(self.squares.values())), "parts": parts}

    def _kept(self, model: nn.Module) -> Iterable[tuple[str, nn.Parameter]]:
        return [(name, parameter) for name, parameter in model.named_parameters() if name in self.start]


class L2SP:
    """The gradient of alpha/2 ||w - w0||^2 over the encoder and beta/2 ||w||^2 over new tensors (Li et al. 2018).

    Args:
        model: what is trained.
        start: w0 by name, where the model is.
        fresh: names of the new tensors.
        alpha, beta: the two weights.
    """

    def __init__(
        self, model: nn.Module, start: dict[str, Tensor], fresh: Collection[str], alpha: float, beta: float
    ) -> None:
        self.model, self.start, self.fresh, self.alpha, self.beta = model, start, fresh, alpha, beta

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add to ``.grad`` of every tensor that has one: what the loss does not reach stays where it began."""
        for name, parameter in self.model.named_parameters():
            if parameter.grad is None:
                continue
            if name in self.start:
                parameter.grad.add_(parameter - self.start[name], alpha=self.alpha)
            elif name in self.fresh:
                parameter.grad.add_(parameter, alpha=self.beta)


def _square(values: Tensor) -> float:
    return float(values.detach().double().square().sum())


def _sizes(moved: float, whole: float) -> dict[str, float]:
    return {"l2": moved**0.5, "relative": (moved / whole) ** 0.5 if whole else 0.0}

"""Passes over a model, counted by hooks on its layers, so that no method can miscount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xtremor.encoders.layers import layer_names


@dataclass
class PassCounts:
    """Passes over a whole batch; plain training is one of each per batch.

    Attributes:
        forward: forward passes.
        backward_activations: backward passes to the activations.
        backward_weights: backward passes that also form weight gradients.
    """

    forward: float = 0
    backward_activations: float = 0
    backward_weights: float = 0

    def total(self) -> float:
        """All passes, each counted 1 (plain training: 3)."""
        return self.forward + self.backward_activations + self.backward_weights

    def as_dict(self) -> dict[str, float]:
        """The three counts by name; whole numbers as such."""
        rounded = {name: round(value, 9) for name, value in vars(self).items()}
        return {name: int(value) if value == int(value) else value for name, value in rounded.items()}


class PassCounter:
    """Counts what every layer of a model computes; a pass over one of L layers is 1/L of a pass.

    A layer is watched at its first linear map: how often it is computed, how often a gradient reaches its output, and
    how many of those arrivals ended in a gradient of the layer's weights. A layer whose weights are frozen forms none.
    Where layers cannot be told apart, the encoder's first linear map stands for all.

    Args:
        model: a Hugging Face model; hooks stay on it until `remove`.
        counts: to add to; by default its own.
    """

    def __init__(self, model: nn.Module, counts: PassCounts | None = None) -> None:
        self.counts = PassCounts() if counts is None else counts
        self._handles: list[Any] = []
        modules = dict(model.named_modules())
        names = layer_names(model) if hasattr(model, "config") else None
        layers = [[modules[name] for name in layer] for layer in names] if names else [[_base(model)]]
        watched = [found for layer in layers if (found := _first_linear(layer)) is not None]
        self.share = 1 / max(1, len(watched))
        for linear, weight in watched:
            self._watch(linear, weight)

    def _watch(self, linear: nn.Module, weight: nn.Parameter | None) -> None:
        share, counts = self.share, self.counts
        arrived, formed = 0, False

        def finish() -> None:
            nonlocal arrived, formed
            counts.backward_weights += share * arrived if formed else 0
            arrived, formed = 0, False

        def seen() -> None:
            # What formed a weight gradient is known at the end of the backward pass: the order within is autograd's.
            if not arrived and not formed:
                torch.autograd.Variable._execution_engine.queue_callback(finish)

        def back(gradient: Tensor) -> None:
            nonlocal arrived
            seen()
            counts.backward_activations += share
            arrived += 1

        def accumulated(parameter: Tensor) -> None:
            nonlocal formed
            seen()
            formed = True

        def computed(module: nn.Module, inputs: Any, output: Tensor) -> None:
            counts.forward += share
            if output.requires_grad:
                output.register_hook(back)

        self._handles.append(linear.register_forward_hook(computed))
        if weight is not None:
            self._handles.append(weight.register_post_accumulate_grad_hook(accumulated))

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()


def _base(model: nn.Module) -> nn.Module:
    base = getattr(model, "base_model", model)
    return base if isinstance(base, nn.Module) else model


def _first_linear(layer: list[nn.Module]) -> tuple[nn.Module, nn.Parameter | None] | None:
    """A layer's first linear map, and the first of the layer's parameters that is trained."""
    linear = next((each for part in layer for each in part.modules() if isinstance(each, nn.Linear)), None)
    if linear is None:
        return None
    own = next((each for each in linear.parameters() if each.requires_grad), None)
    any_ = next((each for part in layer for each in part.parameters() if each.requires_grad), None)
    return linear, own if own is not None else any_

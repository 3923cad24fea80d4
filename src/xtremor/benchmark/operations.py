"""Floating-point operations of passes over real tokens: what no implementation can avoid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from xtremor.encoders.first_token import linears_behind
from xtremor.encoders.layers import layer_names
from xtremor.robust.counter import PassCounts


@dataclass(frozen=True)
class Operations:
    """Operations of an encoder's layers on rows, a multiplication and an addition counted as two.

    Attributes:
        linear: of the linear maps in a forward pass; a backward pass to the activations takes as many, one that forms
            weight gradients as many again.
        attention: of scores and their weighted sums in a forward pass; a backward pass takes twice as many, and
            forms no weight gradients.
    """

    linear: float
    attention: float

    def of(self, counts: PassCounts) -> float:
        """Of so many passes."""
        maps = counts.forward + counts.backward_activations + counts.backward_weights
        return self.linear * maps + self.attention * (counts.forward + 2 * counts.backward_activations)

    def plain(self) -> float:
        """Of a step of plain training."""
        return self.of(PassCounts(1, 1, 1))


def operations(model: nn.Module, lengths: np.ndarray, head_alone: bool = False) -> Operations:
    """Count for one pass over rows of these lengths (N,) in tokens; embeddings and the head are not counted.

    Args:
        model: of transformers.
        lengths: of the rows.
        head_alone: what the last layer does for tokens that the head does not read is not counted; see
            `encoders.packing.packed`.

    Raises:
        ValueError: the model's layers cannot be told apart.
    """
    modules: dict[str, Any] = dict(model.named_modules())
    names = layer_names(model)
    if not names:
        raise ValueError(f"the layers of {type(model).__name__} cannot be told apart")
    parts = [modules[name] for layer in names for name in layer]
    linears = {each for part in parts for each in part.modules() if isinstance(each, nn.Linear)}
    behind = linears_behind(model, parts[-1]) if head_alone else set()
    tokens = float(lengths.sum())
    linear = sum(2.0 * each.weight.numel() * (len(lengths) if each in behind else tokens) for each in linears)
    config: Any = model.config
    squares = float((lengths.astype(np.float64) ** 2).sum())
    return Operations(linear, 4.0 * squares * config.hidden_size * len(names))

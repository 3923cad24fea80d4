"""What a method is given: forward and backward passes over one batch, counted where no method can miscount."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from xtremor.robust.segments import Segments


@dataclass
class PassCounts:
    """Passes over a whole batch; plain training is one of each per batch.

    Attributes:
        forward: forward passes.
        backward_activations: backward passes down to the site (every backward pass is one).
        backward_weights: backward passes that also form weight gradients.
    """

    forward: int = 0
    backward_activations: int = 0
    backward_weights: int = 0

    def total(self) -> int:
        """All passes, each counted 1 (plain training: 3)."""
        return self.forward + self.backward_activations + self.backward_weights

    def as_dict(self) -> dict[str, int]:
        """The three counts by name."""
        return asdict(self)


@dataclass
class Passes:
    """One batch, seen by a method as a function of a perturbation at the site.

    Attributes:
        segments: rows of the batch; delta is (T, ``width``) over their real tokens.
        width: H, size of a vector at the site.
        loss: delta or None -> mean loss over rows, a scalar with a graph.
        generator: source of every random draw that a method makes; seeded anew for each batch.
        dropout_seed: what the model's own randomness is seeded with.
        share_dropout: draw the same dropout masks in every pass over this batch (Zhu et al. 2020, section
            3.3); otherwise each pass draws fresh ones.
        propagate: computes and accumulates weight gradients; ``Tensor.backward`` unless an accelerator scales.
        counts: passes made so far, by this and earlier batches.
    """

    segments: Segments
    width: int
    loss: Callable[[Tensor | None], Tensor]
    generator: torch.Generator
    dropout_seed: int
    share_dropout: bool = True
    propagate: Callable[[Tensor], None] = torch.Tensor.backward
    counts: PassCounts = field(default_factory=PassCounts)
    _seeded: bool = False

    def forward(self, delta: Tensor | None = None) -> Tensor:
        """Mean loss of the batch with ``delta`` (T, H) added at the site; None means nothing is added."""
        if self.share_dropout or not self._seeded:
            torch.manual_seed(self.dropout_seed)
            self._seeded = True
        self.counts.forward += 1
        return self.loss(delta)

    def gradient(self, loss: Tensor, delta: Tensor) -> Tensor:
        """Gradient of ``loss`` in ``delta`` alone, float32; no weight gradient is formed or touched."""
        self.counts.backward_activations += 1
        return torch.autograd.grad(loss, delta)[0].float()

    def backward(self, loss: Tensor) -> None:
        """Add the weight gradients of ``loss`` to the parameters' ``.grad`` (and delta's, if it asks for one)."""
        self.counts.backward_activations += 1
        self.counts.backward_weights += 1
        self.propagate(loss)

    def zeros(self) -> Tensor:
        """A delta of zeros (T, H), float32."""
        lengths = self.segments.lengths
        return torch.zeros(self.segments.row_of_token.numel(), self.width, device=lengths.device)

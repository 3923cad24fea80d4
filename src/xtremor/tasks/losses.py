"""How far single targets are missed: what an attack ascends, one number a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# (N, C) logits and (N,) classes -> (N,): one of the functions below.
TargetLoss = Callable[["Tensor", "Tensor"], "Tensor"]


def cross_entropies(logits: Tensor, targets: Tensor) -> Tensor:
    """(N, C) logits and (N,) classes -> (N,) cross-entropies."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits, targets, reduction="none")


def margins(logits: Tensor, targets: Tensor) -> Tensor:
    """(N, C) logits and (N,) classes -> (N,): the largest other logit minus that of the class; above 0 it is missed.

    Unlike the cross-entropy it keeps its gradient where a model is certain (Carlini and Wagner 2017).
    """
    import torch

    index = targets.unsqueeze(1)
    others = logits.scatter(1, index, -torch.inf).amax(dim=1)
    return others - logits.gather(1, index).squeeze(1)


LOSSES: dict[str, TargetLoss] = {"margin": margins, "cross-entropy": cross_entropies}


def upcast(logits: Tensor) -> Tensor:
    """Float32, or float64 where it is that already."""
    import torch

    return logits if logits.dtype == torch.float64 else logits.float()

"""Weights around which the loss is flat: SAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xtremor.robust.methods.base import Method, number

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class SAM(Method):
    """Sharpness-aware minimisation (Foret et al. 2021, arXiv 2010.01412): the gradient at w + rho g / norm(g).

    g is the gradient at w, over all trained weights together; the weights are put back exactly. Cost: 6 passes. With
    rho 0 and shared dropout it equals plain bit for bit.

    Attributes:
        rho: length of the step in weight space.
    """

    name: ClassVar[str] = "sam"
    title: ClassVar[str] = "sharpness-aware minimisation"
    rule: ClassVar[str] = "loss at w + rho g / norm(g)"
    cost_rule: ClassVar[str] = "6"
    source: ClassVar[str] = "Foret et al. 2021, arXiv 2010.01412"

    rho: float = number(0.05)

    def cost(self) -> float:
        """Two passes in full."""
        return 6.0

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient at the worst nearby weights."""
        weights = passes.weights
        with weights.apart():
            passes.backward(passes.forward())
            weights.climb(self.rho)
        with weights.restored():
            loss = passes.forward()
            passes.backward(loss)
        return loss.detach()

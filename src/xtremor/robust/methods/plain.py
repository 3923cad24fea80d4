"""Standard fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xtremor.robust.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class Plain(Method):
    """Standard fine-tuning: the gradient of loss(e). Cost: 3 passes (forward, to activations, to weights)."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "standard fine-tuning"
    rule: ClassVar[str] = "loss(e)"
    cost_rule: ClassVar[str] = "3"
    source: ClassVar[str] = "every baseline"

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the unperturbed loss."""
        loss = passes.forward()
        passes.backward(loss)
        return loss.detach()

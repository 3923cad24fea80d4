"""Which methods train on rows without a label, and refusing the others. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from xtremor.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.methods.base import Method
    from xtremor.robust.passes import Passes


@runtime_checkable
class Unlabelled(Protocol):
    """A method with a term that asks for no label."""

    def step_unlabelled(self, passes: Passes) -> Tensor:
        """Make the passes over rows without a label: add weight gradients, return the term (detached)."""
        ...

    def cost_unlabelled(self) -> float:
        """Passes over a batch of them, above the site: forward, to activations, to weights."""
        ...


def for_unlabelled(method: Method) -> Unlabelled:
    """``method`` where rows without a label may join it; raises UserError where it needs labels."""
    if isinstance(method, Unlabelled):
        return method
    from xtremor.robust.registry import METHODS

    able = " and ".join(name for name, kind in METHODS.items() if issubclass(kind, Unlabelled))
    raise UserError(f"the method '{method.name}' needs labels; text without labels can join {able} alone")

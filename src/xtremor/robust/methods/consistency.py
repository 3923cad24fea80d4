"""Predictions that agree between two passes over the same input: R3F, R4F, R-Drop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from xtremor.robust.methods.base import DISTRIBUTIONS, DROPOUT, Method, Perturbed, Runner, number, one_of, switch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xtremor.robust.ball import Distribution
    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class R3F(Perturbed):
    """R3F (Aghajanyan et al. 2020, arXiv 2008.03156): loss(e) + lambda KLsym(f(e), f(e + z)), z random.

    Cost: 6 passes. Defaults are the paper's: z uniform, each entry within 1e-5 absolute; lambda = 1; dropout fresh in
    both passes, as in the released code. At this radius the divergence is that of the two dropout masks (6.4e-3 with
    noise, 5.3e-3 without, 8e-10 with noise and shared masks in one trial): for the effect of noise itself take a
    larger radius and shared dropout.

    Attributes:
        consistency: lambda.
        distribution: of z.
    """

    name: ClassVar[str] = "r3f"
    title: ClassVar[str] = "R3F: agreement under random noise"
    rule: ClassVar[str] = "loss(e) + lambda KLsym(f(e), f(e + z)), z random"
    cost_rule: ClassVar[str] = "6"
    source: ClassVar[str] = "Aghajanyan et al. 2020, arXiv 2008.03156"

    radius: float = number(1e-5)
    relative: bool = switch(False)
    norm: str = one_of("linf", ("l2", "linf"))
    dropout: str = one_of("fresh", DROPOUT)
    consistency: float = number(1.0)
    distribution: str = one_of("uniform", DISTRIBUTIONS)

    def cost(self) -> float:
        """Two passes in full."""
        return 6.0

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the loss and the divergence."""
        clean = passes.outputs()
        noisy = passes.outputs(passes.ball(self).draw(cast("Distribution", self.distribution)))
        loss = passes.criterion(clean) + self.consistency * passes.divergence(noisy, clean)
        passes.backward(loss)
        return loss.detach()


@dataclass(frozen=True, kw_only=True)
class R4F(R3F):
    """R4F (Aghajanyan et al. 2020): R3F with a head of Lipschitz constant at most 1.

    After every update each matrix of the head is divided by its largest singular value where that is above 1. The paper
    normalises in the forward pass; dividing the weights themselves leaves a model that needs no wrapper. Cost: 6.
    """

    name: ClassVar[str] = "r4f"
    title: ClassVar[str] = "R4F: R3F with a head of spectral norm at most 1"
    rule: ClassVar[str] = "as r3f; the head's matrices are kept at spectral norm 1 or less"

    def bind(self, model: nn.Module) -> Runner:
        """A runner that knows the head's matrices."""
        from xtremor.robust.weights import head_matrices

        return Bounded(self, head_matrices(model))


@dataclass
class Bounded:
    """R4F at work: R3F's step, and the head's matrices."""

    method: R4F
    matrices: list[Any]

    def step(self, passes: Passes) -> Tensor:
        """R3F's."""
        return self.method.step(passes)

    def after_update(self) -> None:
        """Divide each matrix by its largest singular value where that is above 1."""
        from xtremor.robust.weights import bound_norms

        bound_norms(self.matrices)

    def state(self) -> dict[str, Tensor]:
        """Nothing: the weights hold it."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Nothing."""


@dataclass(frozen=True, kw_only=True)
class RDrop(Method):
    """R-Drop (Liang et al. 2021, arXiv 2106.14448): two dropout masks m, n that must agree.

    (loss_m + loss_n) / 2 + lambda (KL(f_m|f_n) + KL(f_n|f_m)) / 2, as released. The paper adds the two losses instead
    of averaging them, `RDropPaper`. Cost: 6 passes. Without dropout it equals plain.

    Attributes:
        consistency: lambda; 1 to 5 in the paper.
    """

    name: ClassVar[str] = "r-drop"
    title: ClassVar[str] = "R-Drop: agreement of two dropout masks"
    rule: ClassVar[str] = "mean of loss_m and loss_n + lambda KLsym(f_m, f_n) / 2, m and n dropout masks"
    cost_rule: ClassVar[str] = "6"
    source: ClassVar[str] = "Liang et al. 2021, arXiv 2106.14448"

    consistency: float = number(1.0)

    # What the two losses together count.
    losses: ClassVar[float] = 1.0

    def cost(self) -> float:
        """Two passes in full."""
        return 6.0

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of both losses and the divergence."""
        one, other = passes.outputs(), passes.outputs(masks=1)
        trained = (passes.criterion(one) + passes.criterion(other)) * (self.losses / 2)
        loss = trained + self.consistency / 2 * passes.divergence(one, other)
        passes.backward(loss)
        return loss.detach()


@dataclass(frozen=True, kw_only=True)
class RDropPaper(RDrop):
    """R-Drop as in the paper: loss_m + loss_n + lambda KLsym / 2. Cost: 6 passes.

    Without dropout the gradient is twice plain's.
    """

    name: ClassVar[str] = "r-drop-paper"
    title: ClassVar[str] = "R-Drop as in the paper: losses added"
    rule: ClassVar[str] = "loss_m + loss_n + lambda KLsym(f_m, f_n) / 2"

    losses: ClassVar[float] = 2.0

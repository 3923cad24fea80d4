"""Weights around which the loss is flat: SAM, and AWP on adversarial inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xtremor.errors import UserError
from xtremor.robust.methods.base import Method, number, unread
from xtremor.robust.methods.pgd import PGD

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


@dataclass(frozen=True, kw_only=True)
class AWP(PGD):
    """Adversarial weight perturbation (Wu et al. 2020, arXiv 2004.05884): PGD's loss at the worst nearby weights.

    delta as in `PGD`; then every matrix w moves by gamma norm(w) g / norm(g), g the gradient of loss(e + delta) in it;
    the gradient of loss(e + delta) there is trained, and the weights are put back exactly. One step of the weights, as
    in the released code, which does the same through a copy of the model. Cost: 2 K + 6 passes. With gamma 0 and shared
    dropout it equals `PGD` bit for bit.

    Departure: word embeddings are left where they are. Few rows of the table occur in a batch, and would move by a
    share of the norm of all; delta moves them already. Where a layer is perturbed what lies below it is passed once,
    with weights that may not move in between: only the sites ``word`` and ``embeddings`` are taken.

    Attributes:
        gamma: length of the step in weight space, as a share of each matrix's norm; 0.005 to 0.01 in the released code.
    """

    name: ClassVar[str] = "awp"
    title: ClassVar[str] = "adversarial weight perturbation: PGD at the worst nearby weights"
    rule: ClassVar[str] = "loss(e + delta) at w + gamma norm(w) g / norm(g), delta as in pgd"
    cost_rule: ClassVar[str] = "2 x steps + 6"
    source: ClassVar[str] = "Wu et al. 2020, arXiv 2004.05884"

    gamma: float = number(0.005)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clean:
            raise unread("clean", type(self))
        if self.site not in ("word", "embeddings"):
            raise UserError(
                f"--site {self.site}: awp moves the weights below it, too, which are passed once; use --site word or "
                "embeddings"
            )

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """PGD's without a clean term, and gamma."""
        return tuple(name for name in super().options() if name != "clean")

    def cost(self) -> float:
        """2 K + 6."""
        return 2 * self.steps + 6

    def step(self, passes: Passes) -> Tensor:
        """Ascend in delta, then in the weights, and accumulate the gradient there."""
        ball, weights = passes.ball(self), passes.weights
        delta = self.climb(passes, ball, ball.draw(share=self.start), self.steps)
        with weights.apart():
            passes.backward(passes.forward(delta))
            weights.climb_each(self.gamma)
        with weights.restored():
            loss = passes.forward(delta)
            passes.backward(loss)
        return loss.detach()

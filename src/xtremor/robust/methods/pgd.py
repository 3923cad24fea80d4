"""Adversarial inputs on which the weights are trained once: PGD and FGM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xtremor.robust.methods.base import Ascending, Perturbed, number

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.ball import LocalBall
    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class PGD(Ascending):
    """Projected gradient descent (Madry et al. 2018), the adversarial training of Huang et al. 2021.

    delta_0 is uniform in the ball of ``start`` times the radius; K times delta <- P(delta + a d(g)), g being the
    gradient of the loss in delta and d its steepest-ascent direction; the weights are trained on the last delta
    alone. Cost: 2 K + 3 passes: the ascent forms no weight gradient. Radius 0 with shared dropout equals plain
    training bit for bit. At ``layer:N`` this is the adversarial training of intermediate layers (SMAAT).

    With a ``clean`` share c the weights are trained on c loss(e) + (1 - c) loss(e + delta): 3 passes more, or 1 where
    the start is 0, because the first ascent then is the clean pass. ``steps=1, step_size=1.25`` is fast adversarial
    training (FGSM from a random start).

    Attributes:
        clean: share of the clean loss, from 0 to below 1.
    """

    name: ClassVar[str] = "pgd"
    title: ClassVar[str] = "projected gradient descent (ADV)"
    rule: ClassVar[str] = "loss(e + delta) after K ascent steps from a random start"
    cost_rule: ClassVar[str] = "2 x steps + 3; with a clean term + 3, or + 1 from start 0"
    source: ClassVar[str] = "Madry et al. 2018; Huang et al. 2021, arXiv 2104.08645"

    clean: float = number(0.0, below=1.0, quiet=True)

    def cost(self) -> float:
        """2 K + 3, and the clean term's own."""
        clean = 0 if self.clean == 0 else (1 if self.start == 0 else 3)
        return 2 * self.steps + 3 + clean

    def step(self, passes: Passes) -> Tensor:
        """Ascend in delta, then accumulate the weight gradient at the last delta."""
        ball = passes.ball(self)
        delta = ball.draw(share=self.start)
        before, todo = None, self.steps
        if self.clean:
            delta.requires_grad_(self.start == 0)
            before = passes.forward(delta if self.start == 0 else None)
            passes.backward(self.clean * before)
            if self.start == 0:
                delta = ball.ascend(delta, ball.direction(passes.left(delta)), self.length(ball.radius))
                todo -= 1
        delta = self.climb(passes, ball, delta, todo)
        loss = passes.forward(delta)
        passes.backward(loss if before is None else (1 - self.clean) * loss)
        return loss.detach() if before is None else self.clean * before.detach() + (1 - self.clean) * loss.detach()

    def climb(self, passes: Passes, ball: LocalBall, delta: Tensor, steps: int) -> Tensor:
        """(T, H): ``delta`` after ``steps`` ascents on the loss, detached."""
        for _ in range(steps):
            delta.requires_grad_()
            gradient = passes.gradient(passes.forward(delta), delta)
            delta = ball.ascend(delta, ball.direction(gradient), self.length(ball.radius))
        return delta


@dataclass(frozen=True, kw_only=True)
class FGM(Perturbed):
    """Fast gradient method (Miyato et al. 2017, arXiv 1605.07725): loss(e) + loss(e + r d(g)), one step from zero.

    The gradient in delta falls out of the clean backward pass. Cost: 6 passes. The published ball is absolute and over
    the row (``scope="sequence", relative=False, radius=1.0``) on normalised embeddings; the two losses are added, so
    that at radius 0 the gradient is twice plain's.
    """

    name: ClassVar[str] = "fgm"
    title: ClassVar[str] = "fast gradient method"
    rule: ClassVar[str] = "loss(e) + loss(e + delta), delta one step of length r"
    cost_rule: ClassVar[str] = "6"
    source: ClassVar[str] = "Miyato et al. 2017, arXiv 1605.07725"

    def cost(self) -> float:
        """Two passes in full."""
        return 6.0

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradients of both losses."""
        ball = passes.ball(self)
        delta = passes.zeros().requires_grad_()
        clean = passes.forward(delta)
        passes.backward(clean)
        moved = ball.ascend(delta, ball.direction(passes.left(delta)), ball.radius)
        loss = passes.forward(moved)
        passes.backward(loss)
        return clean.detach() + loss.detach()

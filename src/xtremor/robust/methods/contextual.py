"""Adversarial inputs that also turn the contextual representation away: CreAT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xtremor.robust.methods.base import SCOPES, Ascending, number, one_of, switch

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class CreAT(Ascending):
    """CreAT (Wu et al. 2023, "Toward Adversarial Training on Contextualized Language Representation").

    The mean of loss(e) and loss(e + delta), delta climbing loss(e + delta) - tau cos(h(e + delta), h(e)): h are the
    last hidden states, the cosine is taken token by token, added up over a row's real tokens and averaged over rows, as
    in the released code; h(e) is held fixed. delta_0 is normal, of root mean square norm ``start`` times the radius; K
    times delta <- P(delta + a d(g)). Cost: 2 K + 6 passes. Radius 0 with shared dropout gives plain's gradients.

    Defaults are the released code's, whose "2 steps" are K = 1: L2 over the row, radius and step 0.1 absolute, tau 1.
    Departures: dropout is shared by all passes of a batch, where the code draws anew (``dropout="fresh"``); delta is
    one, where the code adds the start to the input and what the ascent made of it as well.

    Attributes:
        tau: weight of the cosine; 0 leaves the ascent to the loss.
    """

    name: ClassVar[str] = "creat"
    title: ClassVar[str] = "CreAT: the ascent also turns the hidden states away"
    rule: ClassVar[str] = "mean of loss(e) and loss(e + delta), delta ascending on loss - tau cos(h(e + delta), h(e))"
    cost_rule: ClassVar[str] = "2 x steps + 6"
    source: ClassVar[str] = "Wu et al. 2023, ICLR"

    radius: float = number(0.1)
    relative: bool = switch(False)
    scope: str = one_of("sequence", SCOPES)
    step_size: float | None = number(1.0)
    start: float = number(0.01)
    tau: float = number(1.0)

    # Its passes are asked for the last hidden states.
    reads_states: ClassVar[bool] = True

    def cost(self) -> float:
        """2 K + 6."""
        return 2 * self.steps + 6

    def step(self, passes: Passes) -> Tensor:
        """Accumulate half the gradients of the clean and of the adversarial loss."""
        clean = passes.forward()
        states = passes.states().detach()
        passes.backward(clean / 2)
        ball = passes.ball(self)
        delta = ball.draw("normal", self.start)
        for _ in range(self.steps):
            delta.requires_grad_()
            aim = passes.forward(delta) - self.tau * passes.likeness(states)
            delta = ball.ascend(delta, ball.direction(passes.gradient(aim, delta)), self.length(ball.radius))
        loss = passes.forward(delta)
        passes.backward(loss / 2)
        return (clean.detach() + loss.detach()) / 2

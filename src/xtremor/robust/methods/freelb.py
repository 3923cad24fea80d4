"""FreeLB, its released code, its uncapped relative and its random twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xtremor.robust.methods.base import SCOPES, Ascending, number, one_of, switch

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.ball import LocalBall
    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class FreeLB(Ascending):
    """FreeLB-K (Zhu et al. 2020, arXiv 1909.11764): the weights see every delta on the way.

    For t < K: accumulate the weight gradient of loss(e + delta_t) / K; delta_{t+1} <- P(delta_t + a d(g)). The
    gradient in delta falls out of the same backward pass. Cost: 3 K passes. K counts passes over the model, as
    in the paper's algorithm 1; the released code also has a version in which it counts ascents.

    Departures: the default start is 0, not random, because with a random start the model never sees clean
    input; then the first of the K passes is plain and FreeLB-1 equals plain training. `FreeLBCode` is the code's.
    """

    name: ClassVar[str] = "freelb"
    title: ClassVar[str] = "FreeLB: weights trained on every step of the ascent"
    rule: ClassVar[str] = "mean over K of loss(e + delta_t), delta ascending from 0"
    cost_rule: ClassVar[str] = "3 x steps"
    source: ClassVar[str] = "Zhu et al. 2020, arXiv 1909.11764"

    steps: int = number(2, least=1)
    start: float = number(0.0)

    def cost(self) -> float:
        """3 K."""
        return 3 * self.steps

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the mean of the K weight gradients."""
        ball = passes.ball(self)
        delta = self.first(passes, ball)
        total = delta.new_zeros(())
        for done in range(self.steps):
            last = done == self.steps - 1
            delta.requires_grad_(not last)
            loss = passes.forward(delta)
            passes.backward(loss / self.steps)
            total = total + loss.detach() / self.steps
            if not last:
                delta = self.next(delta, passes, ball)
        return total

    def first(self, passes: Passes, ball: LocalBall) -> Tensor:
        """(T, H): delta_0."""
        return ball.draw(share=self.start)

    def next(self, delta: Tensor, passes: Passes, ball: LocalBall) -> Tensor:
        """(T, H): delta_{t+1}, from the gradient that the last backward pass left."""
        return ball.ascend(delta, ball.direction(passes.left(delta)), self.length(ball.radius))


@dataclass(frozen=True, kw_only=True)
class NoiseK(FreeLB):
    """Noise-K, FreeLB's twin: the same K passes, norms and averaging, each direction random.

    The control that isolates the adversarial direction: it differs from `FreeLB` in the direction alone, and
    it makes the same passes. Cost: 3 K passes.
    """

    name: ClassVar[str] = "noise-k"
    title: ClassVar[str] = "FreeLB's twin with random directions (control)"
    rule: ClassVar[str] = "mean over K of loss(e + delta_t), delta walking at random"
    source: ClassVar[str] = "control for FreeLB: the same passes, norms and averaging"

    def next(self, delta: Tensor, passes: Passes, ball: LocalBall) -> Tensor:
        """(T, H): delta after a random step as long as the gradient's would be."""
        return ball.ascend(delta, ball.random_direction(), self.length(ball.radius))


@dataclass(frozen=True, kw_only=True)
class FreeLBPlusPlus(FreeLB):
    """FreeLB++ (Li et al. 2021, arXiv 2108.12777): FreeLB without the cap, more steps.

    Nothing is projected: K steps of length a go up to 2.5 r from the input. Cost: 3 K passes.
    """

    name: ClassVar[str] = "freelb++"
    title: ClassVar[str] = "FreeLB++: FreeLB without a cap, more steps"
    rule: ClassVar[str] = "mean over K of loss(e + delta_t), delta ascending from 0, never projected"
    source: ClassVar[str] = "Li et al. 2021, arXiv 2108.12777"

    steps: int = number(10, least=1)

    def next(self, delta: Tensor, passes: Passes, ball: LocalBall) -> Tensor:
        """(T, H): delta_t + a d(g)."""
        return delta.detach() + self.length(ball.radius) * ball.direction(passes.left(delta))


@dataclass(frozen=True, kw_only=True)
class FreeLBCode(FreeLB):
    """FreeLB as its authors released it, where that is not the paper's.

    The start is uniform in a box of half width m / sqrt(length H), m being ``start`` times the radius, so that its norm
    is about 0.577 m and the model never sees clean input; the ball is over the row; for L-infinity the start is uniform
    in a box of half width m and the gradient is divided by its L-infinity norm over the row, not turned into its sign.
    Defaults are within the ranges that the repository gives for RoBERTa-large, absolute: cap 0.3, step 0.1, K = 3.
    Cost: 3 K passes.
    """

    name: ClassVar[str] = "freelb-code"
    title: ClassVar[str] = "FreeLB as released"
    rule: ClassVar[str] = "mean over K of loss(e + delta_t), random start in a box, ball over the row"
    source: ClassVar[str] = "the released code of Zhu et al. 2020"

    radius: float = number(0.3)
    relative: bool = switch(False)
    scope: str = one_of("sequence", SCOPES)
    steps: int = number(3, least=1)
    step_size: float | None = number(1 / 3)
    start: float = number(1.0)

    def first(self, passes: Passes, ball: LocalBall) -> Tensor:
        """(T, H): uniform in the box."""
        size = self.start * ball.radius
        if self.norm == "linf":
            return size * passes.uniform()
        lengths = passes.segments.length_of_token.float().unsqueeze(1)
        return size * passes.uniform() / (lengths * passes.width).sqrt()

    def next(self, delta: Tensor, passes: Passes, ball: LocalBall) -> Tensor:
        """(T, H): as `FreeLB`, for L-infinity along the gradient itself."""
        gradient = passes.left(delta)
        if self.norm == "linf":
            largest = passes.segments.max_to_tokens(gradient.abs().amax(-1)).unsqueeze(1)
            return ball.ascend(delta, gradient / largest.clamp_min(1e-30), self.length(ball.radius))
        return ball.ascend(delta, ball.direction(gradient), self.length(ball.radius))

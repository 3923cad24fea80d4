"""Predictions that change little where they would change most: SMART, VAT, ALUM."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from xtremor.robust.methods.base import DROPOUT, Ascending, Method, Perturbed, Runner, number, one_of, switch, unread

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xtremor.robust.ball import LocalBall
    from xtremor.robust.passes import Passes
    from xtremor.robust.weights import Average


@dataclass(frozen=True, kw_only=True)
class SMART(Ascending):
    """SMART (Jiang et al. 2020, arXiv 1911.03437): loss(e) + lambda KLsym(f(e + delta), f(e)) + mu Bregman term.

    delta_0 is normal with entries of standard deviation ``start`` times the radius; K times delta <- P(delta + a d(g)),
    g the gradient of KLsym in delta with f(e) held fixed. KLsym(p, q) = KL(p|q) + KL(q|p) over the category's decisions
    (classes; begin and end of a span; the tag of each labelled token; the choices of an item; the passages of a batch).
    With mu > 0 the Bregman proximal term mu KLsym(f(e), f_avg(e)) is added, f_avg being the model with weights averaged
    over updates, avg <- beta avg + (1 - beta) weights. Cost: 2 K + 6 passes, 1 more with mu > 0 (and a second copy of
    the weights).

    Defaults are the paper's: L-infinity, noise and radius 1e-5 absolute, step 1e-3 (100 radii), K = 1, lambda = 1; mu
    is 0, where the paper has 1. For L-infinity the step is the sign of the gradient; at 100 radii a step, entries end
    at the edge whatever their size. At a radius as small as this KLsym sees little but rounding unless dropout is
    fresh, and then it is dropout consistency. `SMARTCode` is what was released.

    Attributes:
        consistency: lambda.
        bregman: mu.
        averaging: beta.
    """

    name: ClassVar[str] = "smart"
    title: ClassVar[str] = "SMART, as in the paper"
    rule: ClassVar[str] = "loss(e) + lambda KLsym(f(e + delta), f(e)) + mu KLsym(f(e), averaged f(e))"
    cost_rule: ClassVar[str] = "2 x steps + 6; with --bregman + 1"
    source: ClassVar[str] = "Jiang et al. 2020, arXiv 1911.03437"

    radius: float = number(1e-5)
    relative: bool = switch(False)
    norm: str = one_of("linf", ("l2", "linf"))
    step_size: float | None = number(100.0)
    consistency: float = number(1.0)
    bregman: float = number(0.0)
    averaging: float = number(0.99, below=1.0)

    # Whether f(e) is a fixed target of the divergence that is trained on, too.
    fixed_target: ClassVar[bool] = False
    symmetric: ClassVar[bool] = True

    def cost(self) -> float:
        """2 K + 6, and a forward pass of the averaged weights."""
        return 2 * self.steps + 6 + (self.bregman > 0)

    def bind(self, model: nn.Module) -> Runner:
        """With mu > 0 a runner that holds the averaged weights."""
        if not self.bregman:
            return self
        from xtremor.robust.weights import Average

        return Averaged(self, Average(model, self.averaging))

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the loss and the divergence."""
        return self.regularised(passes, passes.outputs())

    def regularised(self, passes: Passes, clean: Any, extra: Tensor | None = None) -> Tensor:
        """The step from the clean outputs on; ``extra`` is added to the loss."""
        delta = self.climb(passes, clean)
        moved = passes.divergence(passes.outputs(delta), clean, self.symmetric, fixed=self.fixed_target)
        loss = passes.criterion(clean) + self.consistency * moved
        loss = loss if extra is None else loss + extra
        passes.backward(loss)
        return loss.detach()

    def climb(self, passes: Passes, clean: Any) -> Tensor:
        """(T, H): where the divergence from ``clean`` is large, detached."""
        ball = passes.ball(self)
        delta = ball.draw("normal", self.start)
        for _ in range(self.steps):
            delta.requires_grad_()
            away = passes.divergence(passes.outputs(delta), clean, self.symmetric, fixed=True)
            delta = self.moved(passes, ball, delta, passes.gradient(away, delta))
        return delta

    def moved(self, passes: Passes, ball: LocalBall, delta: Tensor, gradient: Tensor) -> Tensor:
        """(T, H): one ascent."""
        return ball.ascend(delta, ball.direction(gradient), self.length(ball.radius))


@dataclass
class Averaged:
    """SMART with its Bregman term at work: the method and the averaged weights."""

    method: SMART
    average: Average

    def step(self, passes: Passes) -> Tensor:
        """The averaged model's outputs first, then SMART's step with the term added."""
        with self.average.in_place(passes):
            before = passes.outputs_without_graph()
        clean = passes.outputs()
        term = passes.divergence(clean, before, True, fixed=True)
        return self.method.regularised(passes, clean, self.method.bregman * term)

    def after_update(self) -> None:
        """Move the average towards the new weights."""
        self.average.update()

    def state(self) -> dict[str, Tensor]:
        """The averaged weights."""
        return self.average.state()

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put them back."""
        self.average.load_state(tensors)


@dataclass(frozen=True, kw_only=True)
class SMARTCode(SMART):
    """SMART as its authors released it: delta ends with L-infinity norm 1 on every token, whatever the settings say.

    The normal start of standard deviation 1e-5 and the step of 1e-3 along the gradient (divided by each token's
    L-infinity norm) are followed by a division by the token's L-infinity norm that is not multiplied by a radius: the
    perturbation is 100,000 times the paper's. Dropout is fresh in every pass, and there is no Bregman term. Settings of
    the ball other than ``start`` (in units of 1e-5) and ``step_size`` are not read. Padding is left alone, which the
    released code moves. Cost: 2 K + 6 passes.
    """

    name: ClassVar[str] = "smart-code"
    title: ClassVar[str] = "SMART as released: every token moved by 1"
    rule: ClassVar[str] = "loss(e) + lambda KLsym(f(e + delta), f(e)), delta of L-infinity norm 1"
    cost_rule: ClassVar[str] = "2 x steps + 6"
    source: ClassVar[str] = "the released code of Jiang et al. 2020"

    dropout: str = one_of("fresh", DROPOUT)

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse(self, ("radius", "relative", "norm", "scope", "bregman", "averaging"))

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Without the settings that the code does not heed."""
        hidden = ("radius", "relative", "norm", "scope", "bregman", "averaging")
        return tuple(name for name in super().options() if name not in hidden)

    def moved(self, passes: Passes, ball: LocalBall, delta: Tensor, gradient: Tensor) -> Tensor:
        """(T, H): a step and the division."""

        def scaled(values: Tensor) -> Tensor:
            return values / (values.abs().amax(-1, keepdim=True) + 1e-6)

        return scaled(delta.detach() + self.length(ball.radius) * scaled(gradient))


@dataclass(frozen=True, kw_only=True)
class ALUM(SMART):
    """ALUM (Liu et al. 2020, arXiv 2004.08994): SMART's regulariser with f(e) held fixed, and no Bregman term.

    Rows without a label may join: on them the divergence alone is trained, with f(e) from a forward pass. Cost: 2 K + 6
    passes, 2 K + 4 on rows without a label. Defaults are SMART's.
    """

    name: ClassVar[str] = "alum"
    title: ClassVar[str] = "ALUM: SMART with fixed targets"
    rule: ClassVar[str] = "loss(e) + lambda KLsym(f(e + delta), f(e)), f(e) held fixed"
    cost_rule: ClassVar[str] = "2 x steps + 6"
    source: ClassVar[str] = "Liu et al. 2020, arXiv 2004.08994"

    fixed_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse(self, ("bregman", "averaging"))

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Without the Bregman term's."""
        return tuple(name for name in super().options() if name not in ("bregman", "averaging"))

    def cost_unlabelled(self) -> float:
        """2 K + 4."""
        return 2 * self.steps + 4

    def step_unlabelled(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the divergence alone."""
        return _agree(self, passes)


@dataclass(frozen=True, kw_only=True)
class VAT(Perturbed):
    """Virtual adversarial training (Miyato et al. 2018, arXiv 1704.03976): loss(e) + lambda KL(f(e) | f(e + delta)).

    delta is r times the direction in which the divergence grows fastest, found by K power iterations: d random, then
    d <- d(gradient of KL at e + xi d). f(e) is held fixed. Radius 0 with shared dropout gives plain's gradients.

    Rows without a label may join, as in the paper's semi-supervised training: on them the divergence alone is trained.
    Cost: 2 K + 6 passes, 2 K + 4 on rows without a label.

    Attributes:
        steps: K.
        probe: xi, as a share of the radius.
        consistency: lambda.
    """

    name: ClassVar[str] = "vat"
    title: ClassVar[str] = "virtual adversarial training"
    rule: ClassVar[str] = "loss(e) + lambda KL(f(e) | f(e + delta)), f(e) held fixed"
    cost_rule: ClassVar[str] = "2 x steps + 6"
    source: ClassVar[str] = "Miyato et al. 2018, arXiv 1704.03976"

    steps: int = number(1, least=1)
    probe: float = number(0.1)
    consistency: float = number(1.0)

    symmetric: ClassVar[bool] = False

    def cost(self) -> float:
        """2 K + 6."""
        return 2 * self.steps + 6

    def cost_unlabelled(self) -> float:
        """2 K + 4."""
        return 2 * self.steps + 4

    def step_unlabelled(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the divergence alone."""
        return _agree(self, passes)

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the loss and the divergence."""
        clean = passes.outputs()
        delta = self.climb(passes, clean)
        loss = passes.criterion(clean) + self.consistency * passes.divergence(
            passes.outputs(delta), clean, False, fixed=True
        )
        passes.backward(loss)
        return loss.detach()

    def climb(self, passes: Passes, clean: Any) -> Tensor:
        """(T, H): the point on the ball's edge in the direction of the largest divergence."""
        ball = passes.ball(self)
        zero, direction = passes.zeros(), ball.random_direction()
        for _ in range(self.steps):
            probe = ball.ascend(zero, direction, self.probe * ball.radius).requires_grad_()
            away = passes.divergence(passes.outputs(probe), clean, False, fixed=True)
            direction = ball.direction(passes.gradient(away, probe))
        return ball.ascend(zero, direction, ball.radius)


def _agree(method: VAT | ALUM, passes: Passes) -> Tensor:
    """lambda times the divergence from what the model answers now, on rows without a label."""
    answers = passes.answers()
    away = passes.divergence(passes.outputs(method.climb(passes, answers)), answers, method.symmetric)
    loss = method.consistency * away
    passes.backward(loss)
    return loss.detach()


def _refuse(method: Method, names: tuple[str, ...]) -> None:
    """Raise UserError where a setting that a method does not heed is not the default."""
    for each in fields(method):
        if each.name in names and getattr(method, each.name) != each.default:
            raise unread(each.name, type(method))

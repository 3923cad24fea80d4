"""Random perturbations: uniform, matched to an adversary in norm or in effect, and NEFTune."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from xtremor.robust.methods.base import DISTRIBUTIONS, DROPOUT, SITES, Method, Perturbed, number, one_of
from xtremor.robust.methods.pgd import PGD

if TYPE_CHECKING:
    from torch import Tensor

    from xtremor.robust.ball import Distribution, LocalBall
    from xtremor.robust.passes import Passes


@dataclass(frozen=True, kw_only=True)
class RandomNoise(Perturbed):
    """RS-RP, random perturbation (Huang et al. 2021, arXiv 2104.08645): the mean of loss(e + z) over m draws.

    z is drawn anew for every batch. The authors released no code for it; ball, site and m are ours to state. Cost: 3 m
    passes. Radius 0 with one draw equals plain training bit for bit.

    Attributes:
        draws: m.
        distribution: ``uniform`` in the ball, on its ``sphere``, or ``normal``, see `xtremor.robust.ball.Ball.random`.
    """

    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "random perturbation (RS-RP)"
    rule: ClassVar[str] = "loss(e + z), z uniform in the ball, averaged over the draws"
    cost_rule: ClassVar[str] = "3 x draws"
    source: ClassVar[str] = "Huang et al. 2021, arXiv 2104.08645"

    draws: int = number(1, least=1)
    distribution: str = one_of("uniform", DISTRIBUTIONS, quiet=True)

    def cost(self) -> float:
        """3 m."""
        return 3 * self.draws

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the loss averaged over the draws."""
        ball = passes.ball(self)
        total = passes.zeros().new_zeros(())
        for _ in range(self.draws):
            loss = passes.forward(ball.draw(cast("Distribution", self.distribution)))
            passes.backward(loss / self.draws)
            total = total + loss.detach() / self.draws
        return total


@dataclass(frozen=True, kw_only=True)
class NoiseNorms(PGD):
    """PGD's twin: the norm of every token's perturbation is the adversary's, its direction is random.

    The ascent runs as in `PGD` and costs as much; what it found is turned away, token by token, before the weights are
    trained. Their difference is what the direction contributes, at equal norms and passes. Cost: 2 K + 3.
    """

    name: ClassVar[str] = "noise-norms"
    title: ClassVar[str] = "PGD's twin: its norms token by token, random directions (control)"
    rule: ClassVar[str] = "loss(e + z), the norm of each token's z that of PGD's delta"
    source: ClassVar[str] = "control for PGD: the same passes and norms"

    def climb(self, passes: Passes, ball: LocalBall, delta: Tensor, steps: int) -> Tensor:
        """(T, H): what the ascent found, turned away."""
        return ball.redirected(super().climb(passes, ball, delta, steps))


@dataclass(frozen=True, kw_only=True)
class NoiseRise(PGD):
    """Random noise as harmful as the adversary: its size is chosen so that the batch's loss rises as much.

    The ascent runs as in `PGD`; then a random direction on the sphere is made longer, up to ``limit_radii`` radii, by
    ``search`` bisections on a log scale, until loss(e + z) - loss(e) reaches loss(e + delta) - loss(e) or the limit. It
    answers whether an adversary helps because it is a worst case or because it is a larger disturbance. Cost: 2 K + 3,
    and 2 + ``search`` forward passes without a graph.

    Attributes:
        search: bisections.
        limit_radii: largest size of the noise, in radii.
    """

    name: ClassVar[str] = "noise-rise"
    title: ClassVar[str] = "noise that raises the loss as much as PGD (control)"
    rule: ClassVar[str] = "loss(e + z), z random and so long that the loss rises as under PGD"
    cost_rule: ClassVar[str] = "2 x steps + 5 + search; with a clean term + 3, or + 1 from start 0"
    source: ClassVar[str] = "control for PGD: the same rise of the loss"

    search: int = number(6, least=1)
    limit_radii: float = number(64.0, least=1.0)

    def cost(self) -> float:
        """PGD's, and the forward passes of the search."""
        return super().cost() + 2 + self.search

    def climb(self, passes: Passes, ball: LocalBall, delta: Tensor, steps: int) -> Tensor:
        """(T, H): noise of the size that matches the adversary's rise."""
        adversary = super().climb(passes, ball, delta, steps)
        clean = passes.look()
        target = float(passes.look(adversary)) - float(clean)
        edge = ball.draw("sphere")
        low, high = 1.0, self.limit_radii
        for _ in range(self.search):
            middle = (low * high) ** 0.5
            if float(passes.look(edge * middle)) - float(clean) < target:
                low = middle
            else:
                high = middle
        return edge * low


@dataclass(frozen=True, kw_only=True)
class NEFTune(Method):
    """Noisy embeddings (Jain et al. 2023, arXiv 2310.05914): every entry uniform within alpha / sqrt(length H).

    The length is that of the row without padding, and nothing is added to padding; `NEFTunePadded` is the released
    code's. Cost: 3 passes. alpha 0 equals plain training bit for bit.

    Attributes:
        alpha: absolute; the paper has 5 to 15.
        site: as in `Perturbed`.
        dropout: as in `Perturbed`.
    """

    name: ClassVar[str] = "neftune"
    title: ClassVar[str] = "NEFTune: uniform noise scaled by length"
    rule: ClassVar[str] = "loss(e + z), each entry of z uniform within alpha / sqrt(length H)"
    cost_rule: ClassVar[str] = "3"
    source: ClassVar[str] = "Jain et al. 2023, arXiv 2310.05914"

    alpha: float = number(5.0)
    site: str = one_of("word", SITES)
    dropout: str = one_of("shared", DROPOUT)

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient at the noisy input."""
        scale = self.alpha / (self.lengths(passes).unsqueeze(1) * passes.width).sqrt()
        loss = passes.forward(scale * passes.uniform())
        passes.backward(loss)
        return loss.detach()

    def lengths(self, passes: Passes) -> Tensor:
        """(T,): the length that scales each token's noise."""
        return passes.segments.length_of_token.float()


@dataclass(frozen=True, kw_only=True)
class NEFTunePadded(NEFTune):
    """NEFTune as released: the length is that of the padded batch, so that the noise depends on a row's neighbours.

    Padding itself stays without noise here, which real tokens never see anyway. Cost: 3 passes.
    """

    name: ClassVar[str] = "neftune-padded"
    title: ClassVar[str] = "NEFTune as released: scaled by the padded length"
    rule: ClassVar[str] = "loss(e + z), each entry of z uniform within alpha / sqrt(padded length H)"
    source: ClassVar[str] = "the released code of Jain et al. 2023"

    def lengths(self, passes: Passes) -> Tensor:
        """(T,): the longest row's for every token."""
        lengths = super().lengths(passes)
        return lengths.max().expand_as(lengths)

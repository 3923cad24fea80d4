"""Robust training methods: each is one step over one batch, written with `Passes`.

A method's radius is already absolute here; `xtremor.robust.registry` turns names and relative radii into these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from xtremor.robust.ball import Ball
from xtremor.robust.passes import Passes


class Method(Protocol):
    """One weight-gradient computation: accumulates gradients, returns the loss that it trained on (detached)."""

    def step(self, passes: Passes) -> Tensor:
        """Make this batch's passes; the caller zeroes, clips and applies the gradients."""
        ...


@dataclass(frozen=True)
class Plain:
    """Standard fine-tuning: the gradient of loss(e). Cost: 3 passes (forward, to activations, to weights)."""

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the unperturbed loss."""
        loss = passes.forward()
        passes.backward(loss)
        return loss.detach()


@dataclass(frozen=True)
class RandomNoise:
    """RS-RP, random perturbation (Huang et al. 2021, arXiv 2104.08645): the mean of loss(e + z) over m draws.

    z is uniform in the ball, drawn anew for every batch. The authors released no code for it; ball, site and m
    are ours to state. Cost: 3 m passes. Radius 0 with one draw equals plain training bit for bit.

    Attributes:
        ball: where z lies.
        draws: m.
    """

    ball: Ball
    draws: int = 1

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the gradient of the loss averaged over the draws."""
        total = passes.zeros().new_zeros(())
        for _ in range(self.draws):
            loss = passes.forward(self.ball.random(passes.width, passes.segments, passes.generator))
            passes.backward(loss / self.draws)
            total = total + loss.detach() / self.draws
        return total


@dataclass(frozen=True)
class PGD:
    """Projected gradient descent (Madry et al. 2018), the adversarial training of Huang et al. 2021.

    delta_0 is uniform in the ball of ``start`` times the radius; K times delta <- P(delta + a d(g)), g being the
    gradient of the loss in delta and d its steepest-ascent direction; the weights are trained on the last delta
    alone. Cost: 2 K + 3 passes: the ascent forms no weight gradient. Radius 0 with shared dropout equals plain
    training bit for bit.

    Attributes:
        ball: where delta stays.
        steps: K.
        step_size: a; by default 2.5 radius / K (Madry et al.), so that the edge is reached from anywhere.
        start: size of the random start as a share of the radius; 0 starts at the clean input.
    """

    ball: Ball
    steps: int = 1
    step_size: float | None = None
    start: float = 1.0

    def step(self, passes: Passes) -> Tensor:
        """Ascend in delta, then accumulate the weight gradient at the last delta."""
        delta = random_start(self.ball, self.start, passes)
        size = default_step_size(self.ball, self.steps) if self.step_size is None else self.step_size
        for _ in range(self.steps):
            delta.requires_grad_()
            gradient = passes.gradient(passes.forward(delta), delta)
            delta = ascend(self.ball, delta, self.ball.direction(gradient, passes.segments), size, passes)
        loss = passes.forward(delta)
        passes.backward(loss)
        return loss.detach()


@dataclass(frozen=True)
class FreeLB:
    """FreeLB-K (Zhu et al. 2020, arXiv 1909.11764): the weights see every delta on the way.

    For t < K: accumulate the weight gradient of loss(e + delta_t) / K; delta_{t+1} <- P(delta_t + a d(g)). The
    gradient in delta falls out of the same backward pass. Cost: 3 K passes. K counts passes over the model, as
    in the paper's algorithm 1; the released code also has a version in which it counts ascents.

    Departures: the default start is 0, not random, because with a random start the model never sees clean
    input; then the first of the K passes is plain and FreeLB-1 equals plain training.

    Attributes:
        ball: where delta stays.
        steps: K.
        step_size: a; by default 2.5 radius / K.
        start: size of the random start as a share of the radius.
    """

    ball: Ball
    steps: int = 2
    step_size: float | None = None
    start: float = 0.0

    def step(self, passes: Passes) -> Tensor:
        """Accumulate the mean of the K weight gradients."""
        delta = random_start(self.ball, self.start, passes)
        size = default_step_size(self.ball, self.steps) if self.step_size is None else self.step_size
        total = delta.new_zeros(())
        for done in range(self.steps):
            last = done == self.steps - 1
            delta.requires_grad_(not last)
            loss = passes.forward(delta)
            passes.backward(loss / self.steps)
            total = total + loss.detach() / self.steps
            if not last:
                delta = ascend(self.ball, delta, self.next_direction(delta, passes), size, passes)
        return total

    def next_direction(self, delta: Tensor, passes: Passes) -> Tensor:
        """(T, H): the ascent direction from the gradient that the last backward pass left in ``delta.grad``."""
        if delta.grad is None:
            raise RuntimeError("the backward pass left no gradient at the site: nothing was perturbed")
        return self.ball.direction(delta.grad.float(), passes.segments)


@dataclass(frozen=True)
class NoiseK(FreeLB):
    """Noise-K, FreeLB's twin: the same K passes, norms and averaging, each direction random.

    The control that isolates the adversarial direction: it differs from `FreeLB` in `next_direction` alone, and
    it makes the same passes. Cost: 3 K passes.
    """

    def next_direction(self, delta: Tensor, passes: Passes) -> Tensor:
        """(T, H): a random direction of the norm that the gradient's would have."""
        return self.ball.random_direction(passes.width, passes.segments, passes.generator)


def default_step_size(ball: Ball, steps: int) -> float:
    """2.5 radius / K, the rule of Madry et al. 2018."""
    return 2.5 * ball.radius / steps


def random_start(ball: Ball, share: float, passes: Passes) -> Tensor:
    """Delta_0 (T, H): uniform in the ball of ``share`` times the radius, or zeros."""
    if share == 0:
        return passes.zeros()
    smaller = Ball(share * ball.radius, ball.norm, ball.scope)
    return smaller.random(passes.width, passes.segments, passes.generator)


@torch.no_grad()
def ascend(ball: Ball, delta: Tensor, direction: Tensor, size: float, passes: Passes) -> Tensor:
    """P(delta + size * direction), detached."""
    return ball.project(delta.detach() + size * direction, passes.segments)

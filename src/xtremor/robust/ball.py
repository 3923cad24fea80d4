"""The set that a perturbation must stay in, and the steps and random draws that belong to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xtremor.robust.segments import Segments

Distribution = Literal["uniform", "sphere", "normal"]
Norm = Literal["l2", "linf"]
Scope = Literal["token", "sequence", "sequence-scaled"]
NORMS: tuple[Norm, ...] = ("l2", "linf")
SCOPES: tuple[Scope, ...] = ("token", "sequence", "sequence-scaled")

# Below this a gradient carries no direction; it is left at zero instead of being blown up to the radius.
TINY = 1e-30
# Rounding may leave a projected vector a hair outside; shrinking by this keeps "within the radius" true.
INSIDE = 1.0 - 1e-6


@dataclass(frozen=True)
class Ball:
    """All delta (T, H) whose norm is at most the radius, for every token or for every row.

    ``token``: each token's vector has norm at most r. ``sequence``: a row's vectors together have norm at most
    r, as in the published codes, so that a token's share falls with the row's length. ``sequence-scaled``: the
    same with r times the square root of the row's length, which makes long and short rows comparable. For
    L-infinity the three are the same set and differ in nothing but the name.

    Attributes:
        radius: r, in the units of the site's vectors; finite, not negative.
        norm: ``l2`` or ``linf``.
        scope: what the norm is taken over.
    """

    radius: float
    norm: Norm = "l2"
    scope: Scope = "token"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius) and self.radius >= 0):
            raise ValueError(f"radius must be finite and not negative, not {self.radius}")
        if self.norm not in NORMS or self.scope not in SCOPES:
            raise ValueError(f"norm must be one of {NORMS} and scope one of {SCOPES}")

    def limits(self, segments: Segments) -> Tensor:
        """(T, 1) float32: the radius that holds for each token's unit (its own vector or its row's)."""
        lengths = segments.length_of_token.to(torch.float32)
        if self.norm == "l2" and self.scope == "sequence-scaled":
            return (self.radius * lengths.sqrt()).unsqueeze(1)
        return torch.full_like(lengths, self.radius).unsqueeze(1)

    def norms(self, values: Tensor, segments: Segments) -> Tensor:
        """(T, H) -> (T, 1): the norm of each token's unit."""
        if self.norm == "linf":
            each = values.abs().amax(dim=-1)
            reduced = each if self.scope == "token" else segments.max_to_tokens(each)
            return reduced.unsqueeze(1)
        if self.scope == "token":
            return values.norm(dim=-1, keepdim=True)
        return segments.sum_to_tokens(values.square().sum(-1)).sqrt().unsqueeze(1)

    def project(self, delta: Tensor, segments: Segments) -> Tensor:
        """(T, H) -> (T, H): the nearest point of the ball (L2: rescaled; L-infinity: clamped)."""
        if self.norm == "linf":
            return delta.clamp(-self.radius, self.radius)
        norms, limits = self.norms(delta, segments), self.limits(segments)
        return torch.where(norms > limits, delta * (limits * INSIDE / norms.clamp_min(TINY)), delta)

    def direction(self, gradient: Tensor, segments: Segments) -> Tensor:
        """(T, H) -> (T, H): steepest ascent at norm 1: g / norm(g) for L2, sign(g) for L-infinity.

        FreeLB's released code divides by the L-infinity norm instead of taking the sign; the sign is what
        maximises a linear loss in that ball. For ``sequence-scaled`` the norm is the square root of the
        row's length, so that a step of size a moves a token by about a in every scope but ``sequence``.
        """
        if self.norm == "linf":
            return gradient.sign()
        norms = self.norms(gradient, segments)
        unit = torch.where(norms > TINY, gradient / norms.clamp_min(TINY), torch.zeros_like(gradient))
        if self.scope == "sequence-scaled":
            return unit * segments.length_of_token.to(unit.dtype).sqrt().unsqueeze(1)
        return unit

    def random(
        self, width: int, segments: Segments, generator: torch.Generator, distribution: Distribution = "uniform"
    ) -> Tensor:
        """Draw delta (T, ``width``).

        ``uniform``: from the ball. ``sphere``: from its edge (L-infinity: a corner of the box). ``normal``: Gaussian
        entries whose root mean square norm is the radius (L-infinity: of standard deviation r), not cut to the ball,
        as in R3F and SMART.

        Drawn on the CPU with ``generator`` whatever the device, so that a seed means the same draw everywhere.
        """
        if distribution == "sphere":
            return self.project(self.limits(segments) * self._unit_random(width, segments, generator), segments)
        if distribution == "normal":
            normal = segments.normal(width, generator)
            return normal.to(segments.lengths.device) * self._deviation(width, segments)
        device = segments.lengths.device
        if self.norm == "linf":
            uniform = segments.uniform(width, generator)
            return ((2 * uniform - 1) * self.radius).to(device)
        normal = segments.normal(width, generator).to(device)
        # Muller: a uniform direction times u^(1/d) of the radius, d being the dimension of the unit.
        if self.scope == "token":
            share = segments.uniform(1, generator).squeeze(1).to(device).pow(1.0 / width)
        else:
            dimension = segments.lengths.to(torch.float32) * width
            each = segments.uniform_rows(generator).to(device)
            share = each.pow(1.0 / dimension)[segments.row_of_token]
        scale = self.limits(segments) * share.unsqueeze(1) / self.norms(normal, segments).clamp_min(TINY)
        return self.project(normal * scale, segments)

    def random_direction(self, width: int, segments: Segments, generator: torch.Generator) -> Tensor:
        """Draw (T, ``width``): what ``direction`` would make of a gradient that points nowhere in particular."""
        normal = segments.normal(width, generator)
        return self.direction(normal.to(segments.lengths.device), segments)

    def _unit_random(self, width: int, segments: Segments, generator: torch.Generator) -> Tensor:
        """A random direction of norm 1 in every scope."""
        drawn = self.random_direction(width, segments, generator)
        if self.norm == "l2" and self.scope == "sequence-scaled":
            return drawn / segments.length_of_token.to(drawn.dtype).sqrt().unsqueeze(1)
        return drawn

    def _deviation(self, width: int, segments: Segments) -> Tensor:
        """(T, 1): standard deviation of an entry at which the mean square norm of a unit is the squared radius."""
        if self.norm == "linf":
            return self.limits(segments)
        entries = torch.full_like(self.limits(segments), float(width))
        if self.scope != "token":
            entries = entries * segments.length_of_token.unsqueeze(1)
        return self.limits(segments) / entries.sqrt()


@dataclass(frozen=True)
class LocalBall:
    """A ball over the tokens of one batch: what a method draws from, climbs in and is kept inside of.

    Attributes:
        ball: radius in the units of the site.
        segments: rows of the batch.
        width: H.
        generator: of every draw.
        free: (T, 1), 1 where a token may be moved and 0 where it may not (special tokens); None: all may.
    """

    ball: Ball
    segments: Segments
    width: int
    generator: torch.Generator
    free: Tensor | None = None

    @property
    def radius(self) -> float:
        """r, absolute."""
        return self.ball.radius

    def _spare(self, values: Tensor) -> Tensor:
        return values if self.free is None else values * self.free.to(values.dtype)

    def draw(self, distribution: Distribution = "uniform", share: float = 1.0) -> Tensor:
        """(T, H): a draw from the ball of ``share`` times the radius; zeros for a share of 0."""
        if share == 0:
            return torch.zeros(self.segments.row_of_token.numel(), self.width, device=self.segments.lengths.device)
        smaller = Ball(share * self.ball.radius, self.ball.norm, self.ball.scope)
        return self._spare(smaller.random(self.width, self.segments, self.generator, distribution))

    def direction(self, gradient: Tensor) -> Tensor:
        """(T, H): steepest ascent at norm 1, see `Ball.direction`."""
        return self.ball.direction(self._spare(gradient), self.segments)

    def random_direction(self) -> Tensor:
        """(T, H): a direction of the same norm that no gradient chose."""
        normal = self.segments.normal(self.width, self.generator)
        return self.direction(normal.to(self.segments.lengths.device))

    @torch.no_grad()
    def ascend(self, delta: Tensor, direction: Tensor, size: float) -> Tensor:
        """P(delta + size * direction), detached."""
        return self.ball.project(delta.detach() + size * direction, self.segments)

    @torch.no_grad()
    def redirected(self, delta: Tensor) -> Tensor:
        """(T, H): a random direction for each token, of the token's own norm in ``delta``."""
        normal = self.segments.normal(self.width, self.generator).to(delta)
        unit = normal / normal.norm(dim=-1, keepdim=True).clamp_min(TINY)
        return unit * delta.detach().norm(dim=-1, keepdim=True)

"""Balls: nothing leaves them, nothing is moved without need, and draws fill them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtremor.robust.ball import NORMS, SCOPES, Ball
from xtremor.robust.segments import Segments

KINDS = [(norm, scope) for norm in NORMS for scope in SCOPES]
RADII = st.sampled_from([0.0, 1e-6, 0.01, 1.0, 300.0])
LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**31)
WIDTH = 7
every_kind = pytest.mark.parametrize(("norm", "scope"), KINDS)
quickly = settings(max_examples=25, deadline=None)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vectors(lengths: list[int], seed: int, scale: float) -> Tensor:
    return torch.randn(sum(lengths), WIDTH, generator=generator(seed)) * scale


def excess(delta: Tensor, lengths: list[int], radius: float, norm: str, scope: str) -> float:
    """The largest unit's norm as a share of its limit, computed unit by unit in float64."""
    units = delta.double().split(1) if scope == "token" else delta.double().split(lengths)
    worst = 0.0
    for unit in units:
        size = float(unit.abs().max() if norm == "linf" else unit.norm())
        scaled = norm == "l2" and scope == "sequence-scaled"
        limit = radius * math.sqrt(len(unit)) if scaled else radius
        worst = max(worst, size / limit if limit else (math.inf if size else 0.0))
    return worst


@every_kind
@quickly
@given(lengths=LENGTHS, radius=RADII, seed=SEEDS, scale=st.sampled_from([0.0, 1e-6, 1.0, 1e4]))
def test_projection_ends_within_the_ball(
    norm: str, scope: str, lengths: list[int], radius: float, seed: int, scale: float
) -> None:
    segments, ball = Segments(torch.tensor(lengths)), Ball(radius, norm, scope)
    delta = ball.project(vectors(lengths, seed, scale), segments)
    assert excess(delta, lengths, radius, norm, scope) <= 1 + 1e-6
    padded = segments.pad(delta, max(lengths) + 2)
    for row, length in enumerate(lengths):
        assert not padded[row, length:].any()


@every_kind
@quickly
@given(lengths=LENGTHS, seed=SEEDS)
def test_projection_leaves_points_inside_alone(norm: str, scope: str, lengths: list[int], seed: int) -> None:
    segments = Segments(torch.tensor(lengths))
    inside = Ball(0.999, norm, scope).random(WIDTH, segments, generator(seed))
    assert torch.equal(Ball(1.0, norm, scope).project(inside, segments), inside)


@every_kind
def test_projection_keeps_the_direction_or_clamps(norm: str, scope: str) -> None:
    lengths = [3, 2]
    segments, given_ = Segments(torch.tensor(lengths)), vectors([3, 2], 0, 100.0)
    delta = Ball(1.0, norm, scope).project(given_, segments)
    if norm == "linf":
        assert torch.equal(delta, given_.clamp(-1, 1))
        return
    units = zip(*(each.split([1] * 5 if scope == "token" else lengths) for each in (delta, given_)), strict=True)
    for moved, before in units:
        cosine = float((moved * before).sum() / moved.norm() / before.norm())
        assert cosine == pytest.approx(1, abs=1e-6)
        limit = math.sqrt(len(before)) if scope == "sequence-scaled" else 1.0
        assert float(moved.norm()) == pytest.approx(limit, rel=1e-5)


@every_kind
@quickly
@given(lengths=LENGTHS, radius=RADII, seed=SEEDS)
def test_random_draws_lie_in_the_ball(norm: str, scope: str, lengths: list[int], radius: float, seed: int) -> None:
    segments = Segments(torch.tensor(lengths))
    drawn = Ball(radius, norm, scope).random(WIDTH, segments, generator(seed))
    assert drawn.shape == (sum(lengths), WIDTH)
    assert excess(drawn, lengths, radius, norm, scope) <= 1 + 1e-6
    again = Ball(radius, norm, scope).random(WIDTH, segments, generator(seed))
    assert torch.equal(drawn, again)


@pytest.mark.parametrize("scope", SCOPES)
def test_random_draws_fill_the_ball_evenly(scope: str) -> None:
    """(norm / limit)^d of uniform points in a ball of d dimensions is uniform on 0 to 1."""
    lengths = torch.tensor([1, 2, 3]).repeat(700)
    segments, ball = Segments(lengths), Ball(2.0, "l2", scope)
    drawn = ball.random(2, segments, generator(3))
    share = (ball.norms(drawn, segments) / ball.limits(segments)).squeeze(1)
    dimension = 2 * (torch.ones_like(segments.length_of_token) if scope == "token" else segments.length_of_token)
    uniform = share.double().pow(dimension)
    if scope != "token":
        uniform = uniform[segments.starts]
    ordered = uniform.sort().values
    even = torch.linspace(0, 1, len(ordered), dtype=torch.float64)
    # Kolmogorov and Smirnov: beyond 1.95 / sqrt(n) once in a thousand.
    assert float((ordered - even).abs().max()) < 1.95 / math.sqrt(len(ordered))
    assert float(drawn.mean(0).abs().max()) < 0.1


def test_random_draws_in_linf_fill_the_cube() -> None:
    drawn = Ball(2.0, "linf").random(50, Segments(torch.tensor([40, 60])), generator(0))
    assert float(drawn.std()) == pytest.approx(2 * 2 / math.sqrt(12), rel=0.03)
    assert float(drawn.max()) > 1.98 and float(drawn.min()) < -1.98


@every_kind
@quickly
@given(lengths=LENGTHS, seed=SEEDS, scale=st.sampled_from([1e-12, 1e-6, 1.0, 1e6]))
def test_directions_have_norm_one(norm: str, scope: str, lengths: list[int], seed: int, scale: float) -> None:
    segments, ball = Segments(torch.tensor(lengths)), Ball(1.0, norm, scope)
    gradient = vectors(lengths, seed, scale)
    direction = ball.direction(gradient, segments)
    assert torch.allclose(ball.norms(direction, segments), ball.limits(segments), rtol=1e-5)
    assert float((direction * gradient).sum()) > 0
    at_random = ball.random_direction(WIDTH, segments, generator(seed))
    assert torch.allclose(ball.norms(at_random, segments), ball.limits(segments), rtol=1e-5)


@every_kind
def test_no_gradient_gives_no_direction(norm: str, scope: str) -> None:
    """A row (or token) without gradient stays where it is; its neighbours do not."""
    segments, ball = Segments(torch.tensor([2, 3])), Ball(1.0, norm, scope)
    gradient = torch.zeros(5, WIDTH)
    assert torch.equal(ball.direction(gradient, segments), gradient)
    gradient[2:] = 1.0
    direction = ball.direction(gradient, segments)
    assert not direction[:2].any() and bool((direction[2:] > 0).all())


@every_kind
@quickly
@given(seed=SEEDS)
def test_the_direction_is_the_steepest(norm: str, scope: str, seed: int) -> None:
    """No point of the unit ball has a larger product with the gradient."""
    lengths = [2, 4]
    segments, ball = Segments(torch.tensor(lengths)), Ball(1.0, norm, scope)
    gradient = vectors(lengths, seed, 1.0)
    best = (ball.direction(gradient, segments) * gradient).sum()
    for other in range(5):
        inside = ball.random(WIDTH, segments, generator(seed + other))
        assert (inside * gradient).sum() <= best * (1 + 1e-5)


@pytest.mark.parametrize("radius", [-1.0, math.nan, math.inf])
def test_a_radius_that_is_no_size_is_refused(radius: float) -> None:
    with pytest.raises(ValueError, match="radius"):
        Ball(radius)


@pytest.mark.parametrize(("norm", "scope"), [("l3", "token"), ("l2", "word")])
def test_unknown_norms_and_scopes_are_refused(norm: str, scope: str) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        Ball(1.0, norm, scope)

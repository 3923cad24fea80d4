"""Methods on a function of our own in float64: directions, averages, projections and counted passes."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers.problems import Toy
from torch import Tensor

from xtremor.robust.ball import NORMS, SCOPES, Ball
from xtremor.robust.methods import PGD, FreeLB, NoiseK, Plain, RandomNoise
from xtremor.robust.passes import PassCounts
from xtremor.robust.registry import MethodSettings, build, expected_passes

every_kind = pytest.mark.parametrize(("norm", "scope"), [(norm, scope) for norm in NORMS for scope in SCOPES])
STEP = 0.05


def steepest(gradient: Tensor, toy: Toy, norm: str, scope: str) -> Tensor:
    """The ascent direction, unit by unit."""
    if norm == "linf":
        return gradient.sign()
    units = gradient.split(1 if scope == "token" else toy.segments.lengths.tolist())
    lengths = [len(unit) ** 0.5 if scope == "sequence-scaled" else 1.0 for unit in units]
    return torch.cat([unit / unit.norm() * length for unit, length in zip(units, lengths, strict=True)])


@every_kind
def test_pgd_goes_up_the_numeric_gradient(norm: str, scope: str) -> None:
    toy = Toy()
    loss = PGD(Ball(10.0, norm, scope), steps=3, step_size=STEP, start=0.0).step(toy.passes())
    assert not toy.deltas[0].any() and len(toy.deltas) == 4
    for before, after in itertools.pairwise(toy.deltas):
        expected = STEP * steepest(toy.numeric_gradient(before), toy, norm, scope)
        assert torch.allclose(after - before, expected, rtol=1e-4, atol=1e-6)
        assert toy.value(after) > toy.value(before)
    assert float(loss) == pytest.approx(toy.value(toy.deltas[-1]).item())


def test_pgd_trains_on_the_last_delta_alone_and_forms_no_weight_gradient_before() -> None:
    toy = Toy()
    PGD(Ball(0.3), steps=2).step(toy.passes())
    assert toy.weight_gradients_at_forward == [False, False, False]
    assert torch.allclose(toy.weight.grad, toy.weight_gradient(toy.deltas[-1]))


@every_kind
def test_pgd_stays_in_the_ball_and_reaches_its_edge(norm: str, scope: str) -> None:
    """Three steps of 2.5 radius / 3 go beyond the radius from wherever the start was."""
    toy, ball = Toy(), Ball(0.2, norm, scope)
    PGD(ball, steps=3).step(toy.passes())
    limits = ball.limits(toy.segments)
    for delta in toy.deltas:
        assert bool((ball.norms(delta, toy.segments) <= limits * (1 + 1e-6)).all())
    assert float((ball.norms(toy.deltas[-1], toy.segments) / limits).max()) > 0.999


def test_pgd_starts_at_random_within_its_share_of_the_ball() -> None:
    toy, ball = Toy(), Ball(0.2)
    for seed in range(20):
        PGD(ball, start=0.5).step(toy.passes(seed))
    starts = toy.deltas[::2]
    norms = torch.cat([ball.norms(each, toy.segments) for each in starts])
    assert float(norms.max()) <= 0.1 * (1 + 1e-6) and float(norms.max()) > 0.09
    assert len({float(each.sum()) for each in starts}) == 20


@pytest.mark.parametrize("kind", [FreeLB, NoiseK])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_freelb_and_its_twin_average_the_gradients_at_their_deltas(kind: type[FreeLB], start: float) -> None:
    toy = Toy()
    loss = kind(Ball(0.3), steps=3, start=start).step(toy.passes())
    assert len(toy.deltas) == 3 and bool(toy.deltas[0].any()) == (start > 0)
    apart = sum(toy.weight_gradient(delta) for delta in toy.deltas) / 3
    assert torch.allclose(toy.weight.grad, apart)
    assert float(loss) == pytest.approx(sum(toy.value(delta).item() for delta in toy.deltas) / 3)


@every_kind
def test_freelb_goes_up_the_numeric_gradient(norm: str, scope: str) -> None:
    toy = Toy()
    FreeLB(Ball(10.0, norm, scope), steps=3, step_size=STEP).step(toy.passes())
    for before, after in itertools.pairwise(toy.deltas):
        expected = STEP * steepest(toy.numeric_gradient(before), toy, norm, scope)
        assert torch.allclose(after - before, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scope", SCOPES)
def test_noise_k_takes_steps_of_the_same_size_in_other_directions(scope: str) -> None:
    ball, moves = Ball(10.0, "l2", scope), {}
    for kind in (FreeLB, NoiseK):
        toy = Toy()
        kind(ball, steps=2, step_size=STEP).step(toy.passes())
        moves[kind] = toy.deltas[1] - toy.deltas[0]
    sizes = [ball.norms(each, toy.segments) for each in moves.values()]
    assert torch.allclose(*sizes, rtol=1e-5)
    assert not torch.allclose(*moves.values(), atol=STEP / 10)


def test_freelb_with_one_step_from_zero_is_plain() -> None:
    plain, free = Toy(), Toy()
    losses = [Plain().step(plain.passes()), FreeLB(Ball(0.3), steps=1).step(free.passes())]
    assert torch.equal(*losses) and torch.equal(plain.weight.grad, free.weight.grad)


def test_noise_averages_over_its_draws_from_the_ball() -> None:
    toy, ball = Toy(), Ball(0.3)
    RandomNoise(ball, draws=4).step(toy.passes())
    assert len(toy.deltas) == 4 and not torch.equal(toy.deltas[0], toy.deltas[1])
    apart = sum(toy.weight_gradient(delta) for delta in toy.deltas) / 4
    assert torch.allclose(toy.weight.grad, apart)
    for delta in toy.deltas:
        assert bool((ball.norms(delta, toy.segments) <= 0.3 * (1 + 1e-6)).all())


def test_the_same_seed_gives_the_same_perturbation() -> None:
    for method in (RandomNoise(Ball(0.3)), PGD(Ball(0.3)), NoiseK(Ball(0.3), 3)):
        deltas = []
        for seed in (5, 5, 6):
            toy = Toy()
            method.step(toy.passes(seed))
            deltas.append(torch.cat(toy.deltas))
        assert torch.equal(deltas[0], deltas[1]) and not torch.equal(deltas[0], deltas[2])


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        (MethodSettings("plain"), (1, 1, 1)),
        (MethodSettings("noise"), (1, 1, 1)),
        (MethodSettings("noise", draws=3), (3, 3, 3)),
        (MethodSettings("pgd"), (2, 2, 1)),
        (MethodSettings("pgd", steps=3), (4, 4, 1)),
        (MethodSettings("freelb"), (2, 2, 2)),
        (MethodSettings("freelb", steps=1), (1, 1, 1)),
        (MethodSettings("noise-k", steps=3), (3, 3, 3)),
    ],
)
def test_counted_passes_are_those_of_the_formula(settings: MethodSettings, counts: tuple[int, int, int]) -> None:
    toy = Toy()
    passes = toy.passes()
    build(settings, unit=1.0, width=toy.width).step(passes)
    assert passes.counts == PassCounts(*counts)
    assert passes.counts.total() == expected_passes(settings)
    assert len(toy.deltas) == counts[0]


def test_a_loss_that_ignores_delta_cannot_go_unnoticed() -> None:
    toy = Toy()
    passes = toy.passes()
    passes.loss = lambda delta: toy.value(torch.zeros_like(toy.vectors))
    with pytest.raises(RuntimeError, match="not have been used"):
        PGD(Ball(0.3)).step(passes)
    with pytest.raises(RuntimeError, match="nothing was perturbed"):
        FreeLB(Ball(0.3)).step(passes)

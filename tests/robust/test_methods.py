"""Methods on a function of our own in float64: directions, averages, projections and counted passes."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers.problems import Toy
from torch import Tensor

from xtremor.errors import UserError
from xtremor.robust.ball import NORMS, SCOPES, Ball
from xtremor.robust.methods import (
    AWP,
    FGM,
    PGD,
    SAM,
    CreAT,
    FreeLB,
    FreeLBCode,
    FreeLBPlusPlus,
    NEFTune,
    NEFTunePadded,
    NoiseK,
    NoiseNorms,
    NoiseRise,
    Plain,
    RandomNoise,
)
from xtremor.robust.weights import Weights

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
    loss = PGD(radius=10.0, norm=norm, scope=scope, relative=False, steps=3, step_size=STEP / 10, start=0.0).step(
        toy.passes()
    )
    assert not toy.deltas[0].any() and len(toy.deltas) == 4
    for before, after in itertools.pairwise(toy.deltas):
        expected = STEP * steepest(toy.numeric_gradient(before), toy, norm, scope)
        assert torch.allclose(after - before, expected, rtol=1e-4, atol=1e-6)
        assert toy.value(after) > toy.value(before)
    assert float(loss) == pytest.approx(toy.value(toy.deltas[-1]).item())


def test_pgd_trains_on_the_last_delta_alone_and_forms_no_weight_gradient_before() -> None:
    toy = Toy()
    PGD(radius=0.3, relative=False, steps=2).step(toy.passes())
    assert toy.weight_gradients_at_forward == [False, False, False]
    assert torch.allclose(toy.weight.grad, toy.weight_gradient(toy.deltas[-1]))


@every_kind
def test_pgd_stays_in_the_ball_and_reaches_its_edge(norm: str, scope: str) -> None:
    """Three steps of 2.5 radius / 3 go beyond the radius from wherever the start was."""
    toy, ball = Toy(), Ball(0.2, norm, scope)
    PGD(radius=0.2, norm=norm, scope=scope, relative=False, steps=3).step(toy.passes())
    limits = ball.limits(toy.segments)
    for delta in toy.deltas:
        assert bool((ball.norms(delta, toy.segments) <= limits * (1 + 1e-6)).all())
    assert float((ball.norms(toy.deltas[-1], toy.segments) / limits).max()) > 0.999


def test_pgd_starts_at_random_within_its_share_of_the_ball() -> None:
    toy, ball = Toy(), Ball(0.2)
    for seed in range(20):
        PGD(radius=0.2, relative=False, start=0.5).step(toy.passes(seed))
    starts = toy.deltas[::2]
    norms = torch.cat([ball.norms(each, toy.segments) for each in starts])
    assert float(norms.max()) <= 0.1 * (1 + 1e-6) and float(norms.max()) > 0.09
    assert len({float(each.sum()) for each in starts}) == 20


@pytest.mark.parametrize("kind", [FreeLB, NoiseK])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_freelb_and_its_twin_average_the_gradients_at_their_deltas(kind: type[FreeLB], start: float) -> None:
    toy = Toy()
    loss = kind(radius=0.3, relative=False, steps=3, start=start).step(toy.passes())
    assert len(toy.deltas) == 3 and bool(toy.deltas[0].any()) == (start > 0)
    apart = sum(toy.weight_gradient(delta) for delta in toy.deltas) / 3
    assert torch.allclose(toy.weight.grad, apart)
    assert float(loss) == pytest.approx(sum(toy.value(delta).item() for delta in toy.deltas) / 3)


@every_kind
def test_freelb_goes_up_the_numeric_gradient(norm: str, scope: str) -> None:
    toy = Toy()
    FreeLB(radius=10.0, norm=norm, scope=scope, relative=False, steps=3, step_size=STEP / 10).step(toy.passes())
    for before, after in itertools.pairwise(toy.deltas):
        expected = STEP * steepest(toy.numeric_gradient(before), toy, norm, scope)
        assert torch.allclose(after - before, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scope", SCOPES)
def test_noise_k_takes_steps_of_the_same_size_in_other_directions(scope: str) -> None:
    ball, moves = Ball(10.0, "l2", scope), {}
    for kind in (FreeLB, NoiseK):
        toy = Toy()
        kind(radius=10.0, scope=scope, relative=False, steps=2, step_size=STEP / 10).step(toy.passes())
        moves[kind] = toy.deltas[1] - toy.deltas[0]
    sizes = [ball.norms(each, toy.segments) for each in moves.values()]
    assert torch.allclose(*sizes, rtol=1e-5)
    assert not torch.allclose(*moves.values(), atol=STEP / 10)


def test_freelb_with_one_step_from_zero_is_plain() -> None:
    plain, free = Toy(), Toy()
    losses = [Plain().step(plain.passes()), FreeLB(radius=0.3, relative=False, steps=1).step(free.passes())]
    assert torch.equal(*losses) and torch.equal(plain.weight.grad, free.weight.grad)


def test_noise_averages_over_its_draws_from_the_ball() -> None:
    toy, ball = Toy(), Ball(0.3)
    RandomNoise(radius=0.3, relative=False, draws=4).step(toy.passes())
    assert len(toy.deltas) == 4 and not torch.equal(toy.deltas[0], toy.deltas[1])
    apart = sum(toy.weight_gradient(delta) for delta in toy.deltas) / 4
    assert torch.allclose(toy.weight.grad, apart)
    for delta in toy.deltas:
        assert bool((ball.norms(delta, toy.segments) <= 0.3 * (1 + 1e-6)).all())


def test_the_same_seed_gives_the_same_perturbation() -> None:
    for method in (
        RandomNoise(radius=0.3, relative=False),
        PGD(radius=0.3, relative=False),
        NoiseK(radius=0.3, relative=False, steps=3),
    ):
        deltas = []
        for seed in (5, 5, 6):
            toy = Toy()
            method.step(toy.passes(seed))
            deltas.append(torch.cat(toy.deltas))
        assert torch.equal(deltas[0], deltas[1]) and not torch.equal(deltas[0], deltas[2])


def test_a_loss_that_ignores_delta_cannot_go_unnoticed() -> None:
    toy = Toy()
    passes = toy.passes()
    passes.run = lambda delta: toy.value(torch.zeros_like(toy.vectors))
    with pytest.raises(RuntimeError, match="not have been used"):
        PGD(radius=0.3, relative=False).step(passes)
    with pytest.raises(RuntimeError, match="nothing was perturbed"):
        FreeLB(radius=0.3, relative=False).step(passes)


def test_a_clean_term_is_trained_on_in_its_share_and_saves_a_pass_from_zero() -> None:
    for start, forward in ((0.0, 3), (1.0, 4)):
        toy = Toy()
        loss = PGD(radius=0.3, relative=False, steps=2, start=start, clean=0.25).step(toy.passes())
        assert len(toy.deltas) == forward and not toy.deltas[0].any() and toy.deltas[-1].any()
        apart = 0.25 * toy.weight_gradient(toy.deltas[0]) + 0.75 * toy.weight_gradient(toy.deltas[-1])
        assert torch.allclose(toy.weight.grad, apart)
        expected = 0.25 * toy.value(toy.deltas[0]) + 0.75 * toy.value(toy.deltas[-1])
        assert float(loss) == pytest.approx(expected.item())


@every_kind
def test_fgm_adds_the_loss_one_step_away(norm: str, scope: str) -> None:
    toy = Toy()
    FGM(radius=0.3, norm=norm, scope=scope, relative=False).step(toy.passes())
    clean, moved = toy.deltas
    assert not clean.any()
    expected = 0.3 * steepest(toy.numeric_gradient(clean), toy, norm, scope)
    assert torch.allclose(moved, expected, rtol=1e-4, atol=1e-6)
    assert torch.allclose(toy.weight.grad, toy.weight_gradient(clean) + toy.weight_gradient(moved))


def test_freelb_plus_plus_leaves_the_ball_and_freelb_does_not() -> None:
    reached = {}
    for kind in (FreeLB, FreeLBPlusPlus):
        toy = Toy()
        kind(radius=0.1, relative=False, steps=5).step(toy.passes())
        reached[kind] = float(toy.deltas[-1].norm(dim=1).max())
    assert reached[FreeLB] <= 0.1 * (1 + 1e-6) < 0.15 < reached[FreeLBPlusPlus]


def test_freelb_as_released_starts_at_0577_of_its_setting() -> None:
    """Uniform in a box of half width m / sqrt(length H): root mean square norm m / sqrt(3) over the row."""
    norms = []
    for seed in range(200):
        toy = Toy()
        FreeLBCode(radius=1.0, steps=1).step(toy.passes(seed))
        norms += [row.norm() for row in toy.deltas[0].split(toy.segments.lengths.tolist())]
    assert float(torch.stack(norms).square().mean().sqrt()) == pytest.approx(3**-0.5, rel=0.02)


def test_noise_norms_keeps_each_tokens_norm_and_turns_it() -> None:
    adversary, noise = Toy(), Toy()
    for toy, kind in ((adversary, PGD), (noise, NoiseNorms)):
        kind(radius=0.3, relative=False, scope="sequence", start=0.0).step(toy.passes())
    one, other = adversary.deltas[-1], noise.deltas[-1]
    assert torch.allclose(one.norm(dim=1), other.norm(dim=1), rtol=1e-5)
    assert not torch.allclose(one, other, atol=0.01) and len(adversary.deltas) == len(noise.deltas)


def test_noise_rise_raises_the_loss_as_much_as_the_adversary() -> None:
    toy = Toy()
    method = NoiseRise(radius=0.02, relative=False, start=0.0, search=20, limit_radii=1000.0)
    loss = float(method.step(toy.passes(3)))
    adversary, trained = toy.deltas[2], toy.deltas[-1]
    clean = toy.value(torch.zeros_like(trained)).item()
    assert loss - clean == pytest.approx(toy.value(adversary).item() - clean, rel=1e-3)
    assert float(trained.norm()) > 1.5 * float(adversary.norm())


def test_neftune_scales_by_the_length_of_the_row_or_of_the_padded_batch() -> None:
    lengths = (2, 8)
    for kind, scale in ((NEFTune, torch.tensor([2.0, 8.0])), (NEFTunePadded, torch.tensor([8.0, 8.0]))):
        largest = torch.zeros(2)
        for seed in range(100):
            toy = Toy(lengths)
            kind(alpha=5.0).step(toy.passes(seed))
            largest = torch.maximum(largest, torch.stack([row.abs().max() for row in toy.deltas[0].split(lengths)]))
        limit = 5 / (scale * toy.width).sqrt()
        assert bool((largest <= limit).all()) and bool((largest > 0.95 * limit).all())


def test_sam_trains_at_the_weights_a_step_up_and_puts_them_back() -> None:
    toy = Toy()
    before, zero = toy.weight.detach().clone(), torch.zeros_like(toy.vectors)
    toy.weight.grad = torch.ones_like(toy.weight)
    passes = toy.passes()
    passes.weights = Weights([toy.weight])
    SAM(rho=0.1).step(passes)
    assert torch.equal(toy.weight.detach(), before)
    gradient = toy.weight_gradient(zero)
    with torch.no_grad():
        toy.weight += 0.1 * gradient / gradient.norm()
    assert torch.allclose(toy.weight.grad, 1 + toy.weight_gradient(zero)), "what was there before is still added"


@every_kind
def test_awp_trains_at_pgds_delta_and_a_share_of_the_weights_norm_away(norm: str, scope: str) -> None:
    """Against the loop written by hand: the ascent, one step of the weight by its own norm, the gradient there."""
    toy, hand = Toy(), Toy()
    options = {"radius": 0.3, "norm": norm, "scope": scope, "relative": False, "steps": 2}
    PGD(**options).step(hand.passes(4))
    delta = hand.deltas[-1]
    before, bias = toy.weight.detach().clone(), torch.nn.Parameter(torch.ones(3))
    toy.weight.grad, bias.grad = torch.ones_like(toy.weight), torch.ones(3)
    passes = toy.passes(4)
    passes.weights = Weights([toy.weight, bias])
    loss = AWP(gamma=0.1, **options).step(passes)
    assert all(torch.equal(one, other) for one, other in zip(toy.deltas[:3], hand.deltas, strict=True))
    assert torch.equal(toy.deltas[2], toy.deltas[3]) and len(toy.deltas) == 4
    assert torch.equal(toy.weight.detach(), before) and torch.equal(bias.grad, torch.ones(3))
    gradient = toy.weight_gradient(delta)
    with torch.no_grad():
        toy.weight += 0.1 * before.norm() * gradient / gradient.norm()
    assert float(loss) == pytest.approx(toy.value(delta).item()) and float(loss) > hand.value(delta).item()
    assert torch.allclose(toy.weight.grad, 1 + toy.weight_gradient(delta)), "what was there before is still added"


def test_awp_leaves_word_embeddings_and_vectors_where_they_are() -> None:
    table, matrix, vector = (torch.nn.Parameter(torch.ones(shape)) for shape in ((4, 5), (5, 5), (5,)))
    for each in (table, matrix, vector):
        each.grad = torch.full_like(each, 2.0)
    weights = Weights([table, matrix, vector], words=table)
    weights.climb_each(0.5)
    assert torch.equal(table, torch.ones(4, 5)) and torch.equal(vector, torch.ones(5))
    assert torch.allclose(matrix, torch.full((5, 5), 1.5))
    with weights.restored():
        pass
    assert torch.equal(matrix, torch.ones(5, 5))


def test_awp_refuses_what_it_cannot_do() -> None:
    with pytest.raises(UserError, match="--site layer:3: awp moves the weights below it"):
        AWP(site="layer:3")
    with pytest.raises(UserError, match="--clean means nothing to the method 'awp'"):
        AWP(clean=0.5)


class Contextual(Toy):
    """The toy, whose last hidden states are what a row adds up."""

    def hidden(self, delta: Tensor) -> Tensor:
        return torch.tanh((self.vectors + delta) @ self.weight)

    def likeness(self, delta: Tensor) -> Tensor:
        """Cosine with the states without a delta, token by token; their sum over a row, mean over rows."""
        one, other = self.hidden(delta), self.hidden(torch.zeros_like(delta)).detach()
        cosines = (one * other).sum(-1) / one.norm(dim=-1) / other.norm(dim=-1)
        return cosines.sum() / self.segments.count


@every_kind
@pytest.mark.parametrize("tau", [0.0, 2.0])
def test_creat_climbs_the_loss_and_away_from_the_clean_states(norm: str, scope: str, tau: float) -> None:
    """Against central differences of the objective in float64, and the mean of the two losses' gradients."""
    toy, aim = Contextual(), Contextual()
    aim.value = lambda delta: Toy.value(aim, delta) - tau * aim.likeness(delta)  # type: ignore[method-assign]
    passes = toy.passes(2)
    passes.states = lambda: toy.hidden(toy.given)
    run = passes.run

    def kept(delta: Tensor | None) -> Tensor:
        toy.given = torch.zeros_like(toy.vectors) if delta is None else delta.double()
        return run(delta)

    passes.run = kept
    method = CreAT(radius=10.0, norm=norm, scope=scope, steps=2, step_size=STEP / 10, start=0.02, tau=tau)
    loss = method.step(passes)
    clean, *climbed = toy.deltas
    assert not clean.any() and len(climbed) == 3
    for before, after in itertools.pairwise(climbed):
        expected = STEP * steepest(aim.numeric_gradient(before), toy, norm, scope)
        assert torch.allclose(after - before, expected, rtol=1e-3, atol=1e-5)
    apart = (toy.weight_gradient(clean) + toy.weight_gradient(climbed[-1])) / 2
    assert torch.allclose(toy.weight.grad, apart)
    assert float(loss) == pytest.approx((toy.value(clean) + toy.value(climbed[-1])).item() / 2)

"""The ascent: against closed forms, within its ball, item by item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.attacked import Linear, examples, items_of, victim_of
from helpers.tiny import LABELS
from torch import Tensor

from xtremor.evaluation.attack.ascent import ascend, checkpoints
from xtremor.evaluation.attack.conditions import attacked, clean, noisy
from xtremor.evaluation.attack.items import Batch, Items
from xtremor.evaluation.attack.settings import AttackSettings
from xtremor.evaluation.attack.victim import Seen, Victim
from xtremor.evaluation.attack.worst import Worst
from xtremor.robust.ball import NORMS, SCOPES, Ball

pytestmark = pytest.mark.usefixtures("one_thread")
CATEGORIES = ("classification", "choice", "tagging", "spans")


def ignore(items: int) -> None:
    """Nobody is told of progress."""


def none_done(batch: Batch, seen: Seen) -> np.ndarray:
    """Every item goes on."""
    return np.zeros(len(batch.items), dtype=bool)


def zeros(victim: Victim) -> Any:
    """A start at 0."""
    return lambda batch: torch.zeros(batch.view.tokens.numel(), victim.width)


def broken(items: Items, victim: Victim, radius: float, **more: Any) -> Worst:
    """The worst of all items in a ball of an absolute radius."""
    leave = more.pop("leave_early", True)
    settings = AttackSettings((radius,), relative=False, **more)
    worst = clean(victim, items, ignore)
    attacked(victim, items, settings.ball(radius, 1, victim.width), settings, worst, {}, ignore, leave)
    return worst


def test_checkpoints_are_those_of_the_paper() -> None:
    """Croce and Hein 2020, section 3.2: 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99 of 100 steps."""
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == [1] and max(checkpoints(20)) <= 20


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
def test_the_worst_case_of_a_linear_model_is_reached(norm: Any, scope: Any) -> None:
    """Two classes: the margin grows by the dual norm of the difference of their weights, for every token."""
    rows = [replace(row, label=LABELS[place % 2]) for place, row in enumerate(examples("classification"))]
    items, model, radius = items_of("classification", given=rows), Linear(), 0.3
    victim = Victim(model, "word", "margin")
    victim.unit(items)
    batch = items.batch(np.arange(len(items)), victim.device)
    found = ascend(victim, items, batch.items, Ball(radius, norm, scope), zeros(victim), 20, none_done)
    lengths, signs = batch.view.segments.lengths.float(), 1 - 2 * batch.targets
    apart = model.weight[:, 1] - model.weight[:, 0]
    room = lengths.sqrt() if (norm, scope) == ("l2", "sequence") else lengths
    logits = model(**batch.view.inputs).logits
    margins = signs * (logits[:, 1] - logits[:, 0])
    best = torch.tensor([found[row].loss for row in range(len(items))])
    by_hand = margins + radius * room * (apart.abs().sum() if norm == "linf" else apart.norm())
    torch.testing.assert_close(best, by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("spare", [False, True])
def test_every_point_lies_in_the_ball_and_spares_what_it_must(
    norm: Any, scope: Any, spare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = items_of("classification", 6)
    victim = victim_of("classification", items, spared=(2, 3) if spare else ())
    ball, points = Ball(0.2, norm, scope), []
    see = victim.see

    def watched(items: Items, batch: Batch, delta: Tensor, gradient: bool = False) -> Seen:
        points.append((batch, delta))
        return see(items, batch, delta, gradient)

    monkeypatch.setattr(victim, "see", watched)
    settings = AttackSettings((0.2,), relative=False, norm=norm, scope=scope, restarts=2, steps=8)
    attacked(victim, items, ball, settings, Worst(6), {}, ignore, leave_early=False)
    assert len(points) == 2 * 9
    for batch, delta in points:
        segments = batch.view.segments
        assert (ball.norms(delta, segments) <= ball.limits(segments)).all()
        special = torch.isin(batch.view.tokens, torch.tensor([2, 3]))
        assert bool(delta[~special].abs().sum() > 0) or delta is points[0][1]
        assert bool((delta[special] == 0).all()) == (spare or delta is points[0][1])


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
def test_gradients_are_those_of_finite_differences(category: str, loss: str) -> None:
    items = items_of(category, 4)
    victim = victim_of(category, items, double=True, loss=loss)
    batch = items.batch(np.array([3, 0, 2]), victim.device)
    generator = torch.Generator().manual_seed(1)
    shape = (batch.view.tokens.numel(), victim.width)
    delta = 0.05 * torch.randn(shape, generator=generator, dtype=torch.float64)
    seen = victim.see(items, batch, delta, gradient=True)
    assert seen.gradient is not None
    way = torch.randn(shape, generator=generator, dtype=torch.float64)
    step = 1e-6
    high, low = (victim.see(items, batch, delta + sign * step * way).losses for sign in (1, -1))
    for place in range(3):
        own = (batch.item_of_token == place).unsqueeze(1)
        assert float((high - low)[place] / (2 * step)) == pytest.approx(
            float((seen.gradient * way * own).sum()), rel=1e-5
        )
    assert all(each.grad is None and not each.requires_grad for each in victim.model.parameters())


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_item_does_not_depend_on_its_batch_nor_on_who_leaves(category: str) -> None:
    """In float64, where an ascent does not blow rounding up."""
    items = items_of(category)
    victim = victim_of(category, items, double=True)
    together = broken(items, victim, 0.4, steps=6)
    staying = broken(items, victim, 0.4, steps=6, leave_early=False)
    assert together.answers == staying.answers and together.scores.tolist() == staying.scores.tolist()
    for row, example in enumerate(examples(category)):
        alone = broken(items_of(category, given=[example]), victim, 0.4, steps=6)
        assert alone.answers[0] == together.answers[row] and alone.scores[0] == together.scores[row]
    assert together.scores.sum() < clean(victim, items, ignore).scores.sum()


def test_a_tokenizer_that_pads_left_changes_nothing() -> None:
    from helpers.tiny import make_tokenizer

    tokenizer = make_tokenizer()
    tokenizer.padding_side = "left"
    rows = (items_of("classification"), items_of("classification", tokenizer=tokenizer))
    found = [broken(each, victim_of("classification", each), 0.4, steps=5) for each in rows]
    assert found[0].losses.tolist() == found[1].losses.tolist()


@pytest.mark.parametrize("category", CATEGORIES)
def test_radius_zero_is_clean_bit_for_bit(category: str) -> None:
    items = items_of(category)
    victim = victim_of(category, items)
    before, settings = clean(victim, items, ignore), AttackSettings((0.0,), steps=3, draws=2)
    worst = before.copy()
    attacked(victim, items, settings.ball(0, 1, victim.width), settings, worst, {}, ignore)
    noise = noisy(victim, items, settings.ball(0, 1, victim.width), settings, ignore)
    for found in (worst, noise.worst):
        assert found.answers == before.answers and found.scores.tolist() == before.scores.tolist()


def test_passes_are_counted_item_by_item() -> None:
    """An ascent of K steps: K + 1 forward passes, K backward ones."""
    items = items_of("classification")
    victim = victim_of("classification", items)
    standing = len(clean(victim, items, ignore).standing())
    assert (victim.forward, victim.backward) == (10, 0) and 0 < standing < 10
    victim.forward = 0
    broken(items, victim, 1e-6, steps=7, restarts=2)
    assert (victim.forward, victim.backward) == (10 + standing * 2 * 8, standing * 2 * 7)


def test_what_is_broken_stays_broken() -> None:
    worst = Worst(2)
    numbers = np.array([0, 1])
    worst.take(numbers, np.array([1.0, 0.5]), [0.0, 0.0], ["right", "half"], [])
    worst.take(numbers, np.array([0.0, 0.5]), [1.0, -1.0], ["wrong", "weaker"], [])
    worst.take(numbers, np.array([1.0, 0.5]), [9.0, 2.0], ["right", "stronger"], [])
    worst.take(numbers, np.array([0.0, 1.0]), [9.0, 9.0], ["wrong again", "right"], [])
    assert worst.scores.tolist() == [0.0, 0.5] and worst.answers == ["wrong", "stronger"]
    assert worst.standing().tolist() == [1]


def test_directions_of_noise_are_the_item_s_own_and_have_the_full_radius() -> None:
    from xtremor.evaluation.attack.noise import on_sphere

    items = items_of("classification")
    victim = victim_of("classification", items)
    ball, wide = Ball(0.1), Ball(0.3)
    one, two = (items.batch(np.array(numbers), victim.device) for numbers in ([4, 2], [2]))
    drawn = [on_sphere(each, items, one, victim.width, victim.mask(one), 0, "noise 0") for each in (ball, wide)]
    alone = on_sphere(ball, items, two, victim.width, victim.mask(two), 0, "noise 0")
    other = on_sphere(ball, items, two, victim.width, victim.mask(two), 0, "noise 1")
    assert torch.equal(drawn[0][one.item_of_token == 1], alone) and not torch.allclose(alone, other)
    torch.testing.assert_close(drawn[1], 3 * drawn[0])
    torch.testing.assert_close(alone.norm(dim=1), torch.full((len(alone),), 0.1))

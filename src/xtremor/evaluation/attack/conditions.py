"""What is done to the items of a language: nothing, an attack, random noise, misspellings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xtremor.evaluation.attack.ascent import Reached, ascend
from xtremor.evaluation.attack.items import Batch, Items
from xtremor.evaluation.attack.noise import on_sphere
from xtremor.evaluation.attack.settings import AttackSettings
from xtremor.evaluation.attack.victim import Seen, Victim, check_finite
from xtremor.evaluation.attack.worst import Worst
from xtremor.robust.ball import Ball

# Padded tokens in a forward pass.
TOKEN_BUDGET = 2048
Told = Callable[[int], None]


@dataclass(frozen=True)
class Drawn:
    """What draws of a kind of noise did to N items.

    Attributes:
        worst: of all draws.
        draws: what each of them did.
    """

    worst: Worst
    draws: list[Worst]

    def mean_scores(self) -> np.ndarray:
        """(N,): each item's own score, mean over the draws."""
        return np.mean([draw.scores for draw in self.draws], axis=0)


def passed(
    victim: Victim, items: Items, told: Told, delta: Callable[[Batch], Tensor] | None = None, check: bool = False
) -> Worst:
    """One forward pass over all items, with ``delta`` (T, H) of each batch at the site.

    ``check`` raises UserError where a loss is not finite.
    """
    found = Worst(len(items))
    for numbers in items.batches(np.arange(len(items)), TOKEN_BUDGET):
        batch = items.batch(numbers, victim.device)
        seen = victim.see(items, batch, None if delta is None else delta(batch))
        if check:
            check_finite(seen.losses, batch, items)
        found.take(numbers, items.scores(numbers, seen.answers), seen.losses.cpu(), seen.answers, seen.logits)
        told(len(numbers))
    # Sentences without tokens went through no pass.
    found.scores[~np.isfinite(found.scores)] = 0.0
    return found


def clean(victim: Victim, items: Items, told: Told) -> Worst:
    """The items as they are; raises UserError where the model gives nothing finite."""
    return passed(victim, items, told, check=True)


def noisy(victim: Victim, items: Items, ball: Ball, settings: AttackSettings, told: Told) -> Drawn:
    """Random noise of the ball's radius, drawn several times."""

    def once(draw: int) -> Worst:
        def delta(batch: Batch) -> Tensor:
            mask = victim.mask(batch)
            return on_sphere(ball, items, batch, victim.width, mask, settings.seed, f"noise {draw}")

        return passed(victim, items, told, delta)

    return _drawn([once(draw) for draw in range(settings.draws)])


def spelt(victim: Victim, variants: Sequence[Items], told: Told) -> Drawn:
    """The same items in several misspelt forms."""
    return _drawn([passed(victim, each, told) for each in variants])


def _drawn(each: list[Worst]) -> Drawn:
    worst = each[0].copy()
    for other in each[1:]:
        worst.take(np.arange(len(other.scores)), other.scores, other.losses, other.answers, other.logits)
    return Drawn(worst, each)


def attacked(
    victim: Victim,
    items: Items,
    ball: Ball,
    settings: AttackSettings,
    worst: Worst,
    warm: dict[int, Tensor],
    told: Told,
    leave_early: bool = True,
) -> dict[int, Tensor]:
    """Ascend in a ball, and lower ``worst`` to what was found.

    Args:
        victim, items, ball, settings: what is attacked, and how.
        worst: so far, in smaller balls or without a perturbation: all of that lies in this ball too.
        warm: item -> delta to start from, found in a smaller ball; others start at 0.
        told: the numbers of items that are done.
        leave_early: an item whose score is 0 leaves its batch; off, for tests, it stays and nothing comes of it.

    Returns:
        item -> its delta of the largest loss, of those with a score left.
    """
    found: dict[int, Tensor] = {}

    def take(batch: Batch, seen: Seen) -> np.ndarray:
        scores = items.scores(batch.items, seen.answers)
        worst.take(batch.items, scores, seen.losses.cpu(), seen.answers, seen.logits)
        broken: np.ndarray = worst.scores[batch.items] == 0
        return broken & leave_early

    for numbers in items.batches(worst.standing(), TOKEN_BUDGET):
        best: dict[int, Reached] = {}
        for restart in range(settings.restarts):
            left = numbers[worst.scores[numbers] > 0] if leave_early else numbers
            if not len(left):
                break
            start = _start(victim, items, ball, settings.seed, restart, warm)
            for item, reached in ascend(victim, items, left, ball, start, settings.steps, take).items():
                if item not in best or reached.loss > best[item].loss:
                    best[item] = reached
        found |= {item: reached.delta for item, reached in best.items() if worst.scores[item] > 0}
        told(len(numbers))
    return found


def _start(
    victim: Victim, items: Items, ball: Ball, seed: int, restart: int, warm: dict[int, Tensor]
) -> Callable[[Batch], Tensor]:
    """Where a restart begins: the first where a smaller ball ended, the others at random at the radius."""

    def before(batch: Batch) -> Tensor:
        parts = [
            warm[item] if item in warm else torch.zeros(items.tokens_of(item), victim.width) for item in batch.items
        ]
        return torch.cat(parts).to(victim.device)

    def drawn(batch: Batch) -> Tensor:
        mask = victim.mask(batch)
        return on_sphere(ball, items, batch, victim.width, mask, seed, f"start {restart}")

    return drawn if restart else before

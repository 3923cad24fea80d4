"""Projected gradient ascent with a step size that each item adapts: Auto-PGD (Croce and Hein 2020, arXiv 2003.01690).

From a start in the ball, z = P(x + s d) with d the steepest direction, then
x' = P(x + 0.75 (z - x) + 0.25 (x - x_before)); s begins at twice the radius. At checkpoints that come closer together,
an item whose loss rose in fewer than 75% of the steps since the last one, or whose best loss and step size have both
not moved since, halves s and goes back to its best point. Here its momentum begins anew there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from xtremor.robust.ball import Ball

if TYPE_CHECKING:
    from xtremor.evaluation.attack.items import Batch, Items
    from xtremor.evaluation.attack.victim import Seen, Victim

MOMENTUM = 0.75
ENOUGH_RISES = 0.75


def checkpoints(steps: int) -> list[int]:
    """Numbers of done steps after which the step size is looked at (Croce and Hein 2020, section 3.2)."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    return sorted({math.ceil(round(share * steps, 6)) for share in shares[1:] if share <= 1})


@dataclass(frozen=True)
class Reached:
    """A loss, and the delta (its tokens, H) on the CPU that gave it."""

    loss: float
    delta: Tensor


@dataclass
class _State:
    """Where the ascent of a batch stands. Of I items with T tokens:

    x, before, best_x, gradient, best_gradient: (T, H) the point, the one before, the best, and gradients there.
    loss, best, best_then: (I,) at x, at best_x, and at best_x when the last checkpoint came.
    size: (I,) step as a share of the radius. rises: (I,) steps that rose since then. halved: (I,) whether s did then.
    """

    x: Tensor
    before: Tensor
    gradient: Tensor
    best_x: Tensor
    best_gradient: Tensor
    loss: Tensor
    best: Tensor
    best_then: Tensor
    size: Tensor
    rises: Tensor
    halved: Tensor

    @staticmethod
    def at(start: Tensor, seen: Seen) -> _State:
        """The state at a start."""
        assert seen.gradient is not None
        loss, gradient, zeros = seen.losses, seen.gradient, torch.zeros_like(seen.losses)
        return _State(start, start, gradient, start, gradient, loss, loss, loss, zeros + 2, zeros, zeros.bool())

    def of(self, items: Tensor, tokens: Tensor) -> _State:
        """The state of some of the items: (I,) and (T,) bool."""
        return replace(self, **{name: each[tokens if each.ndim == 2 else items] for name, each in vars(self).items()})

    def moved(self, first: bool, ball: Ball, batch: Batch, mask: Tensor) -> Tensor:
        """The next point; the first step has no momentum."""
        segments = batch.view.segments
        size = (self.size[batch.item_of_token] * ball.radius).unsqueeze(1)
        z = ball.project(self.x + size * ball.direction(self.gradient * mask, segments), segments)
        if first:
            return z
        return ball.project(self.x + MOMENTUM * (z - self.x) + (1 - MOMENTUM) * (self.x - self.before), segments)

    def arrived(self, x: Tensor, seen: Seen, item_of_token: Tensor) -> None:
        """Take over the next point and what was seen there."""
        gradient = seen.gradient
        assert gradient is not None
        self.rises = self.rises + (seen.losses > self.loss)
        better = seen.losses > self.best
        here = better[item_of_token].unsqueeze(1)
        self.best = torch.where(better, seen.losses, self.best)
        self.best_x = torch.where(here, x, self.best_x)
        self.best_gradient = torch.where(here, gradient, self.best_gradient)
        self.x, self.before, self.loss, self.gradient = x, self.x, seen.losses, gradient

    def look(self, steps: int, item_of_token: Tensor) -> None:
        """A checkpoint, ``steps`` after the last one."""
        stuck = ~self.halved & (self.best <= self.best_then)
        halve = (self.rises < ENOUGH_RISES * steps) | stuck
        here = halve[item_of_token].unsqueeze(1)
        self.size = torch.where(halve, self.size / 2, self.size)
        self.loss = torch.where(halve, self.best, self.loss)
        self.x = torch.where(here, self.best_x, self.x)
        self.before = torch.where(here, self.best_x, self.before)
        self.gradient = torch.where(here, self.best_gradient, self.gradient)
        self.halved, self.best_then, self.rises = halve, self.best, torch.zeros_like(self.rises)


def ascend(
    victim: Victim,
    items: Items,
    numbers: np.ndarray,
    ball: Ball,
    start: Callable[[Batch], Tensor],
    steps: int,
    take: Callable[[Batch, Seen], np.ndarray],
) -> dict[int, Reached]:
    """Ascend the loss of each item on its own.

    Args:
        victim: the model.
        items: of a language.
        numbers: (I,) of the items to attack, a batch.
        ball: delta stays in it after every step.
        start: gives the first delta (T, H) of a batch, which is projected.
        steps: of ascent, at least 1: so many backward passes, and one forward pass more.
        take: told every point; returns (I,) bool, which items need not go on.

    Returns:
        item -> where its loss was largest, of those that went on to the end.
    """
    batch = items.batch(numbers, victim.device)
    mask = victim.mask(batch)
    x = ball.project(start(batch) * mask, batch.view.segments)
    seen = victim.see(items, batch, x, gradient=True)
    state, last, looks = _State.at(x, seen), 0, checkpoints(steps)
    done = take(batch, seen)
    for step in range(1, steps + 1):
        if done.all():
            return {}
        if done.any():
            keep = torch.from_numpy(~done).to(victim.device)
            state = state.of(keep, keep[batch.item_of_token])
            batch = items.batch(batch.items[~done], victim.device)
            mask = victim.mask(batch)
        x = state.moved(step == 1, ball, batch, mask)
        seen = victim.see(items, batch, x, gradient=step < steps)
        done = take(batch, seen)
        if step < steps:
            state.arrived(x, seen, batch.item_of_token)
        if step < steps and step in looks:
            state.look(step - last, batch.item_of_token)
            last = step
    return _best(state, x, seen, batch, done)


def _best(state: _State, x: Tensor, seen: Seen, batch: Batch, done: np.ndarray) -> dict[int, Reached]:
    """The best point of each item that is not done, the last one included."""
    better = seen.losses > state.best
    losses = torch.where(better, seen.losses, state.best).cpu()
    deltas = torch.where(better[batch.item_of_token].unsqueeze(1), x, state.best_x).cpu()
    of_token = batch.item_of_token.cpu()
    return {
        int(item): Reached(float(losses[place]), deltas[of_token == place].clone())
        for place, item in enumerate(batch.items)
        if not done[place]
    }

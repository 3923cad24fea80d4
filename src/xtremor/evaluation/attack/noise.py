"""Random points of a ball, drawn for each item on its own: the same in every run, batch and order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from xtremor.robust.ball import Ball
from xtremor.training.config import derived_seed

if TYPE_CHECKING:
    from xtremor.evaluation.attack.items import Batch, Items


def on_sphere(ball: Ball, items: Items, batch: Batch, width: int, mask: Tensor, seed: int, what: str) -> Tensor:
    """Draw delta (T, ``width``) at the full radius: uniformly from the sphere (L2), or a random corner (L-infinity).

    In many dimensions nearly all of a ball lies at its surface; to draw there gives random noise the norm that an
    attack has. Directions do not depend on the radius.

    Args:
        ball: whose sphere.
        items, batch: T tokens.
        mask: (T, 1), 0 at tokens that stay as they are; they take no part in a row's norm either.
        seed, what: with the item's file and row, what a draw is a function of.
    """
    parts = []
    for number in batch.items:
        item = items.examples[number]
        generator = torch.Generator().manual_seed(derived_seed(seed, what, item.file, item.row))
        parts.append(torch.randn(items.tokens_of(number), width, generator=generator))
    normal = torch.cat(parts).to(mask.device) * mask
    return ball.project(ball.radius * ball.direction(normal, batch.view.segments), batch.view.segments)

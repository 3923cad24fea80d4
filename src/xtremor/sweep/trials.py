"""Equal trials for every method, whatever it reads.

A full grid. Every method has as many trials as the largest grid among the methods has points, all of them with the
same seeds, so that methods and doses are compared on equal luck. A method that reads fewer of the settings that vary,
as plain has no radius, gets the rest

1. as further values of the first of its own settings that varies over numbers, put into the widest gaps between the
   values named (halfway, on a logarithmic scale where all are above 0); but no setting that makes a run longer;
2. where it has no such setting, as its own points again with further seeds. These repeats are no candidates of a
   choice: the luckiest seed of one method beside the common seeds of the others would be no tuning. They tell how far
   scores spread by the seed alone, which is what every difference between trials has to be held against.

Random draws. Trial i of every method has the same value of every setting that it reads, and the same seeds, which no
other trial has: all trials are candidates, and all methods have the same chances to be lucky.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any

from xtremor.sweep.space import Axis, shown

# More of these is more training, not another setting of it.
AMOUNTS = ("epochs", "probe_epochs")
Point = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Trial:
    """One configuration of a method with its seeds.

    Attributes:
        method: as the user named it.
        number: from 1 within the method.
        point: the settings that vary and that the method reads, with their values.
        seeds: of its runs.
        repeats: number of the trial that has the same point with the common seeds, where that is not this one.
    """

    method: str
    number: int
    point: Point
    seeds: tuple[int, ...]
    repeats: int | None = None

    @property
    def label(self) -> str:
        """``radius 0.001, learning rate 5e-05``; empty where nothing varies."""
        return ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in self.point)


def make_trials(
    axes: Mapping[str, Sequence[Axis]], seeds: int, count: int | None = None, draw_seed: int = 0
) -> dict[str, list[Trial]]:
    """The same number of trials for every method, no two of one method alike.

    Args:
        axes: method -> the axes that it reads and that vary.
        seeds: runs of a trial.
        count: trials a method, drawn at random; None makes the full grid.
        draw_seed: of those draws.
    """
    if count is None:
        size = max(math.prod(len(axis.values) for axis in own) for own in axes.values())
        return {method: _with_repeats(method, _grid(own, size), seeds) for method, own in axes.items()}
    return {
        method: [
            Trial(method, number, _drawn(own, number, draw_seed), _block(number, seeds))
            for number in range(1, count + 1)
        ]
        for method, own in axes.items()
    }


def _block(number: int, seeds: int) -> tuple[int, ...]:
    """The first ``seeds`` seeds, the next ones, and so on."""
    return tuple(range((number - 1) * seeds + 1, number * seeds + 1))


def _with_repeats(method: str, points: Sequence[Point], seeds: int) -> list[Trial]:
    """A point that comes again takes the seeds after those that it had."""
    had: dict[Point, list[int]] = {}
    found = []
    for number, point in enumerate(points, start=1):
        earlier = had.setdefault(point, [])
        found.append(Trial(method, number, point, _block(len(earlier) + 1, seeds), earlier[0] if earlier else None))
        earlier.append(number)
    return found


def _drawn(axes: Sequence[Axis], trial: int, seed: int) -> Point:
    return tuple((axis.name, axis.draw(seed, trial)) for axis in axes)


def _grid(axes: Sequence[Axis], size: int) -> list[Point]:
    """All points of the axes, and more by the rule up to ``size``."""
    points = _product(axes)
    wider = next((axis for axis in axes if axis.name not in AMOUNTS and _floats(axis)), None)
    if len(points) < size and wider is not None:
        wanted = -(-size * len(wider.values) // len(points))
        dense = replace(wider, values=filled(wider.values, wanted))
        more = _product([dense if axis is wider else axis for axis in axes])
        points += [point for point in more if point not in points]
    return [points[number % len(points)] for number in range(size)]


def _product(axes: Sequence[Axis]) -> list[Point]:
    names = [axis.name for axis in axes]
    return [tuple(zip(names, values, strict=True)) for values in product(*(axis.values for axis in axes))]


def _floats(axis: Axis) -> bool:
    return len(axis.values) > 1 and all(isinstance(value, float) and math.isfinite(value) for value in axis.values)


def filled(values: Sequence[float], wanted: int) -> tuple[float, ...]:
    """``values`` and as many between them as make ``wanted``, each in the middle of what is then the widest gap.

    The middle is on a logarithmic scale where all are above 0, else on a linear one. At least two different values.
    """
    logarithmic = min(values) > 0
    found = list(values)
    while len(found) < wanted:
        scaled = sorted(math.log(value) if logarithmic else value for value in found)
        low, high = max(pairwise(scaled), key=lambda gap: (round(gap[1] - gap[0], 2), -gap[0]))
        middle = math.exp((low + high) / 2) if logarithmic else (low + high) / 2
        near = float(f"{middle:.3g}")
        # Between close neighbours three digits do not suffice.
        inside = low < (math.log(near) if logarithmic else near) < high
        found.append(near if inside and near not in found else middle)
    return tuple(found)

"""Equal trials for every method, whatever it reads.

The rule. Each method has as many trials as the largest grid among the methods has points (or as ``--trials`` says). A
method that reads fewer of the settings that vary, as plain has no radius, gets the rest

1. as further values of the first of its own settings that varies over numbers, put into the widest gaps between the
   values named (halfway, on a logarithmic scale where all are above 0); but no setting that makes a run longer;
2. where it has no such setting, as its own points again with further seeds. They compete like all other trials, so
   that every method has as many chances to be lucky on English dev.
"""

from __future__ import annotations

import math
from collections import Counter
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
    """

    method: str
    number: int
    point: Point
    seeds: tuple[int, ...]

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
        draw_seed: of those draws. Trial i has one value of a setting, in every method that reads it.
    """
    if count is None:
        size = max(math.prod(len(axis.values) for axis in own) for own in axes.values())
        points = {method: _grid(own, size) for method, own in axes.items()}
    else:
        points = {method: _drawn(own, count, draw_seed) for method, own in axes.items()}
    return {method: _numbered(method, own, seeds) for method, own in points.items()}


def _numbered(method: str, points: Sequence[Point], seeds: int) -> list[Trial]:
    """A point that comes again takes the seeds after those that it had."""
    seen: Counter[Point] = Counter()
    found = []
    for number, point in enumerate(points, start=1):
        first = seen[point] * seeds + 1
        seen[point] += 1
        found.append(Trial(method, number, point, tuple(range(first, first + seeds))))
    return found


def _drawn(axes: Sequence[Axis], count: int, seed: int) -> list[Point]:
    return [tuple((axis.name, axis.draw(seed, trial)) for axis in axes) for trial in range(1, count + 1)]


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

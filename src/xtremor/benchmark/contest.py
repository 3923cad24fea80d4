"""Contestants that take turns, so that a machine that slows down slows all of them, and ratios of their times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Contestant:
    """One way to do the work of a round.

    Attributes:
        turn: does it for the round of that number.
        work: operations that it takes, for the time left.
    """

    turn: Callable[[int], object]
    work: float = 1.0


@dataclass(frozen=True)
class Measured:
    """A figure of every round: its median, and the lowest and highest as its spread."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.each)

    @property
    def low(self) -> float:
        """Lowest."""
        return min(self.each)

    @property
    def high(self) -> float:
        """Highest."""
        return max(self.each)

    def as_dict(self) -> dict[str, Any]:
        """Median, lowest, highest, and the figure of every round."""
        return {"median": self.median, "low": self.low, "high": self.high, "rounds": list(self.each)}


def of_rounds(figure: Callable[..., float], *measured: Measured) -> Measured:
    """A figure of figures, round by round: what happened to a machine in a round happened to all of that round."""
    return Measured(tuple(figure(*values) for values in zip(*(each.each for each in measured), strict=True)))


def ratio(above: Measured, below: Measured) -> Measured:
    """How many times ``below`` is in ``above``, round by round."""
    return of_rounds(lambda one, other: one / other, above, below)


def contest(
    contestants: Mapping[str, Contestant],
    rounds: int,
    device: torch.device,
    on_turn: Callable[[str, float], None] = lambda name, work: None,
    warm: Sequence[str] | None = None,
) -> dict[str, Measured]:
    """Seconds of every contestant in every round, in turns: A B C A B C ...

    Args:
        contestants: by name.
        rounds: that count.
        device: where they compute; a turn ends when all that was asked of it is done.
        on_turn: told the name and the work of every turn.
        warm: names that take an unmeasured turn first, with the first round's work; None is all.
    """
    for name in contestants if warm is None else warm:
        _timed(contestants[name], 0, device)
        on_turn(name, contestants[name].work)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contestant in contestants.items():
            seconds[name].append(_timed(contestant, number, device))
            on_turn(name, contestant.work)
    return {name: Measured(tuple(each)) for name, each in seconds.items()}


def _timed(contestant: Contestant, number: int, device: torch.device) -> float:
    settle(device)
    began = time.perf_counter()
    contestant.turn(number)
    settle(device)
    return time.perf_counter() - began


def settle(device: torch.device) -> None:
    """Wait until a GPU has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

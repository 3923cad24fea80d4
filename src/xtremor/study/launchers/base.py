"""What the driver needs of a launcher: start a unit of work somewhere, and tell how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Unit:
    """Stages that one process runs one after another: an intermediate one, or a target with its evaluations.

    Attributes:
        name: for people.
        keys: of the stages, parents first.
        parents: keys of stages outside that must be finished before.
        work: estimate, in passes over a token.
        threads: on the CPU.
    """

    name: str
    keys: tuple[str, ...]
    parents: tuple[str, ...]
    work: float
    threads: int


# Of a worker whose end nobody saw, as if it had been killed.
LOST = -9


@dataclass(frozen=True)
class Ended:
    """How a unit ended.

    Attributes:
        unit: that was started.
        code: exit code of its worker; negative is a signal, `LOST` where it is gone and nobody knows why.
        said: what the launcher knows of a failure, where the stage's own log does not tell.
    """

    unit: Unit
    code: int
    said: str = ""


class Launcher(Protocol):
    """Starts workers. `start` and `ended` return at once.

    Attributes:
        slots: units side by side; more are not started.
        words: what it is, for the news.
    """

    slots: int
    words: str

    def start(self, unit: Unit, command: Sequence[str]) -> None:
        """Have ``command`` run, on this machine or another that sees the same folders."""
        ...

    def ended(self) -> list[Ended]:
        """Units that have ended since the last call."""
        ...

    def stop(self) -> None:
        """End everything that is under way; workers keep what they have."""
        ...

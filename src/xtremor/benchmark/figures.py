"""Figures of the benchmark with what they must reach, and the file that holds them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from xtremor.benchmark.contest import Measured
from xtremor.robust.methods import PGD, R3F, SMART, FreeLB, Method, RandomNoise

FORMAT = 1
Unit = Literal["times", "share", "seconds"]

# Method, what it may cost at most beside plain.
METHOD_LIMITS: tuple[tuple[Method, float], ...] = (
    (PGD(), 1.80),
    (PGD(steps=3), 3.30),
    (FreeLB(steps=3), 3.15),
    (SMART(), 2.90),
    (R3F(), 2.10),
    (RandomNoise(), 1.05),
    (PGD(steps=3, site="layer:9"), 1.60),
)


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        key: short name.
        title: what it is.
        value, low, high: median and spread over the rounds.
        unit: ``times`` (a ratio), ``share`` or ``seconds``.
        limit: what it must reach, None where it is told and not judged.
        at_least: whether larger is better.
    """

    key: str
    title: str
    value: float
    low: float
    high: float
    unit: Unit = "times"
    limit: float | None = None
    at_least: bool = True

    @property
    def reached(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_dict(self) -> dict[str, Any]:
        """With the verdict."""
        return {**asdict(self), "reached": self.reached}

    def told(self) -> str:
        """The value as a person reads it."""
        return written(self.value, self.unit)


def written(value: float, unit: Unit) -> str:
    """``3.52 x``, ``72.1%`` or ``8.3 s``."""
    return {"times": f"{value:.2f} x", "share": f"{value:.1%}", "seconds": f"{value:.1f} s"}[unit]


def figure(key: str, title: str, measured: Measured, **more: Any) -> Figure:
    """A figure from what every round gave."""
    return Figure(key, title, measured.median, measured.low, measured.high, **more)


@dataclass(frozen=True)
class MethodCost:
    """What a method's step costs beside plain's, and where that comes from.

    Attributes:
        arm: label.
        passes: counted, as a ratio to plain's.
        ratio: of times, over the rounds.
        rate: share of the attainable rate that its passes reach, over the rounds.
        limit: what the ratio may be; None for plain.
    """

    arm: str
    passes: float
    ratio: Measured
    rate: Measured
    limit: float | None

    @property
    def algorithmic(self) -> float:
        """Time ratio over pass ratio: 1 where nothing but its passes costs time."""
        return self.ratio.median / self.passes

    def as_dict(self) -> dict[str, Any]:
        """With both distances to what is possible."""
        return {
            "method": self.arm,
            "passes": self.passes,
            "ratio": self.ratio.as_dict(),
            "limit": self.limit,
            "reached": None if self.limit is None else self.ratio.median <= self.limit,
            "algorithmic": self.algorithmic,
            "machine": self.rate.as_dict(),
        }


def result(
    figures: Sequence[Figure],
    methods: Sequence[MethodCost],
    seconds: dict[str, dict[str, Any]],
    rate: Measured,
    about: dict[str, Any],
) -> dict[str, Any]:
    """What is written of a run.

    Args:
        figures, methods: judged.
        seconds: of every contestant.
        rate: operations a second of matrix products, attainable.
        about: workload, machine, versions, command.
    """
    return {
        "format": FORMAT,
        **about,
        "attainable_operations_per_second": rate.as_dict(),
        "figures": [each.as_dict() for each in figures],
        "methods": [each.as_dict() for each in methods],
        "seconds": seconds,
    }


def file_name(found: dict[str, Any]) -> str:
    """``amd-epyc-2-threads-starter``: one file for a machine, an encoder and a precision."""
    machine, load = found["machine"], found["workload"]
    device = machine["processor"] if found["device"] == "cpu" else found["device"]
    parts = [device, f"{machine['threads']}-threads" if found["device"] == "cpu" else "", load["encoder"]]
    parts += [] if found["precision"] == "fp32" else [found["precision"]]
    parts += ["quick"] if found["quick"] else []
    joined = "-".join(part for part in parts if part)
    return re.sub(r"[^a-z0-9.]+", "-", Path(joined).name.casefold()).strip("-")

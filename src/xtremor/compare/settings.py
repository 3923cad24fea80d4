"""What is compared, and how it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from xtremor.errors import UserError, unknown

PAIRING = ("auto", "yes", "no")
# A system of such a name is what others are compared with, unless another one is named.
BASELINES = ("baseline", "plain", "standard", "none", "control")


@dataclass(frozen=True)
class CompareSettings:
    """Settings of a comparison.

    Attributes:
        baseline: the system that all others are compared with; None finds one.
        contrasts: planned pairs (treatment, control) instead; None is every other system against the baseline.
        strata: schemes of strata that were planned, and join the corrected family; None: all are exploratory.
        effect: difference in points that matters, which seeds are counted for.
        power: with which it shall be found.
        alpha: chance of any false finding in the planned family.
        margin: difference in points below which two systems count as equivalent; None tests no equivalence.
        pair: ``auto`` pairs runs by seed where both systems have the same seeds, ``yes`` on those that they share,
            ``no`` never.
        looks: numbers of seeds at which the study was to be looked at, ascending, the last one its end; None: once.
        english: keep English in averages.
        replicates: of the bootstrap over seeds and items; 0 leaves it out.
        seed: of all draws.
        mixed: fit the mixed model too.
    """

    baseline: str | None = None
    contrasts: tuple[tuple[str, str], ...] | None = None
    strata: tuple[str, ...] | None = None
    effect: float = 0.5
    power: float = 0.8
    alpha: float = 0.05
    margin: float | None = None
    pair: str = "auto"
    looks: tuple[int, ...] | None = None
    english: bool = False
    replicates: int = 2000
    seed: int = 0
    mixed: bool = False

    def __post_init__(self) -> None:
        if self.pair not in PAIRING:
            raise unknown("--pair", self.pair, PAIRING)
        for name, value in (("effect", self.effect), ("margin", self.margin)):
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"--{name} must be a positive number of points, not {value:g}")
        for name, value in (("alpha", self.alpha), ("power", self.power)):
            if not 0 < value < 1:
                raise UserError(f"--{name} must lie between 0 and 1, not {value:g}")
        if self.replicates < 0 or 0 < self.replicates < 100:
            raise UserError(f"--replicates must be 0 or at least 100, not {self.replicates}")
        if self.seed < 0:
            raise UserError(f"--seed must not be negative, not {self.seed}")
        looks = self.looks
        if looks is not None and (len(looks) < 2 or looks[0] < 2 or any(b <= a for a, b in pairwise(looks))):
            raise UserError("--looks must be two or more ascending numbers of seeds, the last the planned end: 5,10,20")

    def pairs(self, systems: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """The planned contrasts, treatment first.

        Raises:
            UserError: one system only, an unknown one, or several without a baseline that can be told.
        """
        if len(systems) < 2:
            raise UserError(f"there is one system only, '{systems[0]}'; expected two or more to compare")
        if self.contrasts is not None:
            for name in (name for pair in self.contrasts for name in pair):
                if name not in systems:
                    raise unknown("system", name, systems)
            same = next((one for one, two in self.contrasts if one == two), None)
            if same is not None:
                raise UserError(f"--contrasts compares '{same}' with itself; name two systems, treatment:control")
            return self.contrasts
        baseline = self.baseline or find_baseline(systems)
        if baseline not in systems:
            raise unknown("system", baseline, systems, "--baseline must be one of the table")
        return tuple((system, baseline) for system in systems if system != baseline)

    def level(self, seeds: int) -> float:
        """The alpha of this look, given the number of seeds that are in.

        Raises:
            UserError: ``looks`` were planned, and this is none of them.
        """
        if self.looks is None:
            return self.alpha
        if seeds not in self.looks:
            raise UserError(
                f"--looks plans to look at {', '.join(map(str, self.looks))} seeds, but there are {seeds}: "
                "a look that was not planned has no alpha to spend; wait for the next one"
            )
        from xtremor.stats.sequential import levels

        return levels([look / self.looks[-1] for look in self.looks], self.alpha)[self.looks.index(seeds)]


def find_baseline(systems: Sequence[str]) -> str:
    """A system whose name says so, or the first of two."""
    named = [system for system in systems if system.lower() in BASELINES]
    if len(named) == 1:
        return named[0]
    if len(systems) == 2:
        return systems[0]
    raise UserError(
        f"there are {len(systems)} systems ({', '.join(systems[:6])}); say which one the others are compared "
        "with: --baseline NAME"
    )


def parse_contrasts(text: str, systems: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """``a:b,c:b`` as pairs; names may hold colons and commas where only one reading names known systems.

    Raises:
        UserError: a part that is not two known systems with a colon between them.
    """
    found: list[tuple[str, str]] = []
    rest = text.strip()
    while rest:
        heads = [f"{one}:{two}" for one in systems for two in systems]
        match = max((head for head in heads if rest == head or rest.startswith(f"{head},")), key=len, default=None)
        if match is None:
            part = rest.split(",")[0]
            names = part.split(":")
            if len(names) == 2 and names[0] and names[1]:
                raise unknown("system", next((name for name in names if name not in systems), part), systems)
            raise UserError(
                f"--contrasts: '{part}' is not treatment:control; write for example {systems[0]}:{systems[-1]}"
            )
        found.append(next((one, two) for one in systems for two in systems if f"{one}:{two}" == match))
        rest = rest[len(match) :].lstrip(",").strip()
    if not found:
        raise UserError("--contrasts names nothing; write treatment:control, several between commas")
    return tuple(dict.fromkeys(found))

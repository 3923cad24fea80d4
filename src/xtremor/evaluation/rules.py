"""Checkpoint rules: which weights of one run are scored. No rule but the oracle looks at a target language."""

from __future__ import annotations

from dataclasses import dataclass

from xtremor.errors import UserError, unknown

LAST, AVERAGE, BEST_DEV, ORACLE = "last", "average", "best-dev", "oracle"
NAMES = (LAST, "average-3", BEST_DEV, ORACLE)


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        name: ``last`` (the end of the schedule), ``average`` (mean of the weights of the last snapshots, Schmidt et al.
            2023, arXiv 2305.16834), ``best-dev`` (the snapshot with the best English dev) or ``oracle`` (in each
            language the snapshot that scores best there: an upper bound, and nobody's result).
        count: snapshots that ``average`` takes; 0 elsewhere.
    """

    name: str = LAST
    count: int = 0

    @property
    def label(self) -> str:
        """As it is named: ``average-3``."""
        return f"{self.name}-{self.count}" if self.name == AVERAGE else self.name

    @property
    def needs(self) -> int:
        """Snapshots that a run must have kept at least."""
        return {LAST: 0, AVERAGE: self.count}.get(self.name, 1)

    @property
    def upper_bound(self) -> bool:
        """Whether the scores are chosen on themselves."""
        return self.name == ORACLE


def parse_rule(text: str) -> Rule:
    """``average-3`` and the like; raises UserError for what is no rule."""
    name, _, count = text.partition("-")
    if name == AVERAGE and count.isdecimal() and int(count) > 0:
        return Rule(AVERAGE, int(count))
    if text not in (LAST, BEST_DEV, ORACLE):
        raise unknown("checkpoint rule", text, NAMES, "average-K takes the last K snapshots")
    return Rule(text)


def check_count(rule: Rule, snapshots: int, where: str) -> None:
    """Raise UserError where a rule averages more snapshots than there are."""
    if rule.needs > snapshots:
        raise UserError(f"{rule.label} takes {rule.needs} snapshots, and {where} {snapshots}; name a smaller number")

"""One threat to what a study may conclude."""

from __future__ import annotations

from dataclasses import dataclass

# How near a threat comes to the primary contrasts; threats are sorted by it, and never added up.
DECIDES, WEAKENS, QUALIFIES = 0, 1, 2


@dataclass(frozen=True)
class Threat:
    """A threat.

    Attributes:
        kind: of a fixed list, for programs (`xtremor.study.review.KINDS`).
        title: a few words.
        where: contrast, arm, target or stage.
        detail: what was found, with figures.
        advice: what would remove it, or how to report it.
        weight: `DECIDES` (it alone can make or hide a primary result), `WEAKENS` or `QUALIFIES`; for sorting.
    """

    kind: str
    title: str
    where: str
    detail: str
    advice: str
    weight: int = WEAKENS

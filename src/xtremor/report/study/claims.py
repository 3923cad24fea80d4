"""What the study says of claims that others made, and what threatens its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.compare.sentences import signed
from xtremor.report.study.marks import span
from xtremor.report.study.tables import Cell, Table

if TYPE_CHECKING:
    from xtremor.study.claims import Verdict
    from xtremor.study.files import StudyFolder
    from xtremor.study.review import Threat


def judged(folder: StudyFolder, ledger: Path | None) -> tuple[list[Verdict], list[Threat]]:
    """Verdicts on the claims of a ledger (None: the one that comes with xtremor), and threats found in the store.

    Raises:
        UserError: a ledger that cannot be read.
    """
    from xtremor.study.claims import verdicts
    from xtremor.study.review import threats

    return verdicts(folder, ledger), threats(folder)


def claims_table(verdicts: Sequence[Verdict]) -> Table:
    """One row a claim."""
    rows = []
    for each in verdicts:
        claim = each.claim
        kind = {"supported": "up", "contradicted": "down"}.get(each.verdict, "")
        figures = "" if each.effect is None else signed(each.effect)
        rows.append(
            (
                Cell(claim.statement, small=claim.name),
                Cell(each.verdict, kind=kind),
                Cell(figures, span(each.low, each.high, True), each.effect),
                Cell(each.why),
                Cell(claim.source, small=str(claim.locator or "")),
                Cell(str(claim.reported or "")),
            )
        )
    head = ("Claim", "Verdict", "Points", "Why", "Source", "As reported")
    text = "What these runs say of claims in the ledger; undecided is no contradiction"
    return Table("claims", text, head, tuple(rows), sortable=True)


def threats_table(threats: Sequence[Threat]) -> Table:
    """One row a threat."""
    rows = tuple(
        (Cell(each.title, small=each.kind), Cell(str(each.where)), Cell(each.detail), Cell(each.advice))
        for each in threats
    )
    return Table(
        "threats",
        "Threats to what this study concludes, found in its store",
        ("Threat", "Where", "What", "Advice"),
        rows,
    )

"""What the study says of claims that others made, and what threatens its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.compare.sentences import p_text, signed
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
    """One row a claim and pair of systems that it was tested with."""
    rows = []
    for each in verdicts:
        claim = each.claim
        kind = {"supported": "up", "contradicted": "down"}.get(each.verdict, "")
        pair = f"{each.treatment} − {each.control}" if each.treatment else ""
        p = "" if each.adjusted is None else f"{p_text(each.adjusted)} after Holm's correction"
        rows.append(
            (
                Cell(claim.statement, small=claim.name),
                Cell(each.verdict, kind=kind),
                Cell(_figure(each), small=p, value=each.effect),
                Cell(pair),
                Cell(each.why, small=" ".join(each.caveats)),
                Cell(claim.source, small=claim.locator),
                Cell(claim.reported),
            )
        )
    head = ("Claim", "Verdict", "Figure", "Contrast", "Why", "Source", "As reported")
    text = (
        "What these runs say of the claims in the ledger, with the figure that decided and its 95% interval; undecided "
        "is no contradiction"
    )
    return Table("claims", text, head, tuple(rows), sortable=True).filled()


def _figure(each: Verdict) -> str:
    if each.effect is None:
        return ""
    unit = "ρ " if each.unit == "rho" else ""
    ends = span(each.low, each.high, True)
    return f"{unit}{signed(each.effect)}{f' ({ends})' if ends else ''}"


def threats_table(threats: Sequence[Threat]) -> Table:
    """One row a threat, in the order given."""
    rows = tuple(
        (Cell(each.title, small=each.kind), Cell(each.where), Cell(each.detail), Cell(each.advice)) for each in threats
    )
    head = ("Threat", "Where", "What", "Advice")
    return Table("threats", "Threats to what this study concludes, found in its store", head, rows)

"""Claims of others, and what a study says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.study.claims.claim import Claim, Side, Verdict, Where

if TYPE_CHECKING:
    from xtremor.study.files import StudyFolder

__all__ = ["Claim", "Side", "Verdict", "Where", "verdicts"]


def verdicts(folder: StudyFolder, ledger: Path | None = None) -> list[Verdict]:
    """What the finished runs of a study say of every claim of a ledger, in its order.

    A claim has a verdict for each encoder and intermediate task of the study that it can be tested with. Claims of the
    study's own file come first and are corrected among themselves: what was planned pays nothing for what others say.

    Args:
        folder: of the study, finished or not.
        ledger: TOML file; None is the study's own claims and those that come with xtremor.

    Raises:
        UserError: no study, a ledger that cannot be read or names an arm that the study has not, or a stage whose
            scores were edited.
    """
    from xtremor.study.claims.judging import judge
    from xtremor.study.claims.reading import SHIPPED, claims_of, read_ledger

    plan, where = folder.read(), f"study {folder.path}"
    if ledger is not None:
        return judge(folder, plan, {str(ledger): read_ledger(ledger)})
    return judge(folder, plan, {where: claims_of(plan.design.get("claims", []), where), SHIPPED: read_ledger()})

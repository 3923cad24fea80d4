"""Threats to what a study concludes, found in its plan and its store; itemised, without a score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xtremor.study.review.threat import Threat

if TYPE_CHECKING:
    from xtremor.study.files import StudyFolder

__all__ = ["Threat", "threats"]


def threats(folder: StudyFolder) -> list[Threat]:
    """Every threat that is found, those that endanger the primary contrasts most first.

    Works on a study that has only been planned, or is half finished. An edited stage is a threat here, no error.

    Raises:
        UserError: no study.
    """
    from xtremor.study.review.finding import found
    from xtremor.study.review.material import gather

    return found(gather(folder))

"""Threats as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from xtremor.study.review.threat import Threat

WIDTH = 118
_HEADS = (
    "What alone can make or hide a result of the primary contrasts",
    "What weakens them",
    "What a reader must know",
)


def text(threats: Sequence[Threat]) -> str:
    """For people: grouped by how near threats come to the primary contrasts; no score."""
    if not threats:
        return "None of the threats that are looked for was found; others may exist."
    lines: list[str] = []
    for weight, head in enumerate(_HEADS):
        own = [each for each in threats if each.weight == weight]
        lines += ["", head] if own and lines else [head] if own else []
        for each in own:
            lines.append(f"  {each.title}: {each.where}")
            for line in (each.detail, each.advice):
                lines += textwrap.wrap(line, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)

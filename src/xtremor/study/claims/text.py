"""Verdicts and threats as text and as plain values."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from xtremor.compare.sentences import number, signed
from xtremor.study.claims.claim import VERDICTS, Verdict

WIDTH = 118


def text(verdicts: Sequence[Verdict]) -> str:
    """For people: a block a claim, verdicts first."""
    lines = []
    counts = {name: sum(each.verdict == name for each in verdicts) for name in VERDICTS}
    lines.append(
        f"{len(verdicts)} verdicts: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    )
    for each in verdicts:
        lines += ["", f"{each.verdict.upper():18} {each.claim.name}{_figures(each)}"]
        for line in (each.claim.statement, each.why, *(f"But {caveat.rstrip('.')}." for caveat in each.caveats)):
            lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ")
        lines += textwrap.wrap(f"source: {_source(each)}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _figures(verdict: Verdict) -> str:
    if verdict.effect is None or verdict.low is None or verdict.high is None:
        return ""
    shown = signed if verdict.unit == "points" else number
    unit = " points" if verdict.unit == "points" else " rank correlation"
    return f": {shown(verdict.effect)} [{shown(verdict.low)}, {shown(verdict.high)}]{unit}"


def _source(verdict: Verdict) -> str:
    claim = verdict.claim
    return "; ".join(filter(None, (claim.source, claim.locator, claim.reported)))


def record(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """For programs: a dictionary a verdict, figures unrounded."""
    found = []
    for each in verdicts:
        claim = {**asdict(each.claim), "reported": each.claim.reported}
        own = {name: value for name, value in asdict(each).items() if name != "claim"}
        found.append({"claim": claim, **own, "unit": each.unit})
    return found


def as_json(verdicts: Sequence[Verdict]) -> str:
    """What ``--json`` prints."""
    return json.dumps(record(verdicts), ensure_ascii=False, indent=2)

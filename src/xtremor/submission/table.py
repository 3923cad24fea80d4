"""Scores of a submission as text for a person: rounded to two places, columns aligned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtremor.submission.read import count

NAMES = {"exact_match": "EM", "token_accuracy": "token accuracy", "f1": "F1", "map@20": "mAP@20", "mrr@20": "MRR@20"}
INTERVAL = "95% interval"
# Below this a bootstrap of clusters gives intervals that are clearly too narrow.
FEW_CLUSTERS = 30


def text(scores: Mapping[str, Any]) -> str:
    """Lay out what ``score_submission`` returns."""
    lines: list[str] = []
    for block in scores["tasks"].values():
        lines += [*_head(block), "", *_scores(block), "", *_strata(block), ""]
    lines += _means(scores)
    return "\n".join(lines)


def _head(block: Mapping[str, Any]) -> Iterator[str]:
    """What was scored, and everything that a reader must know before the figures."""
    cells = block["languages"]
    items = sum(cell["items"] for cell in cells.values())
    yield f"{block['task']}: {block['split']} split, {count(len(cells), 'language')}, {count(items, 'item')}"
    yield f"  gold: {block['gold']}; clusters of the bootstrap: {block['clusters']}"
    reasons: dict[str, list[str]] = {}
    for code, why in block["lacking"].items():
        reasons.setdefault(why, []).append(code)
    for why, codes in reasons.items():
        yield f"  not scored: {', '.join(codes)} ({why})"
    for code, cell in cells.items():
        if cell["missing"]:
            yield f"  {code}: {cell['missing']:,} of {count(cell['items'], 'item')} without prediction, which score 0"
        if cell["unexpected"]:
            yield f"  {code}: {count(cell['unexpected'], 'prediction')} without gold item, not counted"
    few = [code for code, cell in cells.items() if cell["clusters"] < FEW_CLUSTERS]
    if few and any(cell["intervals"][block["official"]] for cell in cells.values()):
        who = ", ".join(few) if len(few) < len(cells) else "all languages"
        yield f"  fewer than {FEW_CLUSTERS} clusters, so that intervals are too narrow: {who}"
    for note in block["notes"]:
        yield f"  note: {note}"


def _scores(block: Mapping[str, Any]) -> list[str]:
    cells = block["languages"]
    official = block["official"]
    others = [name for name in next(iter(cells.values()))["figures"] if name != official]

    def row(name: str, cell: Mapping[str, Any], items: str) -> list[str]:
        figures = cell["figures"]
        rest = [f"{figures[each]:.2f}" for each in others]
        return [name, f"{figures[official]:.2f}", _interval(cell["intervals"][official]), *rest, items]

    rows = [["", _name(official), INTERVAL, *map(_name, others), "items"]]
    rows += [row(code, cell, f"{cell['items']:,}") for code, cell in cells.items()]
    whole, part = block["averages"]["all languages"], block["averages"].get("without English")
    rows.append(row(f"average over {len(cells)} of {len(cells) + len(block['lacking'])}", whole, ""))
    if part and part["languages"] < whole["languages"]:
        rows.append(row("without English", part, ""))
    return aligned(rows, {0})


def _strata(block: Mapping[str, Any]) -> list[str]:
    rows = [["without English", "", _name(block["official"]), INTERVAL, "languages", "items"]]
    for stratum, values in block["strata"].items():
        for number, (value, cell) in enumerate(values.items()):
            score, interval = f"{cell['score']:.2f}", _interval(cell["interval"])
            name = "" if number else stratum.replace("_", " ")
            rows.append([name, value, score, interval, str(cell["languages"]), f"{cell['items']:,}"])
    return aligned(rows, {0, 1}) if len(rows) > 1 else []


def _means(scores: Mapping[str, Any]) -> list[str]:
    """Averages over tasks; where something is missing there is none, and it is said what."""
    named = {f"average of {name}": each for name, each in scores["groups"].items() if len(each["over"]) > 1}
    named[f"overall, {scores['benchmark']}"] = scores["overall"]
    rows = []
    for name, each in named.items():
        if each["score"] is not None:
            about = f"mean of {', '.join(each['over'])}"
            rows.append([name, f"{each['score']:.2f}", _interval(each["interval"]), about])
        else:
            lacks = [f"there is no {', '.join(each['missing'])}"] if each["missing"] else []
            lacks += [f"languages are missing in {', '.join(each['incomplete'])}"] if each["incomplete"] else []
            rows.append([name, "none", "", "; ".join(lacks)])
    return aligned(rows, {0, 3})


def _name(figure: str) -> str:
    return NAMES.get(figure, figure)


def _interval(found: Sequence[float] | None) -> str:
    return f"{found[0]:.2f} to {found[1]:.2f}" if found else ""


def aligned(rows: Sequence[Sequence[str]], left: set[int]) -> list[str]:
    """Columns side by side: those of ``left`` to the left, numbers to the right, empty ones left out."""
    body = rows[1:] if len(rows) > 1 else rows
    kept = [column for column in range(len(rows[0])) if any(row[column] for row in body)]
    widths = {column: max(len(row[column]) for row in rows) for column in kept}
    lines = []
    for row in rows:
        cells = [row[each].ljust(widths[each]) if each in left else row[each].rjust(widths[each]) for each in kept]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines

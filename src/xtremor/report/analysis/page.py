"""A page of sections, each with a chart and a table, and its charts as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.paths import atomic_file
from xtremor.report.charts import Drawing


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        id: of its chart, and the name of its picture.
        title: above it.
        texts: paragraphs.
        chart: or None.
        caption, rows: of its table: each row is column -> text, the same columns in all.
    """

    id: str
    title: str
    texts: Sequence[str] = ()
    chart: Drawing | None = None
    caption: str = ""
    rows: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Page:
    """What stands on it.

    Attributes:
        kicker, title: above all.
        about: paragraphs under the title.
        sections: in their order.
        caveats: what may not be concluded.
    """

    kicker: str
    title: str
    about: Sequence[str]
    sections: Sequence[Section]
    caveats: Sequence[str] = ()


def write(page: Page, folder: Path, name: str) -> list[Path]:
    """Write ``folder/name.html`` and ``folder/name-ID.svg`` for each chart; return their paths."""
    from xtremor.report.drawing import svg

    made = {f"{name}.html": _rendered(page)}
    for section in page.sections:
        if section.chart is not None:
            made[f"{name}-{section.id}.svg"] = svg(section.chart.spec())
    written = []
    for file, text in made.items():
        with atomic_file(folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(folder / file)
    return written


def _rendered(page: Page) -> str:
    from xtremor.report.drawing import rendered

    specs = {section.id: section.chart.spec() for section in page.sections if section.chart is not None}
    return rendered("analysis.html.j2", specs, page=page)

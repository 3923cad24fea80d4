"""Build the report: one HTML page that needs no network, its charts as PNG, and tables as CSV."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.paths import atomic_file, explained

if TYPE_CHECKING:
    from xtremor.report.collect import Collection
    from xtremor.report.places import Place
    from xtremor.report.summary import Summary
    from xtremor.report.verdict import Verdict


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What `build_report` wrote.

    Attributes:
        page: the HTML page.
        charts: PNG pictures: scores of each locale, and differences to plain where there is a plain arm.
        table: CSV with one row per run and language.
        answer: the sentence on what may be concluded.
        comparisons: the sentences behind it, one per comparison.
    """

    page: Path
    charts: tuple[Path, ...]
    table: Path
    answer: str
    comparisons: tuple[str, ...]

    def all(self) -> tuple[Path, ...]:
        """Every file written, the page first."""
        return (self.page, *self.charts, self.table)


def build_report(runs: Sequence[Path], out: Path, task: str | None = None, pictures: bool = True) -> ReportFiles:
    """Write ``out/index.html``, ``out/locales.png``, ``out/differences.png`` and ``out/scores.csv``.

    Files that are already in ``out`` under other names are left alone. Everything is made before the first
    file is replaced, so a failure leaves an earlier report whole.

    Args:
        runs: run folders, or folders that hold some up to two levels down; all of one task.
        out: folder, created when missing.
        task: keep only runs of this task.
        pictures: draw the PNGs too; without them those of an earlier report stay as they are.

    Raises:
        UserError: what `xtremor.report.collect.collect` refuses; ``out`` is a file or may not be written.
    """
    from xtremor.report.collect import collect
    from xtremor.report.places import describe
    from xtremor.report.summary import summarise
    from xtremor.report.verdict import conclude

    out = Path(out)
    if out.suffix in (".html", ".htm") or (out.exists() and not out.is_dir()):
        raise UserError(f"{out} is no folder; name a folder for the page, the charts and the table")
    found = collect(runs, task)
    places = describe(found.languages, found.runs[0].encoder)
    summary = summarise(found, places)
    verdict = conclude(found, summary)
    made = {"index.html": render(found, places, summary, verdict).encode()}
    if pictures:
        made.update(draw_pictures(found, places, summary))
    made["scores.csv"] = table(found, places).encode()
    write_files(out, made)
    charts = tuple(out / name for name in made if name.endswith(".png"))
    return ReportFiles(out / "index.html", charts, out / "scores.csv", verdict.headline, verdict.comparisons)


def render(runs: Collection, places: Mapping[str, Place], summary: Summary, verdict: Verdict) -> str:
    """The page as HTML."""
    from importlib.resources import files

    import jinja2
    from markupsafe import Markup

    from xtremor import __version__
    from xtremor.report import drawing
    from xtremor.report.context import context

    assets = files("xtremor.report") / "assets"
    read = {
        name: (assets / name).read_text(encoding="utf-8") for name in ("page.html.j2", "page.css", "page.js", "sort.js")
    }
    drawn = drawing.page_charts(runs, places, summary)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(read["page.html.j2"]).render(
        **context(runs, places, summary, verdict),
        locale_charts=drawn.locales,
        difference_charts=drawn.differences,
        chart_data=Markup(script_json({"themes": drawing.themes(), "charts": drawn.specs})),
        css=Markup(read["page.css"]),
        js=Markup(read["page.js"] + read["sort.js"]),
        vega=Markup(drawing.vega_bundle()),
        version=__version__,
    )


def script_json(value: Any) -> str:
    """JSON that can stand inside a script element."""
    # A "</script>" or "<!--" in some label would end the script element.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def draw_pictures(runs: Collection, places: Mapping[str, Place], summary: Summary) -> dict[str, bytes]:
    """File name -> PNG, in the light theme on white."""
    from xtremor.report import drawing

    return {name: drawing.png(spec) for name, spec in drawing.pictures(runs, places, summary).items()}


def table(runs: Collection, places: Mapping[str, Place]) -> str:
    """CSV: one row per run and language, with the facts on the language that the strata rest on."""
    import polars as pl

    facts = pl.DataFrame(
        [(place.code, place.name, place.script, place.joshi, place.seen) for place in places.values()],
        schema={"language": pl.String, "name": pl.String, "script": pl.String, "joshi": pl.Int64, "seen": pl.Boolean},
        orient="row",
    )
    return runs.table().join(facts, on="language", how="left", maintain_order="left").write_csv()


def write_files(out: Path, made: Mapping[str, bytes]) -> None:
    """Write files of a report into its folder; a full disk is met before any is replaced."""
    # All contents go to disk beside the folder first, so that a full disk is met before anything is replaced.
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out) as trial:
            trial.write(b"\0" * sum(map(len, made.values())))
    for name, content in made.items():
        with atomic_file(out / name) as temporary:
            temporary.write_bytes(content)

"""``report.html`` of a study, with every chart as SVG, PNG and PDF and every table as LaTeX beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor import machine
from xtremor.console import Progress
from xtremor.errors import UserError
from xtremor.report.study.material import Material, gather

if TYPE_CHECKING:
    from xtremor.report.study.findings import Findings
    from xtremor.report.study.sections import Section
    from xtremor.report.study.wording import Answer
    from xtremor.study.claims import Verdict
    from xtremor.study.files import StudyFolder
    from xtremor.study.review import Threat

PAGE = "report.html"


@dataclass(frozen=True)
class StudyReport:
    """What was written.

    Attributes:
        page: the HTML page.
        files: every file, the page first.
        answer: its three sentences.
    """

    page: Path
    files: tuple[Path, ...]
    answer: tuple[str, str, str]


def build_study_report(
    folder: StudyFolder,
    output: Path | None = None,
    ledger: Path | None = None,
    items: str = "auto",
    pictures: bool = True,
    replicates: int = 2000,
) -> StudyReport:
    """Write the report of a study from what is finished of it.

    Everything is made before the first file is replaced; files of other names are left alone.

    Args:
        folder: the study.
        output: folder of the report; None is ``report`` in the study's folder.
        ledger: claims to judge; None is the ledger that comes with xtremor.
        items: see `xtremor.report.study.findings.find`.
        pictures: write charts as files too.
        replicates: of the bootstrap.

    Raises:
        UserError: no study, nothing finished, a stage that was edited, a ledger that cannot be read, or a place that
            cannot be written.
    """
    from xtremor.report.page import write_files
    from xtremor.report.study.claims import judged

    out = folder.path / "report" if output is None else Path(output)
    if out.suffix in (".html", ".htm") or (out.exists() and not out.is_dir()):
        raise UserError(f"{out} is no folder; name a folder for the page, the charts and the tables")
    study = gather(folder)
    verdicts, threats = judged(folder, ledger)
    made, answer = make(study, out, verdicts, threats, items, pictures, replicates)
    write_files(out, made)
    return StudyReport(out / PAGE, tuple(out / name for name in made), answer.sentences)


def make(
    study: Material,
    out: Path,
    verdicts: Sequence[Verdict] = (),
    threats: Sequence[Threat] = (),
    items: str = "auto",
    pictures: bool = True,
    replicates: int = 2000,
) -> tuple[dict[str, bytes], Answer]:
    """Name below ``out`` -> content of every file, the page first; and the answer. Nothing is written."""
    from xtremor.report.study import figures
    from xtremor.report.study.findings import find
    from xtremor.report.study.sections import sections
    from xtremor.report.study.wording import answer

    findings = find(study, items, replicates)
    said = answer(study, findings)
    parts = sections(study, findings, verdicts, threats, out)
    drawn: dict[str, str] = {}
    files: dict[str, bytes] = {}
    charts = [figure for part in parts for figure in part.figures]
    with Progress("drawing", len(charts)) as progress:
        for figure in charts:
            drawn[figure.name] = figures.inline(figure)
            if pictures:
                files |= figures.files(figure)
            progress.advance()
    for part in parts:
        files |= {f"tables/{table.name}.tex": table.latex().encode() for table in part.tables if table.rows}
    page = render(study, findings, said, parts, drawn, pictures)
    return {PAGE: page.encode(), **files}, said


def render(
    study: Material,
    findings: Findings,
    answer: Answer,
    parts: Sequence[Section],
    drawn: dict[str, str],
    pictures: bool = True,
) -> str:
    """The page as HTML. ``drawn``: name of a figure -> its SVG."""
    from importlib.resources import files

    import jinja2
    from markupsafe import Markup

    from xtremor import __version__
    from xtremor.report.study import figures, methods, provenance

    assets = files("xtremor.report") / "assets"
    names = ("study.html.j2", "page.css", "study.css", "sort.js")
    read = {name: (assets / name).read_text(encoding="utf-8") for name in names}
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    comparison = findings.primary or findings.every
    notes = [*findings.notes, *(comparison.notes if comparison else findings.table.notes)]
    return environment.from_string(read["study.html.j2"]).render(
        study=study,
        answer=answer,
        parts=parts,
        drawn={name: Markup(svg) for name, svg in drawn.items()},
        legend=figures.arm_colours(study.arms),
        palettes={mode: figures.palette(mode) for mode in ("light", "dark")},
        notes=list(dict.fromkeys(notes)),
        warnings=provenance.warnings(study),
        facts=provenance.provenance(study),
        commands=provenance.commands(study, findings),
        methods=methods.methods_text(study, findings),
        bibliography=methods.bibliography(study),
        formats=figures.FORMATS if pictures else (),
        made=machine.now(),
        css=Markup(read["page.css"] + read["study.css"]),
        js=Markup(read["sort.js"]),
        version=__version__,
    )

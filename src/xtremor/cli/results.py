"""``xtremor results``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.tables import print_table
from xtremor.console import say


def results(
    study: Annotated[Path, Parameter(help="Study folder.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(alias="-o", help="File of all scores: .csv (for `xtremor compare`), .parquet; .tex of means."),
    ] = None,
    system: Annotated[str | None, Parameter(help="Only these systems, between commas.")] = None,
    arm: Annotated[str | None, Parameter(help="Only these arms.")] = None,
    task: Annotated[str | None, Parameter(help="Only these targets.")] = None,
    language: Annotated[str | None, Parameter(help="Only these languages.")] = None,
    encoder: Annotated[str | None, Parameter(help="Only these encoders.")] = None,
    intermediate: Annotated[str | None, Parameter(help="Only after these intermediate tasks.")] = None,
    checkpoint: Annotated[
        str | None,
        Parameter(help="Checkpoint rules, between commas (default: last, or the study's first); oracle by name alone."),
    ] = None,
    rows: Annotated[bool, Parameter(negative=(), help="Print every score instead of means.")] = False,
) -> None:
    """Query the scores of a study."""
    from xtremor.jobs import split_names
    from xtremor.study.files import StudyFolder
    from xtremor.study.results import FILTERS, filtered, means, write
    from xtremor.study.results import results as query

    stated = dict(zip(FILTERS, (system, arm, task, language, encoder, intermediate), strict=True))
    wanted = {
        name: [part.strip() for part in text.split(",") if part.strip()]
        for name, text in stated.items()
        if text is not None
    }
    rules = None if checkpoint is None else split_names(checkpoint, "--checkpoint", "rule", "last,average-3")
    table = filtered(query(StudyFolder(study), rules), wanted)
    if output is not None:
        write(table, output)
        say(f"{output}: {table.height} scores")
        return
    shown = (
        table.select("system", "task", "language", "seed", "stage2_seed", "score", "items", "metric").to_dicts()
        if rows
        else means(table)
    )
    print_table(shown, by=None if rows else "task")

"""``xtremor report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.console import say


def report(
    *runs: Annotated[Path, Parameter(help="Run folders, or folders that contain them; or one study folder.")],
    output: Annotated[Path, Parameter(alias="-o", help="Folder for the page, the charts and the table.")],
    task: Annotated[str | None, Parameter(help="Only the runs of this task, where the folders hold several.")] = None,
    json_: Annotated[
        bool, Parameter(name="--json", negative=(), help="Print the paths of what was written as JSON.")
    ] = False,
) -> None:
    """Make one self-contained page, PNG charts and a table from evaluated runs of one task."""
    from xtremor.errors import UserError
    from xtremor.report.page import build_report
    from xtremor.study.files import StudyFolder

    if not runs:
        raise UserError("name at least one run folder, for example: xtremor report runs --output report")
    studies = [path for path in runs if StudyFolder(path).there]
    if studies:
        _study(runs, studies[0], output, task, json_)
        return
    files = build_report(runs, output, task)
    say(f"report: {files.page}")
    if json_:
        print(json.dumps({"page": str(files.page), "files": [str(path) for path in files.all()]}))


def _study(runs: tuple[Path, ...], folder: Path, output: Path, task: str | None, as_json: bool) -> None:
    """The report of a study, which has a command of its own with more options."""
    from xtremor.cli.study import report as study_report
    from xtremor.errors import UserError

    if len(runs) > 1 or task is not None:
        what = "--task" if task is not None else "other runs"
        raise UserError(
            f"{folder} is a study folder, which is reported whole, without {what}: xtremor study report {folder}"
        )
    study_report(folder, output=output, json_=as_json)

"""``xtremor report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.console import say


def report(
    *runs: Annotated[Path, Parameter(help="Run folders, or folders that contain them.")],
    output: Annotated[Path, Parameter(alias="-o", help="Folder for the page, the charts and the table.")],
    task: Annotated[str | None, Parameter(help="Only the runs of this task, where the folders hold several.")] = None,
    json_: Annotated[
        bool, Parameter(name="--json", negative=(), help="Print the paths of what was written as JSON.")
    ] = False,
) -> None:
    """Make one self-contained page, PNG charts and a table from evaluated runs of one task."""
    from xtremor.errors import UserError
    from xtremor.report.page import build_report

    if not runs:
        raise UserError("name at least one run folder, for example: xtremor report runs --output report")
    files = build_report(runs, output, task)
    say(f"report: {files.page}")
    if json_:
        print(json.dumps({"page": str(files.page), "files": [str(path) for path in files.all()]}))

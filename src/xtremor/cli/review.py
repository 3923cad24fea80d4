"""``xtremor review`` and ``xtremor study review``; ``xtremor study claims``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.console import say

FOLDER = Annotated[Path, Parameter(help="Study folder; its study may be planned only, half finished or finished.")]
JSON = Annotated[bool, Parameter(name="--json", negative=(), help="Print it as JSON.")]


def review(study: FOLDER, /, *, json_: JSON = False) -> None:
    """Name what threatens the conclusions of a study: itemised, the nearest to its primary contrasts first."""
    import json
    from dataclasses import asdict

    from xtremor.study.files import StudyFolder
    from xtremor.study.review import threats
    from xtremor.study.review.text import text

    found = threats(StudyFolder(study))
    print(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2) if json_ else text(found))


def claims(
    study: FOLDER,
    /,
    *,
    ledger: Annotated[
        Path | None,
        Parameter(help="TOML file of claims (default: the study's own, and those that come with xtremor)."),
    ] = None,
    json_: JSON = False,
    output: Annotated[Path | None, Parameter(alias="-o", help="File to write instead of printing.")] = None,
) -> None:
    """Say what the runs of a study support, contradict or leave open of claims in a ledger."""
    from xtremor.errors import UserError
    from xtremor.paths import atomic_file
    from xtremor.study.claims import verdicts
    from xtremor.study.claims.text import as_json, text
    from xtremor.study.files import StudyFolder

    if output is not None and output.is_dir():
        raise UserError(f"--output {output} is a folder; name a file")
    found = verdicts(StudyFolder(study), ledger)
    told = as_json(found) if json_ else text(found)
    if output is None:
        print(told)
        return
    with atomic_file(output) as draft:
        draft.write_text(told + "\n", encoding="utf-8")
    say(f"{output}: {len(found)} verdicts")

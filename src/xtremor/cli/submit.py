"""``xtremor submit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.console import say, warn
from xtremor.errors import UserError
from xtremor.wording import number_of


def submit(
    *runs: Annotated[Path, Parameter(help="Run folders that were evaluated, each of another task.")],
    output: Annotated[Path, Parameter(alias="-o", help="Folder of the submission.")],
    partial: Annotated[bool, Parameter(negative=(), help="Take runs that lack languages or rows.")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print what was written as JSON.")] = False,
) -> None:
    """Write the predictions of evaluated runs in the official submission layout."""
    from xtremor.submission.write import write_submission

    if not runs:
        raise UserError("name at least one run folder, for example: xtremor submit runs/xnli --output submission")
    written = write_submission(runs, output, partial)
    for each in written:
        say(f"{each.task}: {number_of(len(each.languages), 'languages')} in {each.folder}")
        if each.missing:
            warn(f"{each.task} lacks {', '.join(each.missing)}; an official score needs every language")
        if each.limit:
            warn(
                f"{each.task} has only the first {number_of(each.limit, 'rows')} a language; no full gold file fits it"
            )
        if each.split != "test":
            warn(f"{each.task} holds predictions of the split {each.split}, in files that are called test-*")
    if json_:
        print(json.dumps([{**vars(each), "folder": str(each.folder)} for each in written], ensure_ascii=False))

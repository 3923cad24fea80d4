"""``xtremor score``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.errors import UserError


def score(
    predictions: Annotated[Path, Parameter(help="Folder of <task>/test-<language> files, or of one task alone.")],
    /,
    *,
    gold: Annotated[Path, Parameter(help="The evaluator's label files, or the folder of data files.")],
    tasks: Annotated[str | None, Parameter(help="Names between commas (default: every task that is there).")] = None,
    languages: Annotated[str | None, Parameter(help="Codes between commas (default: all that are there).")] = None,
    benchmark: Annotated[str, Parameter(help="xtreme-r or xtreme: which languages and tasks count.")] = "xtreme-r",
    split: Annotated[str | None, Parameter(help="Split of data files (default: the task's test).")] = None,
    replicates: Annotated[int, Parameter(help="Of the bootstrap; 0 leaves the intervals out.")] = 1000,
    seed: Annotated[int, Parameter(help="Of the bootstrap.")] = 0,
    strict: Annotated[bool, Parameter(negative=(), help="Refuse missing languages and missing ids.")] = False,
    output: Annotated[Path | None, Parameter(alias="-o", help="Write all figures, unrounded, to this file.")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print all figures as JSON.")] = False,
) -> None:
    """Score prediction files in the official submission layout."""
    from xtremor import machine
    from xtremor.console import say
    from xtremor.paths import atomic_file
    from xtremor.submission.score import ScoreSettings, score_submission
    from xtremor.submission.table import text

    settings = ScoreSettings(
        benchmark=benchmark,
        tasks=names_between_commas("--tasks", tasks),
        languages=names_between_commas("--languages", languages),
        split=split,
        replicates=replicates,
        seed=seed,
        strict=strict,
    )
    if output is not None and (output.is_dir() or output.parent.is_file()):
        raise UserError(f"--output {output} cannot be a file: it is a folder, or is inside of a file; name another")
    scores = score_submission(predictions, gold, settings)
    scores |= {"command": machine.command_line(), "created": machine.now(), "versions": machine.versions()}
    told = json.dumps(scores, ensure_ascii=False, indent=2, allow_nan=False)
    if output is not None:
        with atomic_file(output) as temporary:
            temporary.write_text(told + "\n", encoding="utf-8")
        say(f"scores: {output}")
    print(told if json_ else text(scores))


def names_between_commas(option: str, value: str | None) -> tuple[str, ...] | None:
    """The names between commas, or None for all."""
    if value is None:
        return None
    found = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not found:
        raise UserError(f"{option} names nothing; write names between commas, or leave it out for all")
    return found

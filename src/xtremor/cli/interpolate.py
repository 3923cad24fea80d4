"""``xtremor interpolate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.options import DATA_HELP, check_threads, open_recorded
from xtremor.console import say


def interpolate(
    run: Annotated[Path, Parameter(help="Run folder that `xtremor train` wrote, with its model.")],
    /,
    *,
    alpha: Annotated[float, Parameter(help="Share of the trained weights: 0 is the pretrained encoder, 1 the run's.")],
    output: Annotated[Path, Parameter(alias="-o", help="Run folder to write.")],
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None,
    encoder: Annotated[
        str | None,
        Parameter(help="Where the run's encoder is now, if it has been moved since."),
    ] = None,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the record as JSON.")] = False,
) -> None:
    """Move a run's encoder part of the way back to its pretrained weights."""
    from xtremor.training.controls import check_share
    from xtremor.training.folder import RunFolder
    from xtremor.training.interpolate import interpolate_run
    from xtremor.training.learning import dev_sentence

    check_share(alpha, "--alpha")
    check_threads(threads)
    card, source = open_recorded(
        RunFolder(run).read_record(), data, dict.fromkeys(("text", "text_pair", "label", "choices")), False
    )
    record = interpolate_run(run, alpha, card, source, output, threads, encoder)
    if record["english_dev"] is not None:
        say(dev_sentence(record["english_dev"]))
    say(f"next: xtremor evaluate {output}{f' --data {data}' if data else ''}")
    if json_:
        print(json.dumps(record, ensure_ascii=False, indent=2))

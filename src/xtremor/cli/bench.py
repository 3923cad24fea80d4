"""``xtremor bench``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.options import check_threads
from xtremor.cli.tables import print_table
from xtremor.console import say

QUICK_ROWS, QUICK_SCORED, QUICK_ROUNDS = 8, 2, 2


def bench(
    *,
    encoder: Annotated[str, Parameter(help="As of `train`.")] = "starter",
    shape: Annotated[
        str | None, Parameter(help="xlm-r-base or xlm-r-large: random weights in that shape, nothing is downloaded.")
    ] = None,
    data: Annotated[
        Path | None, Parameter(help="Folder with xnli/, for rows as they are; else lengths like XNLI's are drawn.")
    ] = None,
    rows: Annotated[int, Parameter(help="Rows in a training batch; methods are compared on half as many.")] = 32,
    scored: Annotated[int, Parameter(help="Rows scored of each of 15 languages.")] = 12,
    rounds: Annotated[int, Parameter(help="Turns of every contestant that count.")] = 4,
    only: Annotated[
        str | None,
        Parameter(help="Parts between commas: training, methods, tables, memory, scoring, start (default: all)."),
    ] = None,
    precision: Annotated[str, Parameter(help="fp32 or bf16.")] = "fp32",
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    quick: Annotated[bool, Parameter(negative=(), help="A look of about a minute: fewer rows, rounds and parts.")] = (
        False
    ),
    output: Annotated[Path | None, Parameter(alias="-o", help="Folder for NAME.json and its chart NAME.png.")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print what the file holds.")] = False,
) -> None:
    """Measure what training and scoring cost here."""
    check_threads(threads)
    from xtremor.benchmark.figures import file_name, written
    from xtremor.benchmark.run import PARTS, QUICK, Bench, run_bench, told

    parts = tuple(name.strip() for name in only.split(",")) if only else QUICK if quick else PARTS
    if quick:
        rows, scored, rounds = min(rows, QUICK_ROWS), min(scored, QUICK_SCORED), min(rounds, QUICK_ROUNDS)
    asked = Bench(encoder, shape, data, rows, scored, rounds, parts, precision, threads, quick)
    found = run_bench(asked, output)
    if json_:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        attainable = found["attainable_operations_per_second"]
        say(f"matrix products: {attainable['median'] / 1e9:,.0f} billion operations/s attainable")
        print_table(list(told(found, written)))
    if output is not None:
        say(f"written: {output / file_name(found)}.json and .png")

"""``xtremor expect``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from xtremor.cli.options import CONFIG, DATA_HELP, ConfigOptions, ScoringOptions, check_threads
from xtremor.cli.tables import print_table
from xtremor.console import say
from xtremor.errors import UserError

TEXT = Group("Text without labels", sort_key=3)
ESTIMATES = Group("Estimates", sort_key=4)
SCORING = ScoringOptions()
SHOWN = {
    "atc-confidence": "ATC",
    "average-confidence": "mean confidence",
    "displacement-line": "displacement line",
    "atc-line": "ATC line",
    "english-dev": "English dev",
    "other-languages": "other languages",
}


def expect(
    run: Annotated[Path, Parameter(help="Run folder that `xtremor train` wrote.")],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Folder to write.")],
    task: Annotated[str | None, Parameter(help="Another task of the same kind (default: the run's).")] = None,
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None,
    dev: Annotated[
        Path | None,
        Parameter(
            help="Of your own task: the English dev file, or the training file that dev rows were set aside from."
        ),
    ] = None,
    unlabelled: Annotated[
        str | None,
        Parameter(
            group=TEXT,
            help="A folder of files such as sw.txt, or files between commas (tr=news.csv): .txt of one text a line or "
            "tables; of a tagger .txt sentences or CoNLL.",
        ),
    ] = None,
    unlabelled_text: Annotated[
        str | None, Parameter(group=TEXT, help="Text column of the files (default: that of training, or inferred).")
    ] = None,
    unlabelled_text_pair: Annotated[
        str | None, Parameter(group=TEXT, help="Second text column, where rows are pairs.")
    ] = None,
    displacement: Annotated[
        Path | None,
        Parameter(group=ESTIMATES, help="Folder that `xtremor align` wrote for the run: a line through the languages."),
    ] = None,
    layer: Annotated[int | None, Parameter(group=ESTIMATES, help="Of the displacement (default: the last).")] = None,
    scale_temperature: Annotated[
        bool, Parameter(group=ESTIMATES, negative=(), help="Divide logits by the temperature that fits English dev.")
    ] = False,
    replicates: Annotated[int, Parameter(group=ESTIMATES, help="Of the bootstrap.")] = 1000,
    level: Annotated[float, Parameter(group=ESTIMATES, help="Of the intervals.")] = 0.95,
    seed: Annotated[int, Parameter(group=ESTIMATES, help="Of the bootstrap.")] = 0,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.")] = False,
    scoring: ScoringOptions = SCORING,
    config: ConfigOptions = CONFIG,
) -> None:
    """Estimate a run's accuracy in languages without labels, and check the estimates where there are some."""
    from dataclasses import replace

    from xtremor.analysis.confidence import check_category
    from xtremor.analysis.expect import RESULT, ExpectSettings, displacement_of
    from xtremor.analysis.expect import expect as estimated
    from xtremor.analysis.expected_rows import gather, open_rows
    from xtremor.evaluation.apart import check_task
    from xtremor.evaluation.selection import EvaluationSettings
    from xtremor.sources.unlabelled import UnlabelledSettings
    from xtremor.training.folder import RunFolder
    from xtremor.training.joint import refuse_several

    check_threads(threads)
    if layer is not None and displacement is None:
        raise UserError("--layer is about --displacement; name that, or leave it out")
    if unlabelled is None and (unlabelled_text is not None or unlabelled_text_pair is not None):
        raise UserError("--unlabelled-text is about files; name them with --unlabelled, or leave it out")
    record = RunFolder(run).read_record()
    refuse_several(record, run)
    settings = ExpectSettings(replicates, seed, level, scale_temperature, record["training"]["max_length"])
    figures, facts = (None, None) if displacement is None else displacement_of(displacement, run, layer)
    card, source = open_rows(record, data, task, dev)
    check_task(run, record, card, output)
    check_category(card)
    text = None
    if unlabelled is not None:
        text = UnlabelledSettings(1, unlabelled, text=unlabelled_text, text_pair=unlabelled_text_pair)
    scored = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit)
    rows = replace(gather(card, source, scored, text, record.get("texts")), displacement=figures, displaced=facts)
    result = estimated(run, source, card, rows, settings, output, threads)
    if json_:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _print(result)
    say(f"written: {output / RESULT}")


def _print(result: dict[str, Any]) -> None:
    """Languages with their estimates, then how right each method was where there are labels."""
    of = ["accuracy"] if result["metric"] == "accuracy" else ["accuracy", "score"]
    dev = result["english_dev"]
    say(f"estimated is the {result['quantity']}; English dev: {dev['accuracy']:.1f} ({dev['items']:,} items)")
    for truth in of:
        print_table([_row(code, cell, truth) for code, cell in result["languages"].items()])
        print()
        checks = [_check(each) for each in result["checks"] if each["of"] == truth and each["languages"]]
        print_table(checks or [_none()])
        if truth != of[-1]:
            print()
    say(f"intervals are {result['intervals']}")
    for note in result["notes"]:
        say(f"note: {note}")


def _row(code: str, cell: dict[str, Any], of: str) -> dict[str, Any]:
    known = cell[of]
    row: dict[str, Any] = {"language": code, "items": cell["items"]}
    row[f"true {of}"] = "" if known is None else f"{known:.1f}"
    for name, title in SHOWN.items():
        if of == "score" and name in ("atc-confidence", "average-confidence"):
            continue
        row[title] = _cell(cell["estimates"].get(f"{name} of {of}"))
    return row


def _cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    if found["low"] is None:
        return f"{found['estimate']:.1f}"
    return f"{found['estimate']:.1f} ({found['low']:.1f} to {found['high']:.1f})"


def _check(each: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": each["method"],
        "languages": each["languages"],
        "mean absolute error": f"{each['mae']:.2f}",
        "mean error": f"{each['bias']:+.2f}",
        "truth in interval": "" if each["coverage"] is None else f"{each['coverage']:.0f}%",
    }


def _none() -> dict[str, Any]:
    columns: Sequence[str] = ("method", "languages", "mean absolute error", "mean error", "truth in interval")
    return {**dict.fromkeys(columns, ""), "method": "no language with labels: nothing could be checked"}

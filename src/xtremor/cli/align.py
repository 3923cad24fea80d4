"""``xtremor align``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from xtremor.cli.options import ScoringOptions, check_threads
from xtremor.cli.tables import print_table
from xtremor.console import say
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.analysis.align import Data

ROWS = Group("Parallel rows", sort_key=3)
VECTORS = Group("Vectors", sort_key=4)
RADII = Group("Stability", sort_key=5)
SCORING = ScoringOptions()


def align(
    *subjects: Annotated[
        str, Parameter(help="Encoders and run folders, the one before robust training first (default: starter).")
    ],
    output: Annotated[Path, Parameter(alias="-o", help="Folder to write.")],
    task: Annotated[
        str | None, Parameter(group=ROWS, help="Task with parallel rows: tatoeba, xnli, pawsx, xquad or mlqa.")
    ] = None,
    data: Annotated[Path | None, Parameter(group=ROWS, help="Folder of its files in the official layout.")] = None,
    pairs: Annotated[
        str | None,
        Parameter(
            group=ROWS,
            help="Your own rows instead: files of an English text and its translation with a tab between, named by "
            "language (sw.tsv, or sw=file between commas), or a folder of such.",
        ),
    ] = None,
    english: Annotated[
        Path | None,
        Parameter(group=ROWS, help="English texts, one a line; the files of --pairs then hold translations alone."),
    ] = None,
    candidates: Annotated[int, Parameter(group=VECTORS, help="Rows that retrieval is tried on, at most.")] = 1000,
    pooling: Annotated[str | None, Parameter(group=VECTORS, help="mean or cls (default: mean).")] = None,
    prefix: Annotated[
        str | None, Parameter(group=VECTORS, help="Text before every input (default: the encoder's for single texts).")
    ] = None,
    max_length: Annotated[int | None, Parameter(group=VECTORS, help="Longest input in tokens.")] = None,
    no_stability: Annotated[
        bool, Parameter(group=RADII, negative=(), help="Measure displacement alone, also of runs.")
    ] = False,
    stability_layers: Annotated[
        str | None,
        Parameter(
            group=RADII, help="Layers whose tokens are shifted, between commas (default: 0, the middle, the last)."
        ),
    ] = None,
    precision: Annotated[str, Parameter(group=RADII, help="Of the passes that look for radii: fp32 or bf16.")] = "fp32",
    seed: Annotated[int, Parameter(help="Of the unrelated rows and of random directions.")] = 0,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.")] = False,
    scoring: ScoringOptions = SCORING,
) -> None:
    """Measure how far translations lie, and how much of that a trained model bears."""
    check_threads(threads)
    layers = _layers(stability_layers)
    rows = _data(task, data, pairs, english, scoring)
    from xtremor.analysis.align import AlignSettings
    from xtremor.analysis.align import align as measure
    from xtremor.analysis.subjects import subjects as named
    from xtremor.report.analysis.align import write_page

    length = max_length or (128 if rows.task is None else rows.task.defaults.max_length)
    settings = AlignSettings(seed, candidates, pooling, prefix, length, not no_stability, layers, precision)
    result = measure(named(subjects or ("starter",)), rows, settings, output, threads)
    written = write_page(result, output)
    if json_:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print_table(_rows(result))
        if result["stability"]:
            print()
            print_table(_stability_rows(result))
    say(f"written: {', '.join(str(path) for path in written)}")


def _layers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() for word in words):
        raise UserError(
            f"--stability-layers {text}: write numbers from 0, the embeddings, between commas, such as 0,6,12"
        )
    return tuple(sorted({int(word) for word in words}))


def _data(
    task: str | None, data: Path | None, pairs: str | None, english: Path | None, scoring: ScoringOptions
) -> Data:
    """The rows that a user named."""
    from xtremor.analysis.align import Data
    from xtremor.analysis.parallel import from_files, from_task
    from xtremor.sources import open_source
    from xtremor.tasks.cards import card

    if (task is None) == (pairs is None):
        raise UserError("name parallel rows: --task TASK --data DIR (tatoeba, xnli, xquad ...), or --pairs FILES")
    if scoring.limit is not None and scoring.limit < 2:
        raise UserError(f"--limit must be at least 2, not {scoring.limit}: a row is compared with an unrelated one")
    wanted = scoring.codes()
    if pairs is not None:
        if data is not None or scoring.split is not None:
            raise UserError("--data and --split are about a task; leave them out with --pairs")
        found = from_files(pairs, english)
        lacking = [code for code in wanted or () if code not in [each.language for each in found]]
        if lacking:
            raise UserError(f"--languages: --pairs names no file of {', '.join(lacking)}")
        chosen = [each for each in found if wanted is None or each.language in wanted]
        return Data([each.first(scoring.limit) for each in chosen])
    if english is not None:
        raise UserError("--english goes with --pairs; a task has its English rows itself")
    assert task is not None
    known = card(task)
    source = open_source(known, data)
    split = scoring.split or known.splits[0]
    rows, notes = from_task(known, source, split, wanted)
    record = source.record()
    return Data([each.first(scoring.limit) for each in rows], known, split, (*notes, *record.notes), asdict(record))


def _rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The last layer of every language, and the one at which translations lie nearest."""
    from xtremor.report.analysis.align import figure

    found = []
    for subject in result["subjects"]:
        for language in result["languages"]:
            cells = [each for each in result["layers"] if (each["subject"], each["language"]) == (subject, language)]
            best = min(cells, key=lambda each: each["relative"])
            last = cells[-1]
            found.append(
                {
                    "subject": subject,
                    "language": language,
                    "rows": last["rows"],
                    "layer": last["layer"],
                    "relative distance": f"{last['relative']:.3f}",
                    "SE": figure(last["relative_se"], 3),
                    "to English": f"{last['to_english']:.1f}",
                    "from English": f"{last['from_english']:.1f}",
                    "CKA": figure(last["cka"], 2),
                    "anisotropy": f"{last['anisotropy']:.2f}",
                    "nearest layer": f"{best['layer']} ({best['relative']:.3f})",
                }
            )
    return found


def _stability_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    from xtremor.report.analysis.align import figure, interval

    return [
        {
            "run": cell["subject"],
            "language": cell["language"],
            "layer": cell["layer"],
            "displacement": f"{cell['displacement']:.3f}",
            "attack radius": figure(cell["radius_attack"], 3),
            "coverage": interval(cell, "coverage"),
            "kept": f"{cell['kept']:.1f}",
            "coverage is right": f"{cell['coverage_right']:.1f}",
            "guess": f"{cell['guess']:.1f}",
            "phi": figure(cell["phi"], 2),
            "accuracy": figure(cell["accuracy"], 1),
        }
        for cell in [*result["stability"], *result["pooled"]]
    ]

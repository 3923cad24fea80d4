"""``xtremor evaluate`` and ``xtremor baseline``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from xtremor.cli.alignment import AlignmentOptions, ParallelOptions
from xtremor.cli.options import (
    CONFIG,
    DATA_HELP,
    GENERALIZED_HELP,
    ConfigOptions,
    ScoringOptions,
    TaskOptions,
    check_threads,
    open_recorded,
)
from xtremor.cli.retrieval import RETRIEVAL, PoolingOptions
from xtremor.errors import UserError
from xtremor.wording import number_of

DEFAULTS = (TaskOptions(), ScoringOptions(), PoolingOptions())
ROTATION = (AlignmentOptions(), ParallelOptions())


def evaluate(
    run: Annotated[Path, Parameter(help="Run folder that `xtremor train` wrote.")],
    /,
    *,
    task: Annotated[
        str | None, Parameter(help="Another task of the same kind, with --output (default: the run's).")
    ] = None,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Folder for the scores (default: the run folder itself).")
    ] = None,
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None,
    text: Annotated[str | None, Parameter(help="Text column of your own files, where not as in training.")] = None,
    text_pair: Annotated[str | None, Parameter(help="Second text column, where not as in training.")] = None,
    label: Annotated[str | None, Parameter(help="Label column, where not as in training.")] = None,
    choices: Annotated[str | None, Parameter(help="Columns of multiple choice, where not as in training.")] = None,
    generalized: Annotated[bool, Parameter(negative=(), help=GENERALIZED_HELP)] = False,
    upstream_question: Annotated[
        bool, Parameter(negative=(), help="xcopa: keep the field `question` as published, wrong in part of the rows.")
    ] = False,
    checkpoint: Annotated[
        str,
        Parameter(
            help="Weights: last, average-K, best-dev (English) or oracle (an upper bound), of a run with --snapshots.",
        ),
    ] = "last",
    precision: Annotated[str, Parameter(help="fp32 or bf16.")] = "fp32",
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the scores as JSON.")] = False,
    scoring: ScoringOptions = DEFAULTS[1],
    alignment: AlignmentOptions = ROTATION[0],
    parallel: ParallelOptions = ROTATION[1],
    config: ConfigOptions = CONFIG,
) -> None:
    """Score a trained run in every language of its task, zero-shot."""
    from xtremor.evaluation.evaluate import evaluate_run
    from xtremor.evaluation.rules import parse_rule
    from xtremor.evaluation.selection import EvaluationSettings
    from xtremor.training.folder import RunFolder
    from xtremor.training.joint import refuse_several

    check_threads(threads)
    rule = parse_rule(checkpoint)
    record = RunFolder(run).read_record()
    refuse_several(record, run)
    columns = {"text": text, "text_pair": text_pair, "label": label, "choices": choices}
    card, source = open_recorded(record, data, columns, generalized, task, upstream_question)
    length = record["training"]["max_length"]
    settings = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit, length, precision=precision)
    rotation = alignment.settings(parallel, card, source, (scoring.split, scoring.codes()), data, output)
    _print(evaluate_run(run, source, card, settings, threads, output, rotation, rule), json_)


def baseline(
    *,
    output: Annotated[Path, Parameter(alias="-o", help="Folder for the baseline's scores.")],
    encoder: Annotated[
        str, Parameter(help="Hub name, local folder, or `starter`; in retrieval also a run folder.")
    ] = "starter",
    train_rows: Annotated[
        int | None, Parameter(help="English rows that the centroids are made of (default: all).")
    ] = None,
    layer: Annotated[
        str | None,
        Parameter(
            group=RETRIEVAL,
            help="0 (embeddings) to N, or best: chosen on English training pairs (default: the last; for mBERT and "
            "XLM-R Large on Tatoeba and BUCC that of the benchmark's scripts).",
        ),
    ] = None,
    max_length: Annotated[int | None, Parameter(help="Longest input in tokens.")] = None,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
    json_: Annotated[bool, Parameter(name="--json", negative=(), help="Print the scores as JSON.")] = False,
    task: TaskOptions = DEFAULTS[0],
    scoring: ScoringOptions = DEFAULTS[1],
    vectors: PoolingOptions = DEFAULTS[2],
    alignment: AlignmentOptions = ROTATION[0],
    parallel: ParallelOptions = ROTATION[1],
) -> None:
    """Score the frozen encoder: by the nearest English centroid of a class, or in retrieval by ranking candidates."""
    from xtremor.evaluation.centroid import run_baseline
    from xtremor.evaluation.selection import EvaluationSettings

    check_threads(threads)
    card, source = task.open()
    vectors.check(card, layer=layer)
    length = card.defaults.max_length if max_length is None else max_length
    rows = card.defaults.train_rows if train_rows is None else train_rows
    settings = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit, length)
    rotation = alignment.settings(parallel, card, source, (scoring.split, scoring.codes()), task.data, output)
    if rotation is not None and card.category != "retrieval":
        raise UserError(f"--align: centroids of {card.name} are of the encoder as it is; train a run and evaluate that")
    if card.category == "retrieval":
        from xtremor.evaluation.frozen import FrozenOptions, run_frozen

        if train_rows is not None:
            raise UserError(f"--train-rows is about centroids of classes, and {card.name} is retrieval; leave it out")
        options = FrozenOptions(layer, vectors.pooling, vectors.prefix_query, vectors.prefix_passage)
        _print(run_frozen(encoder, card, source, output, options, settings, threads, rotation), json_)
        return
    _print(run_baseline(encoder, card, source, output, rows, settings, threads), json_)


def _print(scores: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(scores, ensure_ascii=False, indent=2))
        return
    for language, cell in scores["languages"].items():
        own = scores.get("calibration", {}).get(language)
        said = f", ECE {own['ece']:.1f}" if own else ""
        print(f"{language:8} {cell['score']:6.2f}  ({number_of(cell['items'], 'items')}{said})")

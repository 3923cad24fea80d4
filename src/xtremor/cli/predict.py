"""``xtremor predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from xtremor.cli.options import check_threads, column_names


def predict(
    run: Annotated[Path, Parameter(help="Run folder, its `model`, or a Hugging Face folder of a task model.")],
    file: Annotated[
        str,
        Parameter(
            help="What to label: a table, CoNLL or .txt sentences for a tagger, SQuAD .json; `-` is a table on stdin.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            alias="-o",
            allow_leading_hyphen=True,
            help=".csv, .tsv, .jsonl or .parquet; .conll of a tagger, .json of answers (default: standard output).",
        ),
    ] = None,
    text: Annotated[str | None, Parameter(help="Text column (default: that of training, or inferred).")] = None,
    text_pair: Annotated[str | None, Parameter(help="Second text column, for a model of pairs.")] = None,
    choices: Annotated[
        str | None, Parameter(help="Columns of multiple choice, between commas (default: those of training).")
    ] = None,
    batch_size: Annotated[
        int | None, Parameter(help="Rows in a classifier's forward pass (default: as many as fit 2,048 tokens).")
    ] = None,
    max_length: Annotated[int | None, Parameter(help="Longest input in tokens (default: that of training).")] = None,
    probabilities: Annotated[bool, Parameter(negative=(), help="Add the probability of every class.")] = False,
    threads: Annotated[int | None, Parameter(help="Threads on the CPU (default: all cores).")] = None,
) -> None:
    """Label the rows of a file with a trained model."""
    check_threads(threads)
    from xtremor import computing
    from xtremor.evaluation.labelling import LabelSettings, label_file

    settings = LabelSettings(text, text_pair, column_names(choices), batch_size, max_length, probabilities)
    computing.prepare(threads)
    label_file(run, file, output, settings)

"""Predictions on disk: one row an item, so that scores and intervals can be recomputed without a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.paths import atomic_file
from xtremor.tasks.base import Example, TextExample

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
METADATA_KEY = "xtremor"


def schema() -> dict[str, Any]:
    """Columns of a predictions table and their types, in order.

    (task, file, row) is the item's identity, ``cluster`` what a bootstrap resamples, ``logits`` one number a
    class in the order of the ``labels`` that the metadata names; empty where an answer is not one of a few classes.
    ``gold`` and ``predicted`` are answers as text: a class; the tags of a sentence with spaces between them; the
    number of a choice; for questions, the predicted text and the gold answers as a JSON list. In retrieval: the number
    of a line (Tatoeba); JSON lists of ids, best first (LAReQA, Mewsli-X) or of pairs, a tab between their ids (BUCC).
    """
    import polars as pl

    names = ("task", "file", "row", "cluster", "language", "gold", "predicted")
    kinds: dict[str, Any] = dict.fromkeys(names, pl.String())
    return {**kinds, "row": pl.Int64(), "logits": pl.List(pl.Float32())}


def predictions_table(examples: Sequence[TextExample], logits: Any, labels: Sequence[str]) -> pl.DataFrame:
    """Build the table from examples and their logits.

    Args:
        examples: the scored items.
        logits: array of items x classes, anything that numpy takes; the highest wins, on a tie the first.
        labels: class names in the order of the columns of ``logits``.

    Raises:
        UserError: a logit is not finite, so that nothing was predicted.
        ValueError: the shapes do not fit.
    """
    import numpy as np

    scores = np.asarray(logits, dtype=np.float32)
    if not examples and scores.size == 0:
        scores = scores.reshape(0, len(labels))
    if scores.shape != (len(examples), len(labels)):
        raise ValueError(f"{len(examples)} examples and {len(labels)} labels, but logits of {scores.shape}")
    check_finite(examples, np.isfinite(scores).all(axis=1))
    predicted = [labels[index] for index in scores.argmax(axis=1)]
    return answers_table(examples, [item.label for item in examples], predicted, list(scores))


def answers_table(
    examples: Sequence[Example],
    gold: Sequence[str | None],
    predicted: Sequence[str],
    logits: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """Build the table from examples and their answers as text (see `schema`); without ``logits`` they are empty."""
    import polars as pl

    columns = {
        name: [getattr(item, name) for item in examples] for name in ("task", "file", "row", "cluster", "language")
    }
    columns["gold"], columns["predicted"] = list(gold), list(predicted)
    columns["logits"] = [[] for _ in examples] if logits is None else list(logits)
    return pl.DataFrame(columns, schema=schema())


def check_finite(examples: Sequence[Example], finite: Any) -> None:
    """Raise UserError where a logit of an item is not finite, so that nothing was predicted.

    Args:
        examples: N items.
        finite: (N,) bool.
    """
    import numpy as np

    broken = np.flatnonzero(~np.asarray(finite))
    if broken.size:
        item = examples[int(broken[0])]
        raise UserError(
            f"the model gives logits that are not finite for {broken.size:,} of {len(examples):,} rows "
            f"(first: {item.file}, line {item.row + 1}): it diverged, train again with a lower learning rate"
        )


def _texts(answers: str) -> tuple[str, ...]:
    return tuple(json.loads(answers))


# Metric -> how answers as text become what its scorer takes: (gold, predicted). Others take the text.
_DECODERS: dict[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
    "chunk_f1": (str.split, str.split),
    "pos_f1": (str.split, str.split),
    "token_accuracy": (str.split, str.split),
    "squad": (_texts, str),
    "squad2": (_texts, str),
    "mlqa": (_texts, str),
    "map@20": (_texts, _texts),
    "mrr@20": (_texts, _texts),
    "bucc_f1": (_texts, _texts),
}


def decoders(metric: str) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    """What turns gold and predicted answers as text into what the metric's scorer takes."""
    return _DECODERS.get(metric, (str, str))


def decoded(table: pl.DataFrame, metric: str) -> tuple[list[Any], list[Any]]:
    """Gold and predicted answers of a table as the metric's scorer takes them."""
    gold, predicted = decoders(metric)
    return [gold(text) for text in table["gold"]], [predicted(text) for text in table["predicted"]]


def write_predictions(path: Path, table: pl.DataFrame, metadata: Mapping[str, Any]) -> None:
    """Write the table and what produced it (command, versions, seed, task, split) to one Parquet file.

    The metadata goes as JSON into the file's own key-value metadata under ``xtremor``, so it cannot part from
    the rows. The file appears whole or not at all.

    Raises:
        UserError: the place cannot be written.
        ValueError: the table has other columns, or the metadata is no JSON.
    """
    _check_columns(table.schema)
    with atomic_file(path) as temporary:
        table.write_parquet(temporary, metadata=_told(metadata))


def write_lazily(path: Path, table: pl.LazyFrame, metadata: Mapping[str, Any]) -> None:
    """As `write_predictions`, without having the whole table in memory."""
    _check_columns(table.collect_schema())
    with atomic_file(path) as temporary:
        table.sink_parquet(temporary, metadata=_told(metadata))


def _check_columns(found: Mapping[str, Any]) -> None:
    if list(found.items()) != list(schema().items()):
        raise ValueError(f"a predictions table has the columns {schema()}, not {dict(found)}")


def _told(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {METADATA_KEY: json.dumps({"format": FORMAT, **metadata}, ensure_ascii=False, allow_nan=False)}


def read_predictions(path: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Read back (table, metadata) as written by write_predictions.

    Raises:
        UserError: the file is missing, unreadable, damaged, or was not written by xtremor.
    """
    import polars as pl

    path = Path(path)
    if not path.is_file():
        raise UserError(f"cannot read {path}: there is no such file; expected predictions in Parquet")
    try:
        metadata = pl.read_parquet_metadata(path).get(METADATA_KEY)
        # glob=False: a name with brackets is a name, not a pattern.
        table = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UserError(f"cannot read {path} as Parquet; it is damaged or another kind of file") from error
    told = _parsed(metadata)
    if told is None or told.pop("format", None) != FORMAT:
        raise UserError(f"{path} was not written by this version of xtremor; evaluate the run again")
    wrong = [name for name, kind in schema().items() if table.schema.get(name) != kind]
    if wrong or table.columns != list(schema()):
        raise UserError(
            f"{path} has not the columns of predictions ({', '.join(wrong) or 'their order differs'}); "
            "evaluate the run again"
        )
    return table, told


def _parsed(metadata: str | None) -> dict[str, Any] | None:
    try:
        told = json.loads(metadata or "null")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None

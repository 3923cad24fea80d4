"""Predictions on disk: one row an item, so that scores and intervals can be recomputed without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.paths import atomic_file
from xtremor.tasks.base import TextExample

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
METADATA_KEY = "xtremor"


def schema() -> dict[str, Any]:
    """Columns of a predictions table and their types, in order.

    (task, file, row) is the item's identity, ``cluster`` what a bootstrap resamples, ``logits`` one number a
    class in the order of the ``labels`` that the metadata names.
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
    import polars as pl

    scores = np.asarray(logits, dtype=np.float32)
    if not examples and scores.size == 0:
        scores = scores.reshape(0, len(labels))
    if scores.shape != (len(examples), len(labels)):
        raise ValueError(f"{len(examples)} examples and {len(labels)} labels, but logits of {scores.shape}")
    broken = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if broken.size:
        item = examples[int(broken[0])]
        raise UserError(
            f"the model gives logits that are not finite for {broken.size:,} of {len(examples):,} rows "
            f"(first: {item.file}, line {item.row + 1}): it diverged, train again with a lower learning rate"
        )
    columns = {
        name: [getattr(item, name) for item in examples] for name in ("task", "file", "row", "cluster", "language")
    }
    columns["gold"] = [item.label for item in examples]
    columns["predicted"] = [labels[index] for index in scores.argmax(axis=1)]
    columns["logits"] = list(scores)
    return pl.DataFrame(columns, schema=schema())


def write_predictions(path: Path, table: pl.DataFrame, metadata: Mapping[str, Any]) -> None:
    """Write the table and what produced it (command, versions, seed, task, split) to one Parquet file.

    The metadata goes as JSON into the file's own key-value metadata under ``xtremor``, so it cannot part from
    the rows. The file appears whole or not at all.

    Raises:
        UserError: the place cannot be written.
        ValueError: the table has other columns, or the metadata is no JSON.
    """
    if dict(table.schema) != schema() or table.columns != list(schema()):
        raise ValueError(f"a predictions table has the columns {schema()}, not {dict(table.schema)}")
    text = json.dumps({"format": FORMAT, **metadata}, ensure_ascii=False, allow_nan=False)
    with atomic_file(path) as temporary:
        table.write_parquet(temporary, metadata={METADATA_KEY: text})


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

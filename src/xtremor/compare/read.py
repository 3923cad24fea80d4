"""A score table from a file: CSV, TSV, JSON lines or Parquet; one row a score, or one column a language."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xtremor.compare.columns import Columns, infer
from xtremor.compare.table import ONE, Row, ScoreTable, Target
from xtremor.console import say
from xtremor.errors import UserError
from xtremor.sources.own.table import Table, place
from xtremor.sources.own.tables import open_table

_MISSING = ("", "-", "--", "na", "n/a", "nan", "none", "null")


def read_table(path: Path, given: Mapping[str, str] | None = None, languages: Sequence[str] = ()) -> ScoreTable:
    """Read a table and say which column was taken for what.

    Args:
        path: .csv, .tsv, .jsonl or .parquet.
        given: role (``system``, ``task``, ``language``, ``seed``, ``nested``, ``score``) -> column.
        languages: columns that are languages, in a wide table.

    Raises:
        UserError: columns that cannot be told, a score that is no number, or what `ScoreTable.of` refuses.
    """
    table = open_table(path)
    if table.kind == "txt":
        raise UserError(f"{path} is plain text; expected a table (.csv, .tsv, .jsonl, .parquet)")
    columns = infer(str(path), table.columns, dict(given or {}), languages)
    say(columns.sentence())
    return ScoreTable.of(_rows(table, columns), seeded=columns.seed is not None)


def _rows(table: Table, columns: Columns) -> Iterator[Row]:
    for number, values in table.rows():
        where = place(table, number)
        system = _text(values, columns.system, where)
        task = _text(values, columns.task, where) if columns.task else ONE
        seed = _text(values, columns.seed, where) if columns.seed else "1"
        nested = _text(values, columns.nested, where) if columns.nested else ""
        labelled = _truth(values, columns.labelled, where) if columns.labelled else False
        cells = (
            [(code, code) for code in columns.wide]
            if columns.wide
            else [(_text(values, columns.language, where) if columns.language else ONE, str(columns.score))]
        )
        for language, column in cells:
            score = _score(values, column, where)
            if score is not None:
                yield Row(system, Target(task, language), seed, score, nested, where, labelled)


def _text(values: Mapping[str, Any], column: str | None, where: str) -> str:
    value = values.get(column or "")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    if not text:
        raise UserError(f"{where}: the column '{column}' is empty; expected a value in every row")
    return text


def _truth(values: Mapping[str, Any], column: str, where: str) -> bool:
    """Yes or no; an empty cell is no."""
    text = str(values.get(column) if values.get(column) is not None else "").strip().lower()
    if text in ("true", "yes", "1", "1.0"):
        return True
    if text in ("", "false", "no", "0", "0.0"):
        return False
    raise UserError(f"{where}: '{text[:40]}' in column '{column}' is neither true nor false")


def _score(values: Mapping[str, Any], column: str, where: str) -> float | None:
    """The score of a row; None where it is missing."""
    value = values.get(column)
    text = "" if value is None else str(value).strip()
    if text.lower() in _MISSING:
        return None
    percent = text.endswith("%")
    try:
        found = float(text.removesuffix("%"))
    except ValueError:
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        comma = "; write a decimal point, not a comma" if "," in text and not percent else "; repair or remove it"
        raise UserError(f"{where}: the score '{text[:40]}' in column '{column}' is no number{comma}")
    return found

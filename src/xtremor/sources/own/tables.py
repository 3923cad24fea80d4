"""Open a user's table by its suffix."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.own.delimited import PLAIN_COLUMN, Delimited, Plain
from xtremor.sources.own.infer import text_columns
from xtremor.sources.own.jsonl import JsonLines
from xtremor.sources.own.parquet import Parquet
from xtremor.sources.own.table import Table

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "txt",
}
# Kinds that can hold a label beside the text.
LABELLED = ("csv", "tsv", "jsonl", "parquet")
STANDARD_INPUT = "-"
# Rows that the text column is inferred from.
LOOK = 200
_ADVICE = {".xlsx": "save the sheet as .csv", ".xls": "save the sheet as .csv", ".gz": "unpack it first"}


def open_table(path: Path | str, name: str | None = None) -> Table:
    """Open a table and read the names of its columns; ``-`` is JSON lines on standard input.

    Args:
        path: the file.
        name: what messages call it; the path by default.

    Raises:
        UserError: no such file, an unknown suffix, no usable header.
    """
    if str(path) == STANDARD_INPUT:
        return JsonLines(None)
    path = Path(path)
    name = name or str(path)
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{name} {state}; name a file (.csv, .tsv, .jsonl, .parquet)")
    kind = kind_of(path)
    if kind is None:
        advice = _ADVICE.get(path.suffix.lower(), "save it as one of these")
        raise UserError(f"{name}: its suffix '{path.suffix}' is none of {', '.join(SUFFIXES)}; {advice}")
    if kind == "parquet":
        return Parquet(path, name)
    if kind == "jsonl":
        return JsonLines(path, name)
    if kind == "txt":
        return Plain(path, name)
    return Delimited(path, name, quoted=kind == "csv")


def kind_of(path: Path) -> str | None:
    """``csv``, ``tsv``, ``jsonl``, ``parquet`` or ``txt`` by the suffix; None for any other."""
    return SUFFIXES.get(path.suffix.lower())


def text_column(table: Table, besides: str | None = None, option: str = "--text") -> str:
    """The column that holds the text: ``text``, or the one that reads so; ``besides`` is another one's.

    Raises:
        UserError: none or several could be meant, so that ``option`` must name it.
    """
    columns = [column for column in table.columns if column != besides]
    if PLAIN_COLUMN in columns:
        return PLAIN_COLUMN
    if len(columns) > 1 and table.name != "standard input":
        rows = [row for _, row in islice(table.rows(), LOOK)]
        found = text_columns({column: [row.get(column) for row in rows] for column in columns}, columns)
        columns = found or columns
    if len(columns) == 1:
        return columns[0]
    raise UserError(f"{table.name}: name the text column with {option} (it could be {', '.join(columns)})")

"""Where labelled rows go: CSV, TSV, JSON lines or Parquet, whole or not at all; or JSON lines on standard output."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from xtremor.errors import UserError
from xtremor.paths import atomic_file, explained
from xtremor.sources.own.parquet import Parquet
from xtremor.sources.own.table import Table
from xtremor.sources.own.tables import LABELLED, SUFFIXES, kind_of

if TYPE_CHECKING:
    import polars as pl

# A part of a Parquet output, in memory.
PART_BYTES = 8 * 2**20

Rows = Sequence[dict[str, Any]]


class Writer(Protocol):
    """Takes rows in order: the input's columns and the answer's."""

    def write(self, rows: Rows, answers: Rows) -> None:
        """Append rows (as they were read) and their answers (``predicted``, ``confidence``, ...)."""
        ...


def output_kind(output: Path | None) -> str:
    """``csv``, ``tsv``, ``jsonl`` or ``parquet``; None and ``-`` are JSON lines on standard output."""
    if output is None or str(output) == "-":
        return "jsonl"
    kind = kind_of(output)
    if kind not in LABELLED:
        known = ", ".join(suffix for suffix, each in SUFFIXES.items() if each in LABELLED)
        raise UserError(f"--output {output}: the suffix says how to write it; expected one of {known}")
    if output.is_dir():
        raise UserError(f"--output {output} is a folder; name a file in it")
    return str(kind)


@contextlib.contextmanager
def open_writer(output: Path | None, table: Table, schema: dict[str, Any], added: Sequence[str]) -> Iterator[Writer]:
    """A writer for the rows of ``table``; the file appears when the block ends well, and otherwise nothing is left.

    Args:
        output: the file, or None or ``-`` for standard output.
        table: what is read.
        schema: column -> polars type of the input's columns, for Parquet.
        added: columns of the answers.
    """
    kind = output_kind(output)
    if output is None or str(output) == "-":
        yield JsonWriter(sys.stdout.buffer)
        return
    with atomic_file(output) as temporary, explained(output):
        if kind == "parquet":
            with _part_folder(temporary) as folder:
                writer = ParquetWriter(folder, table, schema)
                yield writer
                writer.join(temporary)
            return
        with temporary.open("wb") as file:
            yield JsonWriter(file) if kind == "jsonl" else TextWriter(file, kind, [*table.columns, *added])


class JsonWriter:
    """JSON lines, values as they were read; dates as text, numbers that JSON lacks (NaN) as null."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def write(self, rows: Rows, answers: Rows) -> None:
        """One object a row; flushed, so that a pipe gets what is done."""
        for row, answer in zip(rows, answers, strict=True):
            text = json.dumps({**row, **answer}, ensure_ascii=False, default=str)
            if "NaN" in text or "Infinity" in text:
                text = json.dumps(_finite({**row, **answer}), ensure_ascii=False, default=str)
            self.file.write(text.encode() + b"\n")
        self.file.flush()


class TextWriter:
    """CSV (commas, quoted where needed) or TSV (never quoted; its caller has looked for tabs), with a header line."""

    def __init__(self, file: IO[bytes], kind: str, columns: Sequence[str]) -> None:
        self.file, self.columns = file, columns
        self.format = _unquoted if kind == "tsv" else _quoted
        self.file.write(self.format([columns]).encode())

    def write(self, rows: Rows, answers: Rows) -> None:
        """One line a row (more where a quoted text has line ends)."""
        whole = [{**row, **answer} for row, answer in zip(rows, answers, strict=True)]
        lines = [[plain(row.get(column)) for column in self.columns] for row in whole]
        self.file.write(self.format(lines).encode())


class ParquetWriter:
    """Files of some megabytes, joined at the end in bounded memory; columns of a Parquet input keep their types."""

    def __init__(self, folder: Path, table: Table, schema: dict[str, Any]) -> None:
        self.folder, self.table, self.schema = folder, table, schema
        self.waiting: list[pl.DataFrame] = []
        self.parts: list[Path] = []
        self.done = 0

    def write(self, rows: Rows, answers: Rows) -> None:
        """Keep the rows until they are enough for a part."""
        import polars as pl

        if isinstance(self.table, Parquet):
            # Sliced anew: Python's values lose nanoseconds and the like.
            frame = self.table.slice(self.done, len(rows))
        else:
            columns = {name: [row.get(name) for row in rows] for name in self.schema}
            frame = pl.DataFrame(columns, schema=self.schema, strict=False)
        self.waiting.append(frame.hstack(pl.DataFrame(list(answers))))
        self.done += len(rows)
        if sum(each.estimated_size() for each in self.waiting) >= PART_BYTES:
            self._write_part()

    def _write_part(self) -> None:
        import polars as pl

        self.parts.append(self.folder / f"{len(self.parts):08}.parquet")
        pl.concat(self.waiting).write_parquet(self.parts[-1])
        self.waiting.clear()

    def join(self, path: Path) -> None:
        """Write all parts as one file."""
        import polars as pl

        if self.waiting:
            self._write_part()
        pl.scan_parquet(self.parts, glob=False).sink_parquet(path, maintain_order=True)


def plain(value: Any) -> str:
    """A value in a text file: missing is empty, true and false as JSON has them, dates in ISO form."""
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _quoted(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _unquoted(lines: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(fields) + "\n" for fields in lines)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextlib.contextmanager
def _part_folder(beside: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"{beside.name}.parts.", dir=beside.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

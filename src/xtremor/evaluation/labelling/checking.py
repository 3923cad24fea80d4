"""Check the rows of a file that is to be labelled, and that its columns can be written as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xtremor.errors import UserError
from xtremor.evaluation.labelling.answers import plain
from xtremor.sources.own.loaded import check_text
from xtremor.sources.own.parquet import Parquet
from xtremor.sources.own.table import Table, place

_INT64 = range(-(2**63), 2**63)


@dataclass
class RowCheck:
    """What is asked of every row; call `row` for each, in order.

    Attributes:
        table: what is read.
        texts: its text columns.
        kind: how it is written (``csv``, ``tsv``, ``jsonl``, ``parquet``).
        added: columns of the answers, which no row may have.
        count: rows checked.
        kinds: JSON column -> Python types seen in it, for Parquet.
    """

    table: Table
    texts: Sequence[str]
    kind: str
    added: Sequence[str]
    count: int = 0
    kinds: dict[str, set[type]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._refuse_added(self.table.columns, self.table.name)
        if self.kind == "tsv":
            for column in (*self.table.columns, *self.added):
                self._refuse_tabs(column, f"{self.table.name}: the name of a column")

    def row(self, number: int, row: dict[str, Any]) -> None:
        """Raise UserError for a row without text, or one that cannot be written."""
        for column in self.texts:
            check_text(self.table, number, column, row.get(column))
        if self.table.kind == "jsonl":
            self._refuse_added(row, place(self.table, number))
        if self.kind != "jsonl" and self.table.kind in ("jsonl", "parquet"):
            self._values(number, row)
        if self.kind == "tsv" and self.table.kind != "tsv":
            for column, value in row.items():
                self._refuse_tabs(plain(value), f"{place(self.table, number)}: column '{column}'")
        self.count += 1

    def schema(self) -> dict[str, Any]:
        """Column -> polars type of the input's columns, known once every row was checked."""
        import polars as pl

        if isinstance(self.table, Parquet):
            return self.table.schema
        if self.table.kind != "jsonl":
            return dict.fromkeys(self.table.columns, pl.String())
        names: dict[type, Any] = {str: pl.String(), bool: pl.Boolean(), int: pl.Int64(), float: pl.Float64()}
        found = {}
        for column in self.table.columns:
            kinds = self.kinds.get(column) or {str}
            kinds = {float} if kinds == {int, float} else kinds
            if len(kinds) > 1:
                said = " and ".join(sorted(kind.__name__ for kind in kinds))
                raise UserError(
                    f"{self.table.name}: column '{column}' mixes {said}, which Parquet cannot hold; write .jsonl"
                )
            found[column] = names[next(iter(kinds))]
        return found

    def _values(self, number: int, row: dict[str, Any]) -> None:
        """Only flat values of the first row's columns fit a table."""
        if len(row) > len(self.table.columns) or not row.keys() <= set(self.table.columns):
            extra = next(key for key in row if key not in self.table.columns)
            raise UserError(f"{place(self.table, number)}: '{extra}' is no key of the first row; write .jsonl instead")
        if self.kind == "parquet" and isinstance(self.table, Parquet):
            return
        for column, value in row.items():
            if isinstance(value, (dict, list, bytes)):
                raise UserError(f"{place(self.table, number)}: column '{column}' is not flat; write .jsonl instead")
            if self.kind == "parquet" and value is not None:
                if isinstance(value, int) and value not in _INT64:
                    raise UserError(
                        f"{place(self.table, number)}: column '{column}' exceeds 64 bits; write .jsonl instead"
                    )
                self.kinds.setdefault(column, set()).add(type(value))

    def _refuse_added(self, columns: Sequence[str] | dict[str, Any], where: str) -> None:
        for column in self.added:
            if column in columns:
                raise UserError(f"{where} has a column '{column}' already, which the answer is written to; rename it")

    def _refuse_tabs(self, text: str, where: str) -> None:
        if "\t" in text or "\n" in text or "\r" in text:
            raise UserError(f"{where} holds a tab or a line break, which .tsv cannot; write .csv or .jsonl instead")

"""A table in memory, and its texts and labels checked row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError, nearest
from xtremor.sources.own.infer import label_text
from xtremor.sources.own.table import Table, place
from xtremor.sources.own.tables import LABELLED, open_table


@dataclass(frozen=True)
class Loaded:
    """A table read whole.

    Attributes:
        table: what was read.
        values: column -> one value a row; None where a row of JSON lines lacks the key.
        numbers: of the rows, as ``table.unit`` counts them.
    """

    table: Table
    values: dict[str, list[Any]]
    numbers: list[int]

    def texts(self, columns: Sequence[str]) -> list[tuple[str, ...]]:
        """The texts of every row; raises UserError at a row where one is missing, blank or no text."""
        for column in columns:
            for number, value in zip(self.numbers, self.values[column], strict=True):
                check_text(self.table, number, column, value)
        return list(zip(*(self.values[column] for column in columns), strict=True))

    def labels(self, column: str, known: Sequence[str] | None = None, pointer: bool = False) -> list[str]:
        """The label of every row.

        Args:
            column: of the labels.
            known: labels that there may be; None allows any.
            pointer: say, also where any label is allowed, what reads rows without one.

        Raises:
            UserError: a row without a label, or with none of ``known``.
        """
        # One string a class, however many rows.
        same = {label: label for label in known or ()}
        found = []
        for number, value in zip(self.numbers, self.values[column], strict=True):
            label = label_text(value)
            if not label:
                raise UserError(
                    f"{place(self.table, number)}: column '{column}' has no label; fill it in or remove the row"
                    f"{' (xtremor predict reads files without labels)' if known or pointer else ''}"
                )
            if known is not None and label not in same:
                raise UserError(f"{place(self.table, number)}: {none_of_training(label, known)}")
            found.append(same.setdefault(label, label))
        return found


def load(path: Path, only: Sequence[str] | None = None, name: str | None = None) -> Loaded:
    """Read a table with labels whole.

    Args:
        path: the file.
        only: columns to keep, of those that are there; all by default.
        name: what messages call the file.

    Raises:
        UserError: it cannot be read, or is plain text and so has no labels.
    """
    table = open_table(path, name)
    if table.kind not in LABELLED:
        raise UserError(f"{table.name}: a .{table.kind} file has no labels; name a .csv, .tsv, .jsonl or .parquet file")
    wanted = [column for column in table.columns if only is None or column in only]
    values: dict[str, list[Any]] = {column: [] for column in wanted}
    numbers = []
    for number, row in table.rows():
        numbers.append(number)
        for column in wanted:
            values[column].append(row.get(column))
    return Loaded(table, values, numbers)


def check_text(table: Table, number: int, column: str, value: Any) -> None:
    """Raise UserError unless ``value`` is a text that is not blank."""
    if isinstance(value, str):
        if value.strip():
            return
        state = "is empty; fill it in or remove the row"
    elif value is None:
        state = "is missing; fill it in or remove the row"
    else:
        state = f"is no text but {str(value)[:40]!r}; name another column, or write it as text"
    raise UserError(f"{place(table, number)}: column '{column}' {state}")


def none_of_training(label: str, known: Sequence[str], what: str = "label") -> str:
    """The end of a refusal: a label (``what`` it is called) that training did not have, and the nearest that it had."""
    close = nearest(label, known)
    hint = f"nearest: {close[0]}; " if close else ""
    listed = ", ".join(known[:10]) + (" and others" if len(known) > 10 else "")
    return f"{what} '{label[:60]}' is none of the training file's ({hint}known: {listed})"

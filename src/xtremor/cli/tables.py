"""Results as a table on a terminal, and as lines for a program elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def print_table(rows: Sequence[dict[str, Any]], by: str | None = None) -> None:
    """A table as wide as the terminal; one tab-separated line a row where the output is no terminal.

    On a terminal, rows that share the value of the column ``by`` stand together under that value.
    """
    import sys

    if not sys.stdout.isatty():
        print("\t".join(rows[0]))
        for row in rows:
            print("\t".join(as_text(value) for value in row.values()))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for group in dict.fromkeys(row.get(by or "") for row in rows):
        members = [row for row in rows if row.get(by or "") == group]
        columns = [column for column in rows[0] if column != by]
        grid = Table(*columns, box=None, header_style="bold", pad_edge=False, title=group, title_justify="left")
        for row in members:
            grid.add_row(*(as_text(row[column]) for column in columns))
        console.print(grid)


def as_text(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)

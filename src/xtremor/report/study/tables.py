"""Tables, once for the page and once for LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xtremor.compare.sentences import escaped


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        small: below it, on the page only.
        value: what a column is sorted by, where that is a number.
        tip: said when it is pointed at.
        link: where it leads; empty for nowhere.
        arm: name of an arm, whose colour stands before it.
        kind: ``strong``, ``up`` or ``down``.
    """

    text: str
    small: str = ""
    value: float | None = None
    tip: str = ""
    link: str = ""
    arm: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: of its LaTeX file.
        caption: above it.
        head: names of the columns.
        rows: cells, the first the row's name.
        ids: of the rows in the page, where something leads to them.
        sortable: whether headings sort.
    """

    name: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    ids: tuple[str, ...] = ()
    sortable: bool = False

    def latex(self) -> str:
        """With booktabs; numbers to the right."""
        columns = "".join("r" if self._numeric(place) else "l" for place in range(len(self.head)))
        lines = [f"% {_line(self.caption)}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
        lines += [_row(self.head), r"\midrule", *(_row([cell.text for cell in row]) for row in self.rows)]
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def filled(self) -> Table:
        """Without columns that are empty in every row."""
        kept = [at for at in range(len(self.head)) if not at or any(row[at].text for row in self.rows)]
        head = tuple(self.head[at] for at in kept)
        return replace(self, head=head, rows=tuple(tuple(row[at] for at in kept) for row in self.rows))

    def _numeric(self, place: int) -> bool:
        texts = [row[place].text for row in self.rows]
        return bool(place) and any(texts) and all(not text or text[0] in "0123456789+−<–" for text in texts)


def _row(texts: Sequence[str]) -> str:
    return " & ".join(_text(text) for text in texts) + r" \\"


def _text(text: str) -> str:
    found = escaped(_line(text))
    for sign, written in (("−", "$-$"), ("±", r"$\pm$"), ("×", r"$\times$"), ("–", "--"), ("≤", r"$\leq$")):
        found = found.replace(sign, written)
    return found.replace("<", "$<$").replace(">", "$>$")


def _line(text: str) -> str:
    """On one line: a comment must not go on, and a row has one."""
    return " ".join(text.split())

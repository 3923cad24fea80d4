"""Which column is the text and which the label, and which classes there are; refused where that is a guess."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremor.errors import UserError, unknown

LABEL_NAMES = ("label", "labels")
# More distinct numbers than this are a quantity; so are fewer of them with digits after the point.
MOST_NUMBERS, MOST_DECIMALS = 100, 20
MOST_CLASSES = 200
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a table; ``label`` is None where rows are only to be labelled.

    Of multiple choice ``text`` is the context, ``text_pair`` the question; ``choices`` are empty in classification.
    """

    text: str
    text_pair: str | None = None
    label: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The one or two text columns, choices aside."""
        return (self.text,) if self.text_pair is None else (self.text, self.text_pair)


def choose_columns(
    name: str,
    table: Mapping[str, Sequence[Any]],
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
) -> Columns:
    """Fill in the columns that the user did not name.

    Args:
        name: what messages call the file.
        table: column -> its values, in order.
        text, text_pair, label: columns that the user named, or None. A second text is never inferred.

    Raises:
        UserError: a named column is absent or named twice, or none or several could be meant.
    """
    named = {"--text": text, "--text-pair": text_pair, "--label": label}
    check_named(name, named, tuple(table))
    free = [column for column in table if column not in named.values()]
    chosen_label = label or _label_among(name, table, free, text)
    return Columns(text or _text_among(name, table, free, chosen_label), text_pair, chosen_label)


def check_named(name: str, named: Mapping[str, str | None], columns: Sequence[str]) -> None:
    """Raise UserError for an option that names a column which ``columns`` lack or another option names too."""
    for option, column in named.items():
        if column is None:
            continue
        if column not in columns:
            hint = "; xtremor predict takes files without one" if option == "--label" else ""
            raise unknown(f"column of {name}", column, columns, f"{option} names a column of its header{hint}")
        other = next((key for key, value in named.items() if value == column and key != option), None)
        if other:
            raise UserError(f"{option} and {other} both name the column '{column}'; they must differ")


def text_columns(table: Mapping[str, Sequence[Any]], among: Iterable[str]) -> list[str]:
    """Those columns that read like text: several words (or a script without spaces), mostly distinct or long.

    Long values that repeat are text too: each premise of an inference set stands beside several hypotheses.
    """
    return [
        column for column in among if _wordy(table[column]) and (_long(table[column]) or not _repeats(table[column]))
    ]


def label_text(value: Any) -> str:
    """A label as text, without the white space around it; the empty string where it is missing.

    Text keeps its spelling. A number from JSON or Parquet is written as JSON writes it, a whole one without ``.0``
    (pandas turns integers into floats where a value is missing).
    """
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def classes(name: str, column: str, values: Sequence[str]) -> tuple[str, ...]:
    """The distinct labels: by number where all are integers, else sorted by code point.

    Raises:
        UserError: one class only, a class for every row, or a quantity rather than classes.
    """
    found = set(values)
    if len(found) == 1:
        raise UserError(f"{name}: column '{column}' has one value only ('{values[0]}'); a classifier needs two classes")
    # Whole numbers that never repeat are numbers of rows rather than quantities.
    numbered = len(found) == len(values) and all(_INTEGER.fullmatch(value) for value in found)
    if _quantity(found) and not numbered:
        raise UserError(
            f"{name}: column '{column}' holds {len(found):,} different numbers, which looks like a quantity to "
            "estimate (regression); xtremor trains classifiers: name another --label, or write a column of classes"
        )
    if len(found) == len(values) or (len(found) > 20 and 2 * len(found) > len(values)):
        raise UserError(
            f"{name}: column '{column}' has {len(found):,} different values in {len(values):,} rows, too many to be "
            "classes; name the column of classes with --label"
        )
    if all(_INTEGER.fullmatch(value) for value in found):
        return tuple(sorted(found, key=lambda value: (int(value), value)))
    return tuple(sorted(found))


def shares(values: Sequence[str], labels: Sequence[str], most: int = 12) -> str:
    """``1: 12.0%, 2: 8.5%, ...``: share of each class in percent; only the largest and the smallest of very many."""
    counts = Counter(values)
    said = {label: f"{label}: {100 * counts[label] / len(values):.1f}%" for label in labels}
    if len(labels) <= most:
        return ", ".join(said.values())
    (largest, _), *_, (smallest, _) = counts.most_common()
    return f"largest {said[largest]}, smallest {said[smallest]}"


def _label_among(name: str, table: Mapping[str, Sequence[Any]], free: Sequence[str], text: str | None) -> str:
    found = [column for column in free if _class_like(table[column])]
    wordy = text_columns(table, free) if text is None else []
    others = [column for column in free if column not in wordy]
    if not found and len(others) == 1:
        # Nothing else it could be; `classes` refuses it where its values are none, and says why.
        return others[0]
    by_name = [column for column in free if column.strip().casefold() in LABEL_NAMES]
    if len(by_name) == 1:
        return by_name[0]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            f"{name}: no column looks like a label (few values that repeat); name it with --label "
            f"(columns: {', '.join(table)})"
        )
    raise UserError(f"{name}: {_listed(found)} could each be the label; name one with --label")


def _text_among(name: str, table: Mapping[str, Sequence[Any]], free: Sequence[str], label: str) -> str:
    rest = [column for column in free if column != label]
    found = text_columns(table, rest) or (rest if len(rest) == 1 else [])
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(f"{name}: no column looks like text; name it with --text (columns: {', '.join(table)})")
    raise UserError(
        f"{name}: {_listed(found)} could each be the text; name one with --text, or both with --text and --text-pair"
    )


def _listed(columns: Sequence[str]) -> str:
    quoted = [f"'{column}'" for column in columns[:6]]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(columns) <= 6 else f"{', '.join(quoted)} and others"


def _class_like(values: Sequence[Any]) -> bool:
    found = {label_text(value) for value in values}
    few = "" not in found and 2 <= len(found) <= MOST_CLASSES and _repeats(values)
    return few and not _long(values) and not _quantity(found)


def _repeats(values: Sequence[Any]) -> bool:
    """Whether a value occurs twice on average."""
    return 2 * len({str(value) for value in values}) <= len(values)


def _quantity(found: set[str]) -> bool:
    if not all(_NUMBER.fullmatch(value) for value in found):
        return False
    whole = all(float(value).is_integer() for value in found)
    return len(found) > (MOST_NUMBERS if whole else MOST_DECIMALS)


def _wordy(values: Sequence[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    if 2 * len(texts) < len(values) or not texts:
        return False
    several = sum(len(_WORD.findall(text)) >= 2 or _unspaced(text) for text in texts)
    return 2 * several >= len(texts)


def _long(values: Sequence[Any]) -> bool:
    """Whether the values have more words, on average, than the name of a class."""
    texts = [value for value in values if isinstance(value, str)]
    words = sum(len(_WORD.findall(text)) + 3 * _unspaced(text) for text in texts)
    return bool(texts) and words >= 4 * len(texts)


def _unspaced(text: str) -> bool:
    """Whether a word is as long as a phrase and beyond ASCII, as in Thai or Chinese."""
    return not text.isascii() and any(len(word) >= 6 for word in _WORD.findall(text))

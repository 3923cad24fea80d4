"""Strict readers of prediction files that hold one thing a line; those in JSON are in ``read_json``.

They read what the official evaluator reads: white space around a label does not count, a blank line ends a
sentence, and a last sentence needs none. Where the evaluator would stop with a traceback or score
something else than was meant (labels that no task has, sentences of different lengths), they refuse.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from xtremor.errors import UserError, nearest
from xtremor.sources.text import TextFile

_BOM = "\ufeff"
_ROW = re.compile("0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Tags:
    """A file of tags.

    Attributes:
        sentences: the tags of each sentence; a sentence may be empty.
        lines: 1-based line at which each sentence begins.
    """

    sentences: list[tuple[str, ...]]
    lines: list[int]


def read_text(path: Path) -> str:
    """The whole file; raises UserError where it cannot be read, is empty or is no UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        # Reading it a line at a time finds the place, and says it as every other reader does.
        for _ in TextFile(path).lines():
            pass
        raise
    text = text.removeprefix(_BOM)
    if not text.strip():
        raise UserError(f"{path} is empty; expected predictions")
    return text


def has_mark(path: Path) -> bool:
    """Whether the file begins with a byte order mark, which is dropped here and counted by the evaluator."""
    with path.open("rb") as file:
        return file.read(3) == _BOM.encode()


def read_lines(path: Path) -> list[str]:
    """Stripped lines; the end of the last line is optional."""
    lines = read_text(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.strip() for line in lines]


def read_labels(path: Path, known: Collection[str] = ()) -> list[str]:
    """One label a line, each of ``known``; with nothing known, any label that is not empty.

    Raises:
        UserError: a blank line or an unknown label, with its line.
    """
    labels = read_lines(path)
    if "" in labels:
        raise UserError(
            f"{path}, line {labels.index('') + 1} is empty; expected one label a line: "
            "remove the line or restore its label"
        )
    if known:
        check_known(path, labels, known, "label")
    return labels


def read_indices(path: Path) -> list[str]:
    """One 0-based row number a line, as text.

    Raises:
        UserError: a line that is no such number, or has zeros before it (the evaluator compares them as text).
    """
    found = read_lines(path)
    for number, line in enumerate(found, start=1):
        if not _ROW.fullmatch(line):
            zeros = ", without zeros before it" if line.isdigit() else ""
            raise UserError(
                f"{path}, line {number}: {shown(line)} is no row number; expected one whole number a line{zeros}, "
                "the 0-based row of the sentence that was found"
            )
    return found


def read_tags(path: Path, known: Collection[str] = ()) -> Tags:
    """Sentences between blank lines, each tag one of ``known`` if that is given.

    As in the official evaluator every blank line ends a sentence, so that two in a row make an empty one, and
    the last sentence ends with the file.

    Raises:
        UserError: an unknown tag, with its line.
    """
    sentences: list[tuple[str, ...]] = []
    starts: list[int] = []
    start = 0
    lines = read_lines(path)
    if known:
        check_known(path, lines, {*known, ""}, "tag")
    blanks = [number for number, line in enumerate(lines) if not line]
    if lines[-1]:
        blanks.append(len(lines))
    for end in blanks:
        sentences.append(tuple(lines[start:end]))
        starts.append(start + 1)
        start = end + 1
    return Tags(sentences, starts)


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Pairs of a source and a target id, tab between them, in the order of the file.

    Raises:
        UserError: a line that is not two ids.
    """
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split("\t")
        if len(fields) != 2 or not all(fields):
            raise UserError(f"{path}, line {number}: {shown(line)}; expected a source id, a tab and a target id")
        found.append((fields[0], fields[1]))
    return found


def check_known(path: Path, labels: list[str], known: Collection[str], what: str) -> None:
    """Raise UserError at the first of ``labels`` (one a line) that is not among ``known``."""
    strange = set(labels) - set(known)
    if not strange:
        return
    number = next(number for number, label in enumerate(labels, start=1) if label in strange)
    label = labels[number - 1]
    allowed = sorted(each for each in known if each)
    close = nearest(label, allowed)
    hint = f"nearest: {close[0]}" if close else f"allowed: {', '.join(allowed)}"
    if "\t" in label:
        hint = f"several columns; expected the {what} alone"
    elif "\r" in label:
        hint = "its lines end in a carriage return alone; save it with \\n or \\r\\n"
    elif label.isdigit() and not any(map(str.isdigit, allowed)):
        hint += "; a number alone does not tell, because systems number the classes in different orders"
    elif number == 1:
        hint += "; the layout has no header line"
    raise UserError(f"{path}, line {number}: unknown {what} {shown(label)} ({hint})")


def count(number: int, what: str) -> str:
    """A number of things: ``1 line``, ``5,010 lines``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def shown(text: object, longest: int = 60) -> str:
    """A piece of the user's input for a message: quoted, on one line, printable, cut where it is long."""
    said = ascii(text) if any(not each.isprintable() for each in str(text)) else repr(text)
    return said if len(said) <= longest else f"{said[: longest - 4]}...{said[-1]}"

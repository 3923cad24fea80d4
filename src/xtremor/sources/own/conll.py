"""Tagged sentences: one token a line with its tag, an empty line after each sentence (CoNLL), or CoNLL-U.

In ``.conll``, ``.bio`` and ``.iob`` files fields lie between tabs, or between spaces where a file has no tab; the
first is the token, the last the tag; lines that begin with ``-DOCSTART-`` part documents. A ``.conllu`` file has ten
fields between tabs and comments that begin with ``#``; its token is FORM, its tag UPOS, and its multiword ranges
(``1-2``) and empty nodes (``1.1``) are no tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.text import TextFile

SUFFIXES = (".conll", ".bio", ".iob", ".conllu")
UNIVERSAL = ".conllu"
# Of CoNLL-U.
FIELDS, FORM, UPOS = 10, 1, 3
_WORD = re.compile(r"[1-9][0-9]*")
_NO_WORD = re.compile(r"[1-9][0-9]*-[1-9][0-9]*|[0-9]+\.[1-9][0-9]*")
_POINTER = "; xtremor predict tags files without tags"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file.

    Attributes:
        number: 1-based.
        text: without its end.
        fields: of a token; empty where the line holds none (a comment, an empty line, ...).
        token, tag: of those fields; the tag is empty where the file is read without tags.
    """

    number: int
    text: str
    fields: tuple[str, ...] = ()
    token: str = ""
    tag: str = ""


# Lines up to the one that ends a sentence, that one included; at least one of them holds a token, but for what stands
# behind the last sentence.
Sentence = list[Line]


class Conll:
    """A file of sentences, read a line at a time.

    Args:
        path: the file; its suffix says which format it is in.
        name: what messages call it; the path by default.
        tagged: whether every token needs a tag; otherwise only the token of a line is looked at.

    Attributes:
        universal: whether it is CoNLL-U.
        tabs: whether its fields lie between tabs.
        sha256: hex digest of the file once it has been read to its end.
    """

    def __init__(self, path: Path, name: str | None = None, tagged: bool = True) -> None:
        self.path, self.name, self.tagged = path, name or str(path), tagged
        self.universal = path.suffix.lower() == UNIVERSAL
        self.tabs = self.universal or any("\t" in line for _, line in TextFile(path, self.name).lines())
        self.sha256 = ""

    def sentences(self) -> Iterator[Sentence]:
        """Yield each sentence's lines; raises UserError at the first line that is none of the format."""
        sentence: Sentence = []
        held = found = False
        for line in self._lines():
            sentence.append(line)
            held |= bool(line.fields)
            # An empty line before the first token ends nothing: it stays with the sentence that follows.
            if held and not line.fields and _ends(line.text, self.universal):
                found = True
                yield sentence
                sentence, held = [], False
        if not (found or held):
            raise UserError(f"{self.name} holds no sentence; expected one token{' and its tag' * self.tagged} a line")
        if sentence:
            yield sentence

    def _lines(self) -> Iterator[Line]:
        file = TextFile(self.path, self.name)
        parse = self._universal if self.universal else self._columns
        width = 0
        for number, text in file.lines():
            line = parse(number, text, width)
            width = width or len(line.fields)
            yield line
        self.sha256 = file.sha256

    def _columns(self, number: int, text: str, width: int) -> Line:
        if not text.strip(" \t") or text.startswith("-DOCSTART-"):
            return Line(number, text)
        fields = tuple(text.split("\t") if self.tabs else filter(None, text.split(" ")))
        least = 2 if self.tagged else 1
        if len(fields) < least or (width and len(fields) != width):
            pointer = _POINTER if self.tagged and len(fields) < least else ""
            expected = f"{width}, as in its first line" if width >= least else "a token and its tag"
            raise UserError(f"{self._place(number)} has {_counted(len(fields))}; expected {expected}{pointer}")
        return self._checked(Line(number, text, fields, fields[0], fields[-1] if self.tagged else ""))

    def _universal(self, number: int, text: str, width: int) -> Line:
        if not text.strip(" \t") or text.startswith("#"):
            return Line(number, text)
        fields = tuple(text.split("\t"))
        if len(fields) != FIELDS:
            raise UserError(f"{self._place(number)} has {_counted(len(fields))}; CoNLL-U has {FIELDS} between tabs")
        if _NO_WORD.fullmatch(fields[0]):
            return Line(number, text)
        if not _WORD.fullmatch(fields[0]):
            raise UserError(f"{self._place(number)}: '{fields[0][:20]}' is no ID of CoNLL-U; expected 1, 1-2 or 1.1")
        return self._checked(Line(number, text, fields, fields[FORM], fields[UPOS] if self.tagged else ""))

    def _checked(self, line: Line) -> Line:
        if not line.token.strip(" "):
            raise UserError(f"{self._place(line.number)}: the token is empty; every line of a sentence has one")
        if not self.tagged:
            return line
        tag = line.tag.strip()
        if not tag or tag == "_":
            raise UserError(f"{self._place(line.number)}: the tag is empty; every token has one{_POINTER}")
        if len(tag.split()) > 1:
            raise UserError(
                f"{self._place(line.number)}: the tag '{tag[:40]}' holds white space; the tag is the last field, and "
                "is one word"
            )
        return Line(line.number, line.text, line.fields, line.token, tag)

    def _place(self, number: int) -> str:
        return f"{self.name}, line {number}"


def words(sentence: Sentence) -> tuple[str, ...]:
    """The tokens of a sentence."""
    return tuple(line.token for line in sentence if line.fields)


def _ends(text: str, universal: bool) -> bool:
    """Whether a line without a token ends a sentence: comments and ranges of CoNLL-U do not."""
    return not universal or not text.strip(" \t")


def _counted(fields: int) -> str:
    """Say how many fields a line has."""
    return f"{fields} field{'' if fields == 1 else 's'}"

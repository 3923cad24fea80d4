"""A JSON document read a part at a time, as strictly as `json_text` reads one whole.

The levels above the parts are walked by hand; a part is parsed by Python's own reader once it lies in the buffer whole.
Memory is that of the largest part and of a chunk of the file.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from xtremor.errors import UserError
from xtremor.sources.json_text import STRICT, RepeatedKey, described, refusal
from xtremor.sources.text import TextFile, reason

CHUNK = 1 << 20
# What a part that was cut off may lack: `-Infinity` and an escape are shorter.
_CUT = 16
_SPACE = " \t\n\r"


class JsonStream:
    """The document of one file, from its start; every value that is met has to be read before the next.

    Attributes:
        sha256: hex digest of the bytes; the empty string until `end` was called.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name, self.sha256 = path, str(path), ""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise UserError(f"cannot read {self.name}: {reason(error)}") from error
        self._digest, self._decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._whole = "", 0, False
        # Of the first character in the buffer: its line, and how many of that line came before it.
        self._line, self._column = 1, 0

    def __enter__(self) -> JsonStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def members(self, needed: str, where: str) -> Iterator[str]:
        """The keys of an object that has to hold ``needed``; raises UserError for anything else, or a key twice."""
        if self._peek() != "{":
            raise UserError(f"{where}: expected an object with '{needed}', found {described(self.value())}")
        self._at += 1
        seen: set[str] = set()
        ended = self._skip("}")
        while not ended:
            if self._peek() != '"':
                self._broken("Expecting property name enclosed in double quotes")
            key = self.value()
            if key in seen:
                raise self._refusal(RepeatedKey(key, 2))
            seen.add(key)
            if not self._skip(":"):
                self._broken("Expecting ':' delimiter")
            yield key
            ended = self._follows("}")
        if needed not in seen:
            raise UserError(f"{where}: '{needed}' is missing; expected a list")

    def elements(self, where: str) -> Iterator[int]:
        """The numbers of the elements of a list, from 0; raises UserError for anything else."""
        if self._peek() != "[":
            raise UserError(f"{where}: expected a list, found {described(self.value())}")
        self._at += 1
        number, ended = 0, self._skip("]")
        while not ended:
            yield number
            number, ended = number + 1, self._follows("]")

    def value(self) -> Any:
        """The value that comes next, whole; raises UserError where it is not strict JSON."""
        self._peek()
        while True:
            try:
                value, end = STRICT.raw_decode(self._text, self._at)
                # A number that ends near the end of the buffer may go on: 1, 1. or 1.5e for 1.5e7.
                if self._whole or not isinstance(value, (int, float)) or end < len(self._text) - _CUT:
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._text) - _CUT or error.msg.startswith("Unterminated string")
                if self._whole or not cut:
                    self._at = error.pos
                    self._broken(error.msg, error)
            except (RecursionError, ValueError) as error:
                raise self._refusal(error) from error
            # As much again: so a long part is parsed a few times, not once for every chunk.
            self._read(max(CHUNK, len(self._text) - self._at))

    def end(self) -> None:
        """Raise UserError where anything follows the document."""
        if self._peek():
            self._broken("Extra data")
        self.sha256 = self._digest.hexdigest()

    def _peek(self) -> str:
        """The next character that is no space; the empty string at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if self._whole:
                return ""
            self._read(CHUNK)

    def _skip(self, character: str) -> bool:
        there = self._peek() == character
        self._at += there
        return there

    def _follows(self, closing: str) -> bool:
        """Go over what stands behind an element: whether it was the last."""
        if self._skip(closing):
            return True
        if not self._skip(","):
            self._broken("Expecting ',' delimiter")
        return False

    def _read(self, size: int) -> None:
        """Forget what was read and append so many bytes of the file."""
        try:
            data = self._file.read(size)
            self._digest.update(data)
            more = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            # Read by lines it is refused, with its place.
            for _ in TextFile(self.path).lines():
                pass
            raise
        except OSError as error:
            raise UserError(f"cannot read {self.name}: {reason(error)}") from error
        lines = self._text.count("\n", 0, self._at)
        self._column = self._at - self._text.rfind("\n", 0, self._at) - 1 + (0 if lines else self._column)
        self._line += lines
        self._text, self._at, self._whole = self._text[self._at :] + more, 0, not data

    def _broken(self, what: str, error: json.JSONDecodeError | None = None) -> NoReturn:
        raise self._refusal(error or json.JSONDecodeError(what, self._text, self._at))

    def _refusal(self, error: Exception) -> UserError:
        lines = self._text.count("\n", 0, self._at)
        if isinstance(error, json.JSONDecodeError) and not lines:
            error.colno += self._column
        return refusal(error, self.name, self._line + lines)

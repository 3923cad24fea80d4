"""Strict reading of the header-less text files that the XTREME scripts leave on a disk.

A row ends at ``\\n`` and nowhere else: real rows hold U+0085, U+2028, U+001D and other characters that
``str.splitlines`` and text mode take for line ends. There is no quoting: bare and doubled quotes are part of
the text, as they are for the official reader. Nothing is skipped or repaired in silence: a file is read whole
or refused with its name and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from xtremor.errors import UserError

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class TextFile:
    """One text file, read a line at a time and hashed on the way.

    Lines are yielded without their ``\\n``; one ``\\r`` before it is dropped (the official scripts write
    ``\\r\\n``), and so is a byte order mark at the start of the file. A missing final line end is fine.

    Args:
        path: the file.
        name: what messages call it; the path by default.

    Attributes:
        sha256: hex digest of the bytes; the empty string until the file has been read to its end.
        count: lines read so far.
        bom: whether the file began with a byte order mark.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = Path(path)
        self.name = name or str(path)
        self.sha256 = ""
        self.count = 0
        self.bom = False

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (1-based line number, text) to the end; raises UserError where the file is not UTF-8."""
        digest = hashlib.sha256()
        offset = self.count = 0
        try:
            with self.path.open("rb") as file:
                # Iterating over a binary file splits at b"\n" alone, which occurs inside no UTF-8 character.
                for number, raw in enumerate(file, start=1):
                    digest.update(raw)
                    text = self._decode(raw, number, offset)
                    offset += len(raw)
                    self.count = number
                    yield number, text
        except OSError as error:
            raise UserError(f"cannot read {self.name}: {reason(error)}") from error
        if self.count == 0:
            raise UserError(f"{self.name} is empty; expected one row a line")
        self.sha256 = digest.hexdigest()

    def text(self) -> str:
        """The whole text, its line ends as they are but for those of ``lines``; raises UserError as ``lines`` does."""
        return "\n".join(text for _, text in self.lines())

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield (1-based line number, fields); raises UserError at a line without exactly these columns."""
        for number, line in self.lines():
            if not line:
                raise UserError(
                    f"{self.name}, line {number} is empty; expected {described(columns)}: "
                    "remove the line or restore its row"
                )
            fields = line.split("\t")
            if len(fields) != len(columns):
                raise UserError(
                    f"{self.name}, line {number} has {counted(len(fields))}; "
                    f"expected {described(columns)}, without a header line"
                )
            yield number, fields

    def _decode(self, raw: bytes, number: int, offset: int) -> str:
        body = raw
        if number == 1 and body.startswith(_BOM):
            self.bom = True
            body = body[len(_BOM) :]
        ending = 2 if body.endswith(b"\r\n") else 1 if body.endswith((b"\n", b"\r")) else 0
        try:
            return body[: len(body) - ending].decode("utf-8")
        except UnicodeDecodeError as error:
            at = error.start + len(raw) - len(body)
            utf16 = number == 1 and raw.startswith(_UTF16)
            raise UserError(
                f"{self.name}, line {number}: byte 0x{raw[at]:02x} at offset {offset + at} of the file "
                f"(byte {at + 1} of the line) is no UTF-8{' (the start of a UTF-16 file)' if utf16 else ''}; "
                "save the file as UTF-8"
            ) from error


def rows(path: Path, columns: Sequence[str], name: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield (1-based line number, fields) of a tab-separated file with exactly ``columns``; see TextFile."""
    return TextFile(path, name).rows(columns)


def counted(columns: int) -> str:
    """Say how many columns a line has."""
    return f"{columns} tab-separated column{'' if columns == 1 else 's'}"


def described(columns: Sequence[str]) -> str:
    """Say how many columns a line should have, and which."""
    return f"{counted(len(columns))} ({', '.join(columns)})"


def reason(error: OSError) -> str:
    """Why a file cannot be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder, a text file was expected"
    return error.strerror or str(error)

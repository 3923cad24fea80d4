"""Neighbours of words: what they are, and the file that holds them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from xtremor.errors import UserError
from xtremor.robust.substitution.settings import MOST
from xtremor.sources.json_text import described, parse, typed

# The published file is 3 MB; beyond this, unpacked, it is something else.
LARGEST = 256 * 2**20


@dataclass(frozen=True)
class Neighbours:
    """Which words may take the place of which.

    Attributes:
        words: lower-case word -> its neighbours, not itself, none twice, at most `MOST`.
        dropped: neighbours that were dropped because they are not English.
    """

    words: Mapping[str, tuple[str, ...]]
    dropped: int = 0

    def of(self, key: str) -> tuple[str, ...]:
        """The neighbours of a lower-case word; none where it is unknown."""
        return self.words.get(key, ())

    def kept(self, keep: Callable[[str], bool]) -> Neighbours:
        """Those neighbours that ``keep`` holds for."""
        verdicts = {each: keep(each) for found in self.words.values() for each in found}
        words = {word: tuple(each for each in found if verdicts[each]) for word, found in self.words.items()}
        return replace(self, words=words, dropped=self.dropped + self.count - sum(map(len, words.values())))

    def among(self, words: Iterable[str]) -> Neighbours:
        """Those of the given lower-case words alone."""
        return replace(self, words={word: self.words[word] for word in words if word in self.words})

    @property
    def count(self) -> int:
        """Neighbours of all words."""
        return sum(map(len, self.words.values()))

    @property
    def digest(self) -> str:
        """sha256 over the words and their neighbours."""
        text = json.dumps(sorted((word, *found) for word, found in self.words.items()), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_neighbours(path: Path) -> Neighbours:
    """Read a file in the published form: JSON, word -> list of up to 8 words; plain, .gz, or alone in a .zip.

    The form is that of the counter-fitted neighbours of Jia et al. 2019 (arXiv 1909.00986), which Huang et al. 2021
    draw from. Words with an empty list are words without neighbours. Words that differ by their case are one word.

    Raises:
        UserError: one sentence on what is wrong with the file.
    """
    content = _text(path)
    found = parse(content, str(path))
    if not isinstance(found, dict):
        raise UserError(
            f'{path}: expected a JSON object, as in {{"good": ["great", "fine"]}}, found {described(found)}'
        )
    words: dict[str, tuple[str, ...]] = {}
    for word, listed in found.items():
        each = _listed(word, listed, path)
        words[word.lower()] = tuple(dict.fromkeys((*words.get(word.lower(), ()), *each)))[:MOST]
    if not any(words.values()):
        raise UserError(f"{path} gives no word a neighbour; expected a JSON object of words with lists of words")
    return Neighbours(words)


def _listed(word: str, listed: Any, path: Path) -> list[str]:
    """The neighbours of a word, checked."""
    where = f"{path}, '{_shown(word)}'"
    typed(word, str, where)
    found = typed(listed, list, where)
    if len(found) > MOST:
        raise UserError(
            f"{where} has {len(found):,} neighbours; expected at most {MOST}, the nearest first: shorten it"
        )
    for each in found:
        text = typed(each, str, where)
        if not text.strip() or text != text.strip() or not text.isprintable():
            raise UserError(
                f"{where}: the neighbour '{_shown(text)}' is no word; remove it, or what is not printed in it"
            )
    return [each for each in found if each.lower() != word.lower()]


def _shown(word: str) -> str:
    return word[:40].encode("unicode_escape").decode()


def _text(path: Path) -> str:
    """The file as text, unpacked where it is packed."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {what}; name a JSON file of neighbours, or write --neighbours embeddings")
    try:
        with path.open("rb") as file:
            content = _unpacked(file, path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}); expected JSON, or that in a .gz or .zip") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # RuntimeError is zipfile's for an encrypted member.
        raise UserError(f"{path} cannot be unpacked ({error}); expected JSON, or that in a .gz or .zip") from error
    if len(content) > LARGEST:
        raise UserError(f"{path} holds more than {LARGEST // 2**20} MB; expected a JSON file of words with neighbours")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 (byte {error.start + 1}); expected JSON, or that in a .gz/.zip"
        ) from error


def _unpacked(file: BinaryIO, path: Path) -> bytes:
    """At most one byte more than `LARGEST`."""
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file).read(LARGEST + 1)
    if magic != b"PK\x03\x04":
        return file.read(LARGEST + 1)
    with zipfile.ZipFile(io.BufferedReader(cast(Any, file))) as archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
        if len(members) != 1:
            raise UserError(f"{path} holds {len(members)} files; expected a .zip of one JSON file of neighbours")
        with archive.open(members[0]) as member:
            return member.read(LARGEST + 1)

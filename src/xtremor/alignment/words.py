"""Words of parallel sentences that translate each other: files of links, and where the words are among the tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.analysis.parallel import ParallelRows
from xtremor.errors import UserError
from xtremor.sources.own.language_files import canonical
from xtremor.sources.text import TextFile
from xtremor.tasks.tagging import Subwords
from xtremor.wording import number_of

Links = Sequence[tuple[int, int]]
_LINK = re.compile(r"(\d+)[-p](\d+)")


@dataclass(frozen=True)
class Placed:
    """One sentence as an input.

    Attributes:
        ids: of its tokens, special ones included.
        places: of the last token of each word, those of words that were cut off left out.
    """

    ids: list[int]
    places: list[int]


def read_links(given: str, rows: Mapping[str, ParallelRows]) -> dict[str, list[Links]]:
    """Links by language, row by row, from files in Pharaoh's format.

    A line holds the links of one row, ``0-0 1-2 2-1``: number of the English word, then of the translation's, from 0,
    words being what spaces part. A line without a link is a row without aligned words.

    Args:
        given: ``sw=path`` between commas, one for every language of ``rows``; ``sw.align`` needs no code.
        rows: of a user's own files, a text and its translation each.

    Raises:
        UserError: a file that is missing or of another length, a link that cannot be read, or of no word.
    """
    files: dict[str, Path] = {}
    for part in filter(None, (each.strip() for each in given.split(","))):
        left, equals, right = part.partition("=")
        path = Path(right) if equals and not Path(part).exists() else Path(part)
        code = canonical(left if path != Path(part) else path.name.split(".")[0])
        if code is None:
            raise UserError(f"--words: '{part}' states no language; write it as in sw={path}")
        if not path.is_file():
            raise UserError(f"--words: {path} does not exist; name a file of links such as 0-0 1-2, a line a row")
        files[code] = path
    lacking = [code for code in rows if code not in files]
    if lacking or not files:
        raise UserError(f"--words names no file of {', '.join(lacking) or 'any language'}; every language needs one")
    return {code: list(_links(files[code], each)) for code, each in rows.items()}


def _links(path: Path, rows: ParallelRows) -> Iterator[Links]:
    lines = list(TextFile(path).lines())
    if len(lines) != len(rows):
        raise UserError(
            f"{path} has {number_of(len(lines), 'lines')} and the {rows.language} file {len(rows):,} rows; a line of "
            "links belongs to a row, and an empty line to one without"
        )
    for (number, line), one, two in zip(lines, rows.english, rows.other, strict=True):
        found = []
        sizes = len(one.texts[0].split()), len(two.texts[0].split())
        for word in line.split():
            link = _LINK.fullmatch(word)
            if link is None:
                raise UserError(f"{path}, line {number}: '{word}' is no link; expected two numbers such as 0-2")
            pair = int(link[1]), int(link[2])
            for place, size, side in zip(pair, sizes, ("English text", "translation"), strict=True):
                if place >= size:
                    raise UserError(
                        f"{path}, line {number}: {word} names word {place} of the {side}, which has "
                        f"{number_of(size, 'words')} (from 0; the English word comes first in a link)"
                    )
            found.append(pair)
        yield found


def place_words(texts: Sequence[str], subwords: Subwords, max_length: int) -> Iterator[Placed]:
    """Sentences as inputs of at most ``max_length`` tokens, every word tokenised alone, as in tagging."""
    for words in subwords.of([text.split() for text in texts]):
        ids, places = list(subwords.before), []
        room = max_length - len(subwords.after)
        for word in words:
            if len(ids) + len(word) > room:
                break
            ids += word
            places.append(len(ids) - 1)
        yield Placed([*ids, *subwords.after], places)


def points_of(english: Placed, other: Placed, links: Links) -> np.ndarray:
    """(K, 2) int64: places of tokens to be brought together, those of the first and of the last token among them.

    Cao et al.'s released code aligns the special tokens around a sentence, too. (1, 2) or (0, 2) rows where no linked
    word is left would say nothing of words: none is returned then.
    """
    found = [
        (english.places[one], other.places[two])
        for one, two in links
        if one < len(english.places) and two < len(other.places)
    ]
    if not found:
        return np.zeros((0, 2), dtype=np.int64)
    ends = [(0, 0), (len(english.ids) - 1, len(other.ids) - 1)]
    return np.array(list(dict.fromkeys([*found, *ends])), dtype=np.int64)


def kept_of(english: Placed) -> np.ndarray:
    """(E,) int64: places in the English input that are held where they are: of all its words, and both ends."""
    return np.unique(np.array([0, *english.places, len(english.ids) - 1], dtype=np.int64))


def subwords_of(tokenizer: Any) -> Subwords:
    """The ids of words, each tokenised alone."""
    return Subwords(tokenizer)

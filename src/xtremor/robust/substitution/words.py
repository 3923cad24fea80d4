"""Where the words of an English text are, which of them can be substituted, and what case a substitute gets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

# Letters, digits and accents, with whatever joins them without a space: "don't", "well-known", "e.g", "a@b.org".
# What is joined is one thing; punctuation around it ("word,", '"word"', "one--two") is not part of it.
RUN = re.compile(r"[\w\u0300-\u036f]+(?:(?:://|['’.@:/\\&#+-])[\w\u0300-\u036f]+)*")

_LETTERS = re.compile(r"[^\W\d_]+")
_POSSESSIVE = re.compile(r"(.+)(['’][sS])")
_COMPOUND = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)+")
# Before 's these are contractions ("it's", "let's"), not possessives.
_CONTRACTED = frozenset(
    ("he", "she", "it", "that", "this", "there", "here", "what", "who", "where", "when", "why", "how", "let", "one")
)
# What is left of contractions where a corpus splits them: 's, n't, 'll.
_CLITICS = frozenset(("s", "d", "m", "t", "re", "ll", "ve", "em"))


class Word(NamedTuple):
    """A word as it stands in a text.

    Attributes:
        stem: what is looked up and substituted, as it is written.
        ending: what stays behind it: a possessive 's, or nothing.
    """

    stem: str
    ending: str

    @property
    def key(self) -> str:
        """The stem in lower case, by which words are the same."""
        return self.stem.lower()


def word_of(run: str) -> Word | None:
    """The word in a run of `RUN`; None for numbers, addresses, names like iPhone, and everything else that stays.

    Contractions and hyphenated words are looked up whole, never by their parts: "don't" has no "don", and
    "mother-in-law" no "mother". A possessive keeps its 's, the noun before it is a word.
    """
    found = _POSSESSIVE.fullmatch(run)
    stem, ending = (found[1], found[2]) if found and found[1].lower() not in _CONTRACTED else (run, "")
    if _LETTERS.fullmatch(stem):
        if len(stem) == 1 and stem.lower() not in ("a", "i"):
            return None
    elif not _COMPOUND.fullmatch(stem):
        return None
    return Word(stem, ending) if _case(stem) is not None else None


def is_clitic(text: str, start: int, run: str) -> bool:
    """Whether the run that begins at ``start`` is the rest of a contraction that was split before its apostrophe."""
    return start > 0 and text[start - 1] in "'’" and run.lower() in _CLITICS


def in_case_of(word: str, substitute: str) -> str:
    """``substitute`` as ``word`` is written: capitalised, in capitals, or as it is."""
    case = _case(word)
    if case == "capitals":
        return substitute.upper()
    return substitute[:1].upper() + substitute[1:] if case == "capitalised" else substitute


def words_in(texts: Iterable[str]) -> set[str]:
    """Every word of the texts that can be substituted, in lower case."""
    runs = {run for text in texts for run in RUN.findall(text)}
    return {word.key for word in map(word_of, runs) if word is not None}


def _case(word: str) -> str | None:
    """``lower``, ``capitalised``, ``capitals``, or None for a mixture, which is a name ("iPhone", "McDonald")."""
    if word == word.lower():
        return "lower"
    if word[1:] == word[1:].lower():
        return "capitalised"
    return "capitals" if word == word.upper() else None

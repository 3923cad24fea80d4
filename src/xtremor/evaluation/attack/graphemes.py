"""Text as a reader sees it: characters with their marks, scripts, and words also where none are written apart."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Zero-width joiner and non-joiner, which shape the letters beside them.
JOINER, NON_JOINER = "\u200d", "\u200c"
# Scripts without spaces between words, and how many characters a word has there, roughly.
UNSPACED = {
    "CJK": 2, "HIRAGANA": 3, "KATAKANA": 4, "THAI": 5, "LAO": 5, "KHMER": 4, "MYANMAR": 4,
}  # fmt: skip
# Signs that join two consonants: of the scripts that UAX 29 names (Devanagari and others), of Burmese and of Khmer.
VIRAMAS = "\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d\u1039\u17d2"
# Letters of Hangul written apart: first consonants, then vowels and finals.
JAMO, JAMO_AFTER, JAMO_END = "\u1100", "\u1160", "\u11ff"


@lru_cache(maxsize=1 << 16)
def script(character: str) -> str:
    """The first word of the character's Unicode name: its script, for letters."""
    return unicodedata.name(character, "?").split(" ")[0]


def is_letter(grapheme: str) -> bool:
    """Whether it is a letter with its marks."""
    return unicodedata.category(grapheme[0]).startswith("L")


def graphemes(text: str) -> list[str]:
    """Characters with the combining marks, joiners and joined consonants that belong to them.

    An approximation of Unicode's extended grapheme clusters (UAX 29): a mark is never parted from its letter, a
    conjunct of an Indic script (consonant, virama, consonant) never split, nor a Hangul syllable written in parts.
    """
    found: list[str] = []
    for character in text:
        if found and _belongs(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _belongs(before: str, character: str) -> bool:
    category = unicodedata.category(character)
    if category.startswith("M") or character in (JOINER, NON_JOINER):
        return not before.isspace()
    if before.endswith(JOINER):
        return True
    if before[-1] in VIRAMAS:
        return category.startswith("L") and script(before[0]) == script(character)
    return JAMO_AFTER <= character <= JAMO_END and JAMO <= before[-1] <= JAMO_END


def words(text: str) -> list[list[str]]:
    """Graphemes of ``text`` in pieces: words, and between them what is no word; joined they are the text.

    A word is a run of letters of one kind: of a spaced script up to a space, digit or sign; of an unspaced one a piece
    of about a word's length.
    """
    found: list[list[str]] = []
    kind: str | None = None
    for grapheme in graphemes(text):
        now = None if not is_letter(grapheme) else script(grapheme[0]) if script(grapheme[0]) in UNSPACED else "spaced"
        full = bool(found) and kind in UNSPACED and len(found[-1]) >= UNSPACED[str(kind)]
        if found and now == kind and not full:
            found[-1].append(grapheme)
        else:
            found.append([grapheme])
        kind = now
    return found

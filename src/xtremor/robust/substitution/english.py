"""Whether a word is English, by how common it is there and elsewhere (optional package wordfreq).

The control against accidental code-switching: neighbours of "two" and "good" that are words of another language
("deux", "buena") teach the encoder that language, which has nothing to do with robustness.
"""

from __future__ import annotations

import importlib.util
from functools import cache

from xtremor.errors import UserError

# A neighbour that is this many times commoner in one of these than in English is a word of theirs.
LANGUAGES = ("fr", "es", "de", "it", "nl", "pt")
TIMES = 10
# Share of running words below which a piece of a vocabulary is rather a fragment or a name than an English word.
COMMON = 1e-6


def check_installed() -> None:
    """Raise UserError where wordfreq is missing."""
    if importlib.util.find_spec("wordfreq") is None:
        raise UserError("--english-only needs the package wordfreq: pip install 'xtremor[substitution]'")


@cache
def foreign(word: str) -> bool:
    """Whether the word is at least ten times commoner in one of `LANGUAGES` than in English."""
    from wordfreq import word_frequency

    here = word_frequency(word, "en")
    elsewhere = max(word_frequency(word, language) for language in LANGUAGES)
    return bool(elsewhere > 0 and elsewhere >= TIMES * here)


@cache
def english(word: str, least: float = 0.0) -> bool:
    """Whether the word is known in English, there at least as common as ``least``, and not `foreign`."""
    from wordfreq import word_frequency

    here = word_frequency(word, "en")
    return here > 0 and here >= least and not foreign(word)


def version() -> str:
    """Version of wordfreq, whose counts decide."""
    from importlib.metadata import version as installed

    return installed("wordfreq")

"""Words that substitution leaves alone, because they carry the label or hold the sentence together."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.text import TextFile

NONE, DEFAULT = "none", "default"


def protected_words(protect: str) -> frozenset[str]:
    """Lower-case words for ``--protect``.

    Args:
        protect: ``none``; ``default``, the list in ``data/protected_words.txt`` (negation, quantifiers, numerals, modal
            verbs, pronouns and other words of the closed classes); or a file of the same form, which adds to it.

    Raises:
        UserError: there is no such file, or a line of it is not one word.
    """
    if protect == NONE:
        return frozenset()
    listed = resources.files("xtremor").joinpath("data", "protected_words.txt").read_text(encoding="utf-8")
    words = {word.lower() for line in listed.split("\n") if (word := line.split("#")[0].strip())}
    return frozenset(words) if protect == DEFAULT else frozenset(words | _from_file(Path(protect)))


def _from_file(path: Path) -> set[str]:
    if not path.is_file():
        raise UserError(f"--protect {path}: there is no such file; write default or none, or name a file of words")
    words: set[str] = set()
    for number, line in TextFile(path).lines():
        parts = line.split("#")[0].split()
        if len(parts) > 1:
            raise UserError(f"{path}, line {number}: expected one word a line, found {len(parts)}")
        words |= {part.lower() for part in parts}
    return words

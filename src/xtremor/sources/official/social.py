"""Social IQa: to train on before COPA (``xcopa``), and a task of its own (``siqa``)."""

from __future__ import annotations

from xtremor.errors import UserError
from xtremor.sources.json_text import member, read_json_lines
from xtremor.sources.text import TextFile

LETTERS = ("A", "B", "C")
KEYS = ("context", "question", *(f"answer{letter}" for letter in LETTERS))


def read_social(file: TextFile) -> list[tuple[tuple[str, ...], str | None]]:
    """Context, question and three answers of each row, and the letter of the right one.

    Version 1.4 has the letter in the row (``correct``); None where a row has no such key: the files of the
    leaderboard keep the labels apart.

    Raises:
        UserError: a text is empty, or the letter is none of three.
    """
    found: list[tuple[tuple[str, ...], str | None]] = []
    for where, row in read_json_lines(file):
        texts = tuple(member(row, key, str, where) for key in KEYS)
        empty = [key for key, text in zip(KEYS, texts, strict=True) if not text.strip()]
        if empty:
            raise UserError(f"{where}: '{empty[0]}' is empty; expected a text, so restore or remove the row")
        correct = member(row, "correct", str, where) if "correct" in row else None
        if correct is not None and correct not in LETTERS:
            raise UserError(f"{where}: 'correct' is '{correct}'; expected {', '.join(LETTERS)}")
        found.append((texts, correct))
    return found

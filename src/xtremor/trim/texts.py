"""Text by language: a user's files, the files of tasks, or the starter's sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.sources.base import RetrievalSource
from xtremor.sources.own.kinds.base import FileType
from xtremor.sources.own.language_files import canonical, language_files
from xtremor.sources.text import TextFile
from xtremor.tasks.base import ChoiceExample, RetrievalExample, SpanExample, TaggingExample, TaskCard, TextExample
from xtremor.tasks.cards import card

# Words that a language must have at least: of less, most of what it will be given later is split into letters.
FEWEST_WORDS = 500
STARTER_ROWS = 2000
FILES = FileType((".txt",), ("sw.txt", "de.txt"), "file of text (.txt)")

Texts = dict[str, list[str]]


def texts_by_language(
    languages: Sequence[str], files: str | None, tasks: Sequence[str], data: Path | None
) -> tuple[Texts, list[str]]:
    """Distinct lines of text of each language, and where they come from in words.

    Args:
        languages: codes, distinct.
        files: a folder of files such as sw.txt, or such files between commas; None where there are none.
        tasks: tasks whose rows are read, of every split that ``data`` has.
        data: their folder.

    Without files and tasks, the sentences of the starter task are taken.

    Raises:
        UserError: a language without text or with too little of it, a file that cannot be read, an unknown task.
    """
    found: dict[str, dict[str, None]] = {language: {} for language in languages}
    told: list[str] = []
    if files is not None:
        told.append(_add_files(found, files))
    for task in tasks or (() if files is not None else ("intents",)):
        chosen = card(task)
        source = open_source(chosen, data, **({"test_rows": STARTER_ROWS} if task == "intents" else {}))
        _add_task(found, chosen, source)
        told.append(f"all texts of {task}")
    _check(found, told)
    return {language: list(lines) for language, lines in found.items()}, told


def _add_files(found: dict[str, dict[str, None]], files: str) -> str:
    try:
        named = language_files(files, FILES)
    except UserError as error:
        raise UserError(str(error).replace("--data", "--text")) from error
    for code, path in named.files.items():
        if code in found:
            found[code].update(dict.fromkeys(line.strip() for _, line in TextFile(path).lines() if line.strip()))
    return f"files of {', '.join(code for code in named.files if code in found) or 'no language named'}"


def _add_task(found: dict[str, dict[str, None]], task: TaskCard, source: Any) -> None:
    for split in dict.fromkeys(("train", "dev", *task.splits)):
        there = {canonical(code): code for code in source.languages(split)}
        for language, lines in found.items():
            if canonical(language) in there:
                code = there[canonical(language)]
                rows = list(source.examples(split, code))
                if isinstance(source, RetrievalSource):
                    rows += source.candidates(split, code)
                lines.update(dict.fromkeys(text for row in rows for text in texts_of(row) if text.strip()))


def texts_of(example: Any) -> tuple[str, ...]:
    """All text of an example."""
    if isinstance(example, TextExample):
        return tuple(example.texts)
    if isinstance(example, TaggingExample):
        return (" ".join(example.tokens),)
    if isinstance(example, ChoiceExample):
        return (example.context, example.question, *example.choices)
    if isinstance(example, SpanExample):
        return (example.context, example.question)
    if isinstance(example, RetrievalExample):
        return (example.text, example.context)
    raise TypeError(f"no text is known of a {type(example).__name__}")


def _check(found: dict[str, dict[str, None]], told: Sequence[str]) -> None:
    counts = {language: sum(map(_words, lines)) for language, lines in found.items()}
    few = {language: count for language, count in counts.items() if count < FEWEST_WORDS}
    if few:
        listed = ", ".join(f"{language} ({count:,} words)" for language, count in few.items())
        raise UserError(
            f"too little text of {listed} in {' and '.join(told)}: each language needs {FEWEST_WORDS} words at least; "
            "name more with --text FOLDER, which holds files such as sw.txt, or --data DIR --task panx,tatoeba"
        )


def _words(line: str) -> int:
    """Words of a line; where a script writes no spaces, two letters count as one."""
    return sum(1 if word.isascii() else max(1, len(word) // 8) for word in line.split())

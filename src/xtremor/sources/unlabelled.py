"""Text without labels, of any language: files of the user's own, or a task's own rows with their labels dropped."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.languages import is_english
from xtremor.sources.base import Source
from xtremor.sources.own import OwnSource
from xtremor.sources.own.conll import SUFFIXES as SENTENCES
from xtremor.sources.own.conll import words
from xtremor.sources.own.infer import check_named
from xtremor.sources.own.language_files import canonical
from xtremor.sources.own.loaded import check_text
from xtremor.sources.own.sentences import PLAIN, sentence_reader
from xtremor.sources.own.tables import SUFFIXES as TABLES
from xtremor.sources.own.tables import open_table, text_column
from xtremor.tasks.base import Example, TaggingExample, TaskCard, TextExample

# ISO 639-2 for a language that is not stated.
UNDETERMINED = "und"
CATEGORIES = ("classification", "tagging")


@dataclass(frozen=True)
class UnlabelledSettings:
    """Which text joins a run, and how much of it an update takes.

    Attributes:
        rows: texts beside the labelled rows of an update.
        files: a folder, or files between commas, each with or without ``code=``; None where there are none.
        languages: of the task whose own rows join.
        split: that those are of.
        text, text_pair: columns of the files; None is inferred, a second text never.
    """

    rows: int
    files: str | None = None
    languages: tuple[str, ...] = ()
    split: str = "dev"
    text: str | None = None
    text_pair: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "languages", tuple(self.languages))
        if self.rows < 1:
            raise UserError(f"--unlabelled-rows must be at least 1, not {self.rows}")

    @property
    def label(self) -> str:
        """Part of an arm's label: ``unlabelled32-sw+tr-dev``, or a file's name with something that tells it apart."""
        parts = [f"unlabelled{self.rows}"]
        if self.files is not None:
            told = hashlib.sha256(self.files.encode()).hexdigest()[:4]
            parts.append(f"{Path(self.files.split(',')[0]).name.split('.')[0]}-{told}")
        if self.languages:
            parts.append(f"{'+'.join(self.languages)}-{self.split}")
        return "-".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "languages": list(self.languages)}


@dataclass(frozen=True)
class UnlabelledRows:
    """Rows without a label.

    Attributes:
        examples: of the task's kind.
        files: file -> language, sha256 (None for rows of the task itself) and rows.
    """

    examples: list[Any]
    files: dict[str, dict[str, Any]]

    @property
    def languages(self) -> dict[str, int]:
        """Language -> rows, in the order in which they were read."""
        return dict(Counter(each.language for each in self.examples))

    @property
    def foreign(self) -> list[str]:
        """Languages that are not English, those that are not stated among them."""
        return [code for code in self.languages if not is_english(code)]


def check_category(card: TaskCard) -> None:
    """Raise UserError for a task of a category that unlabelled text cannot join yet."""
    if card.category not in CATEGORIES:
        raise UserError(
            f"unlabelled text can join {' and '.join(CATEGORIES)}; {card.name} is {card.category}: leave --unlabelled "
            "out, or train in a loop of your own with robust.step(batch, unlabelled=...)"
        )


def read_unlabelled(settings: UnlabelledSettings, card: TaskCard, source: Source, texts: int | None) -> UnlabelledRows:
    """Read all of it.

    Args:
        settings: what was named.
        card: of the task.
        source: of the task, for rows of its own.
        texts: 2 where the task's rows are pairs, 1 where they are single texts, None where they are sentences.

    Raises:
        UserError: nothing is named or there, a file or a row that cannot be used, pairs where single texts are needed.
    """
    check_category(card)
    examples: list[Any] = []
    files: dict[str, dict[str, Any]] = {}
    for language, path in () if settings.files is None else files_named(settings.files, card):
        found = list(_read(settings, card, source, path, language, texts))
        if path.name in files:
            raise UserError(f"--unlabelled names two files that are called {path.name}; rename one")
        files[path.name] = {"language": language, "sha256": _digest(path), "rows": len(found)}
        examples += found
    for language in settings.languages:
        found = _of_the_task(settings, card, source, language)
        files[found[0].file] = {"language": language, "sha256": None, "rows": len(found), "split": settings.split}
        examples += found
    if not examples:
        raise UserError("--unlabelled names no text; name a file, a folder of files such as sw.txt, or both")
    return UnlabelledRows(examples, files)


def files_named(named: str, card: TaskCard) -> list[tuple[str, Path]]:
    """(language, file): of a folder every file that can be read, else those between commas.

    Raises:
        UserError: nothing there, or nothing that can be read.
    """
    suffixes = (*SENTENCES, PLAIN) if card.category == "tagging" else tuple(TABLES)
    folder = Path(named)
    if folder.is_dir():
        inside = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        found = [(canonical(path.stem) or UNDETERMINED, path) for path in inside if path.suffix.lower() in suffixes]
        if not found:
            raise UserError(
                f"--unlabelled {named} holds no file of texts; expected files such as sw.txt ({_or(suffixes)})"
            )
        return found
    return [_named(part.strip(), suffixes) for part in named.split(",") if part.strip()]


def _named(part: str, suffixes: Sequence[str]) -> tuple[str, Path]:
    """``sw=wiki.txt`` or ``wiki.txt`` -> (language, file)."""
    left, equals, right = part.partition("=")
    stated = bool(equals) and not Path(part).exists()
    path = Path(right) if stated else Path(part)
    code = canonical(left.strip() if stated else path.stem)
    if stated and code is None:
        raise UserError(f"--unlabelled: '{left}' is no language code (ISO 639-1 or 639-3); write it as in sw={path}")
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"--unlabelled: {path} {state}; name a folder, or files between commas")
    if path.suffix.lower() not in suffixes:
        raise UserError(f"--unlabelled: {path} is no file of texts; expected {_or(suffixes)}")
    return code or UNDETERMINED, path


def _or(suffixes: Sequence[str]) -> str:
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"


def _read(
    settings: UnlabelledSettings, card: TaskCard, source: Source, path: Path, language: str, texts: int | None
) -> Iterator[Example]:
    """The rows of a file as examples."""
    if card.category == "tagging":
        if settings.text is not None or settings.text_pair is not None:
            raise UserError(f"--unlabelled-text names a column of a table, and {path} holds sentences; leave it out")
        bare = (words(sentence) for sentence in sentence_reader(path)())
        for row, tokens in enumerate(tokens for tokens in bare if tokens):
            yield TaggingExample(card.name, path.name, row, f"{path.name} {row}", language, tokens, None)
        return
    table = open_table(path)
    columns = _columns(settings, source, table, texts)
    for row, (number, values) in enumerate(table.rows()):
        for column in columns:
            check_text(table, number, column, values.get(column))
        found = tuple(values[column] for column in columns)
        yield TextExample(card.name, path.name, row, f"{path.name} {row}", language, found, None)


def _columns(settings: UnlabelledSettings, source: Source, table: Any, texts: int | None) -> tuple[str, ...]:
    """The text column or columns: those named, else those of the own training file, else the one that is text."""
    text, pair = settings.text, settings.text_pair
    own = source.task.columns if isinstance(source, OwnSource) else None
    if own is not None:
        text = text or (own.text if own.text in table.columns else None)
        pair = pair or (own.text_pair if own.text_pair in table.columns else None)
    if texts == 1 and pair is not None:
        raise UserError("--unlabelled-text-pair: the task's rows are single texts; leave it out")
    if texts == 2 and (text is None or pair is None):
        raise UserError(
            "the task's rows are pairs of texts; name both columns with --unlabelled-text and --unlabelled-text-pair "
            f"(columns of {table.name}: {', '.join(table.columns)}), or take its own rows with --unlabelled-languages"
        )
    text = text or text_column(table, pair, "--unlabelled-text")
    named = {"--unlabelled-text": text, "--unlabelled-text-pair": pair}
    check_named(table.name, named, table.columns)
    return (text,) if pair is None else (text, pair)


def _of_the_task(settings: UnlabelledSettings, card: TaskCard, source: Source, language: str) -> list[Any]:
    """Rows of the task in a language, their labels dropped."""
    known = source.languages(settings.split) if settings.split in ("train", "dev", *card.splits) else []
    if language not in known:
        others = [split for split in card.splits if language in source.languages(split)]
        hint = f"; its {others[0]} has it: --unlabelled-split {others[0]} (texts that are scored)" if others else ""
        if not known:
            raise UserError(f"--unlabelled-split {settings.split}: {card.name} has no such split{hint}")
        raise unknown(f"language of {card.name} {settings.split}", language, known, f"of those with rows{hint}")
    dropped = {"tags": None} if card.category == "tagging" else {"label": None}
    return [replace(each, **dropped) for each in source.examples(settings.split, language)]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

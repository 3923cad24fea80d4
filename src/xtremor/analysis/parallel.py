"""Parallel rows: an English text, or pair of texts, and its translation, from a task's files or from a user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.sources.base import RetrievalSource, Source
from xtremor.sources.official.clusters import PLACEHOLDER, connected
from xtremor.sources.own.language_files import canonical
from xtremor.sources.text import TextFile
from xtremor.tasks.base import TaskCard, TextExample

ENGLISH = "en"
# Tasks whose rows are translations of English ones, row by row or by the id of a question.
PARALLEL_TASKS = ("xnli", "pawsx", "tatoeba", "xquad", "mlqa")
OWN = "own pairs"


@dataclass(frozen=True)
class ParallelRows:
    """N rows of one language beside their English originals.

    Attributes:
        language: of the translations.
        english, other: N rows each, row i a translation of row i; equal in ``cluster`` and ``label``.
    """

    language: str
    english: list[TextExample]
    other: list[TextExample]

    def __len__(self) -> int:
        return len(self.english)

    @property
    def clusters(self) -> list[str]:
        """Ids of the rows that share text."""
        return [each.cluster for each in self.english]

    def first(self, limit: int | None) -> ParallelRows:
        """The first rows."""
        return ParallelRows(self.language, self.english[:limit], self.other[:limit])

    def digest(self) -> str:
        """The sha256 over all texts and labels."""
        rows = [(one.texts, two.texts, one.label) for one, two in zip(self.english, self.other, strict=True)]
        return hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()


def from_task(
    card: TaskCard, source: Source, split: str | None, languages: Sequence[str] | None
) -> tuple[list[ParallelRows], list[str]]:
    """Rows of every language of a task beside their English originals, and what a reader must know of them.

    Rows of ``xnli`` and ``pawsx`` are dropped, in all these languages alike, where one of them has a placeholder or
    another label than English; questions of ``xquad`` and ``mlqa`` that English lacks are left out.

    Raises:
        UserError: a task whose rows are no translations, a language that it lacks, English alone, or files that are
            not parallel.
    """
    if card.name not in PARALLEL_TASKS:
        raise UserError(
            f"the rows of {card.name} are no translations of English ones; name one of {', '.join(PARALLEL_TASKS)} "
            "with --task, or files of your own with --pairs"
        )
    split = split or card.splits[0]
    chosen = _chosen(card, source, split, languages)
    if isinstance(source, RetrievalSource):
        return [_retrieved(source, split, code) for code in chosen], []
    english = source.examples(split, ENGLISH)
    columns = {code: source.examples(split, code) for code in chosen}
    if card.category == "spans":
        return _questions(english, columns)
    return _aligned(english, columns)


def _chosen(card: TaskCard, source: Source, split: str, languages: Sequence[str] | None) -> list[str]:
    there = source.languages(split)
    if languages is None:
        chosen = [code for code in there if not is_english(code)]
    else:
        chosen = [code for code in languages if not is_english(code)]
        missing = [code for code in chosen if code not in there]
        if missing:
            raise UserError(
                f"{card.name} {split} has no {', '.join(missing)} here; it has {', '.join(there) or 'no file at all'}"
            )
    if not chosen:
        raise UserError(f"{card.name} {split}: there is English alone; name languages that it was translated into")
    return chosen


def _retrieved(source: RetrievalSource, split: str, code: str) -> ParallelRows:
    """Queries are English, candidates their translations."""
    candidates = {each.id: each for each in source.candidates(split, code)}
    english, other = [], []
    for query in sorted(source.examples(split, code), key=lambda each: each.row):
        if not query.gold:
            raise UserError(
                f"{query.file}: the translations of its rows are not known; use the unsorted original files"
            )
        english.append(query)
        other.append(candidates[query.gold[0]])
    texts = [((one.text,), (two.text,)) for one, two in zip(english, other, strict=True)]
    return _rows(code, english, other, texts, connected([(*one, *two) for one, two in texts], f"{split}/{code}"))


def _rows(
    code: str, english: Sequence[Any], other: Sequence[Any], texts: Sequence[Any], clusters: Sequence[str]
) -> ParallelRows:
    made: tuple[list[TextExample], list[TextExample]] = ([], [])
    for one, two, both, cluster in zip(english, other, texts, clusters, strict=True):
        label = getattr(one, "label", None)
        for row, each, language, text in zip(made, (one, two), (ENGLISH, code), both, strict=True):
            row.append(TextExample(each.task, each.file, each.row, cluster, language, text, label))
    return ParallelRows(code, *made)


def _questions(english: Sequence[Any], columns: Mapping[str, Sequence[Any]]) -> tuple[list[ParallelRows], list[str]]:
    """Matched by id; a row is the question and its paragraph, as a model reads them."""
    found, notes = [], []
    originals = {each.id: each for each in english}
    for code, rows in columns.items():
        kept = [row for row in rows if row.id in originals]
        if len(kept) < len(rows):
            notes.append(f"{code}: {len(rows) - len(kept):,} questions that English lacks are left out")
        if not kept:
            raise UserError(f"{rows[0].file}: none of its questions has the id of an English one")
        pairs = [(originals[row.id], row) for row in kept]
        texts = [tuple((each.question, each.context) for each in pair) for pair in pairs]
        one, two = (list(side) for side in zip(*pairs, strict=True))
        found.append(_rows(code, one, two, texts, [each.cluster for each in two]))
    return found, notes


def _aligned(english: Sequence[Any], columns: Mapping[str, Sequence[Any]]) -> tuple[list[ParallelRows], list[str]]:
    """Matched by row number."""
    for code, rows in columns.items():
        if len(rows) != len(english):
            raise UserError(
                f"{rows[0].file} has {len(rows):,} rows and {english[0].file} {len(english):,}: {code} is not parallel "
                "to English; download both again"
            )
    numbers = range(len(english))
    bare = {row for each in (english, *columns.values()) for row in numbers if _untranslated(each[row])}
    labels = {row for each in columns.values() for row in numbers if each[row].label != english[row].label}
    kept = [row for row in numbers if row not in bare | labels]
    notes = []
    if len(kept) < len(english):
        notes.append(
            f"{len(english) - len(kept):,} of {len(english):,} rows are left out in all languages: {len(bare):,} with "
            f"the placeholder {PLACEHOLDER}, {len(labels):,} with labels that differ from English"
        )
    one = [english[row] for row in kept]
    found = []
    for code, rows in columns.items():
        two = [rows[row] for row in kept]
        texts = [(first.texts, second.texts) for first, second in zip(one, two, strict=True)]
        found.append(_rows(code, one, two, texts, [each.cluster for each in one]))
    return found, notes


def _untranslated(example: TextExample) -> bool:
    return any(text.strip() == PLACEHOLDER for text in example.texts)


def from_files(pairs: str, english: Path | None = None) -> list[ParallelRows]:
    """A user's own rows.

    Args:
        pairs: files between commas, each ``sw=path`` or named by its language (``sw.tsv``), or a folder of such. They
            hold an English text and its translation with a tab between them, or with ``english`` translations alone.
        english: a file of English texts, line by line the originals of every file of ``pairs``.

    Raises:
        UserError: a file that is missing, empty lines (with file and line), files of different length, a language
            twice, English alone.
    """
    files = _files(pairs)
    originals = None if english is None else _lines(english)
    found = []
    for code, path in files.items():
        if originals is None:
            rows = [(number, *_fields(path, number, line)) for number, line in TextFile(path).lines()]
        else:
            assert english is not None
            lines = _lines(path)
            if len(lines) != len(originals):
                raise UserError(
                    f"{path} has {len(lines):,} lines and {english} {len(originals):,}; line by line they must be "
                    "translations of each other, so restore what is missing"
                )
            rows = [(at + 1, one, two) for at, (one, two) in enumerate(zip(originals, lines, strict=True))]
        clusters = connected([(one, two) for _, one, two in rows], code)
        sides = []
        for place, language in ((1, ENGLISH), (2, code)):
            texts = [(row[0], row[place]) for row in rows]
            sides.append(
                [
                    TextExample(OWN, str(path), number - 1, cluster, language, (str(text),), None)
                    for (number, text), cluster in zip(texts, clusters, strict=True)
                ]
            )
        found.append(ParallelRows(code, *sides))
    return found


def _files(pairs: str) -> dict[str, Path]:
    folder = Path(pairs)
    if folder.is_dir():
        named = [path.name for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
        parts = [str(folder / name) for name in named]
    else:
        parts = [part.strip() for part in pairs.split(",") if part.strip()]
    files: dict[str, Path] = {}
    for part in parts:
        left, equals, right = part.partition("=")
        path = Path(right) if equals and not Path(part).exists() else Path(part)
        stem = left if path != Path(part) else path.name.split(".")[0]
        code = canonical(stem)
        if not path.is_file():
            raise UserError(f"--pairs: {path} does not exist; name files such as sw=sentences.tsv between commas")
        if code is None:
            raise UserError(f"--pairs: '{stem}' is no language code; name the file's language as in sw={path}")
        if is_english(code):
            raise UserError(f"--pairs: {path} is English; name its translations, and an English file with --english")
        if code in files:
            raise UserError(f"--pairs: {files[code]} and {path} are both of the language {code}; leave one out")
        files[code] = path
    if not files:
        raise UserError(f"--pairs {pairs} names no file; name files such as sw=sentences.tsv between commas")
    return files


def _fields(path: Path, number: int, line: str) -> tuple[str, str]:
    fields = line.split("\t")
    if not line.strip():
        raise UserError(f"{path}, line {number} is empty; expected an English text and its translation")
    if len(fields) != 2:
        raise UserError(
            f"{path}, line {number} has {len(fields)} tab-separated columns; expected 2, an English text and its "
            "translation (files of one text a line go with --english FILE)"
        )
    for what, text in zip(("English text", "translation"), fields, strict=True):
        if not text.strip():
            raise UserError(f"{path}, line {number}: the {what} is empty; restore it or remove the line")
    return fields[0], fields[1]


def _lines(path: Path) -> list[str]:
    found = []
    for number, line in TextFile(path).lines():
        if not line.strip():
            raise UserError(f"{path}, line {number} is empty; expected a text, so restore it (in both files)")
        found.append(line)
    return found

"""Pairs of texts with a class: ``mnli``, ``anli``, ``qqp`` and ``qnli``.

JSON lines (MultiNLI 1.0, ANLI 1.0) or GLUE's TSV: a header line, then rows between tabs without any quoting. Read as
CSV, a quote at the start of a text would swallow every row up to the next one; QQP and QNLI have many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xtremor.errors import UserError
from xtremor.sources.intermediate.files import EnglishSource
from xtremor.sources.json_text import member, read_json_lines
from xtremor.sources.official.clusters import connected, premises
from xtremor.sources.text import TextFile, counted
from xtremor.tasks.base import TextExample

# Why a row is dropped.
UNDECIDED = "without a gold label ('-')"
INCOMPLETE = "with a missing text or label"


@dataclass(frozen=True, slots=True)
class PairFields:
    """How a task's files call what is in them.

    Attributes:
        texts: keys or columns of the two texts.
        label: key or column of the class.
        classes: the file's words for the classes -> the card's.
        undecided: whether a label ``-`` stands for annotators who did not agree.
        short: whether published rows lack columns at their end.
        clusters: (texts, prefix) -> a cluster id for each row.
    """

    texts: tuple[str, str]
    label: str
    classes: Mapping[str, str]
    undecided: bool = False
    short: bool = False
    clusters: Callable[[Sequence[tuple[str, ...]], str], list[str]] = field(default=premises)


FIELDS: dict[str, PairFields] = {
    "mnli": PairFields(
        ("sentence1", "sentence2"),
        "gold_label",
        {name: name for name in ("entailment", "neutral", "contradiction")},
        undecided=True,
    ),
    "anli": PairFields(
        ("context", "hypothesis"), "label", {"e": "entailment", "n": "neutral", "c": "contradiction"}
    ),
    "qqp": PairFields(
        ("question1", "question2"), "is_duplicate", {"0": "0", "1": "1"}, short=True, clusters=connected
    ),
    "qnli": PairFields(
        ("question", "sentence"), "label", {name: name for name in ("entailment", "not_entailment")}, clusters=connected
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it stands: 1-based line, texts and label; None for what is missing."""

    line: int
    texts: tuple[str | None, ...]
    label: str | None


class EnglishPairSource(EnglishSource):
    """Rows of ``mnli``, ``anli``, ``qqp`` or ``qnli``.

    Clusters: equal premises; questions that are connected by equal texts (QQP, QNLI).
    """

    def examples(self, split: str, language: str) -> list[TextExample]:
        """All usable rows of a split in file order; raises UserError at a missing file or the first wrong row."""
        fields = FIELDS[self.card.name]
        found: list[tuple[str, int, tuple[str, ...], str]] = []
        for name, file in self._files_of(split, language):
            before, dropped = len(found), Counter[str]()
            rows = _json_rows(file, fields) if file.path.suffix == ".jsonl" else _table_rows(file, fields)
            for row in rows:
                why = _unusable(row, fields)
                if why:
                    dropped[why] += 1
                    continue
                texts = tuple(text for text in row.texts if text is not None)
                found.append((name, row.line - 1, texts, _class(row, fields, file.name)))
            self._read(name, file, len(found) - before, dropped)
        clusters = fields.clusters([texts for _, _, texts, _ in found], f"{self.card.name}/{split}")
        return [
            TextExample(self.card.name, name, line, cluster, language, texts, label)
            for cluster, (name, line, texts, label) in zip(clusters, found, strict=True)
        ]


def _json_rows(file: TextFile, fields: PairFields) -> Iterator[_Row]:
    for line, (where, row) in enumerate(read_json_lines(file), start=1):
        texts = tuple(member(row, key, str, where) for key in fields.texts)
        yield _Row(line, texts, member(row, fields.label, str, where))


def _table_rows(file: TextFile, fields: PairFields) -> Iterator[_Row]:
    """Rows of GLUE's TSV by the names in its header."""
    places: list[int] = []
    width = 0
    for number, line in file.lines():
        cells = line.split("\t")
        if number == 1:
            width, wanted = len(cells), (*fields.texts, fields.label)
            missing = [column for column in wanted if column not in cells]
            if missing:
                raise UserError(
                    f"{file.name}, line 1 has no column '{missing[0]}'; expected GLUE's header with {', '.join(wanted)}"
                )
            places = [cells.index(column) for column in wanted]
            continue
        if len(cells) != width and not (fields.short and len(cells) < width):
            raise UserError(
                f"{file.name}, line {number} has {counted(len(cells))}; expected {width}, as in the header "
                "line: restore the row"
            )
        first, second, label = (cells[place] if place < len(cells) else None for place in places)
        yield _Row(number, (first, second), label)


def _unusable(row: _Row, fields: PairFields) -> str:
    """Why a row is dropped; empty where it is not."""
    if row.label is None or not row.label.strip() or not all(text and text.strip() for text in row.texts):
        return INCOMPLETE
    return UNDECIDED if fields.undecided and row.label.strip() == "-" else ""


def _class(row: _Row, fields: PairFields, file: str) -> str:
    written = (row.label or "").strip()
    if written not in fields.classes:
        raise UserError(
            f"{file}, line {row.line}: unknown label '{written[:40]}'; expected {', '.join(fields.classes)}"
        )
    return fields.classes[written]

"""Label the rows of a table, streaming, in bounded memory: columns with the answers are added to each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.labelling.answers import open_writer, output_kind
from xtremor.evaluation.labelling.checking import RowCheck
from xtremor.evaluation.labelling.running import counted, shares, standard, stoppable
from xtremor.evaluation.labelling.trained import TrainedFolder
from xtremor.sources.own.table import Row, Table
from xtremor.sources.own.tables import STANDARD_INPUT, open_table
from xtremor.wording import number_of

if TYPE_CHECKING:
    from xtremor.evaluation.labelling import LabelSettings

# Rows and characters in memory at a time. A stream is answered in smaller portions.
CHUNK_ROWS, CHUNK_CHARACTERS = 2048, 1_000_000
STREAM_ROWS = 256

Rows = Sequence[dict[str, Any]]


class RowLabeller(Protocol):
    """A model that labels rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it reads; each must hold a text in every row."""
        ...

    @property
    def added(self) -> list[str]:
        """Columns of its answers."""
        ...

    @property
    def found(self) -> str:
        """What it reads, for people."""
        ...

    @property
    def max_length(self) -> int:
        """Tokens that inputs are cut at."""
        ...

    def label(self, rows: Rows) -> tuple[list[dict[str, Any]], int]:
        """The answers of rows (``predicted`` among them), and the number of texts that were cut."""
        ...


def label_table(trained: TrainedFolder, file: str, output: Path | None, settings: LabelSettings) -> int:
    """Write a table with ``predicted`` and ``confidence`` added; see `labelling.label_file`.

    ``confidence`` is the softmax probability of the predicted class or choice, not calibrated.
    """
    kind = output_kind(output)
    if file == STANDARD_INPUT and kind == "parquet":
        raise UserError("rows from standard input cannot be written as Parquet; name a .jsonl or .csv output")
    table = open_table(file)
    labeller = _labeller(trained, table, settings)
    check = RowCheck(table, labeller.columns, kind, labeller.added)
    if file != STANDARD_INPUT:
        for number, row in table.rows():
            check.row(number, row)
    rows = f"{number_of(check.count, 'rows')}, " if check.count else ""
    say(f"{table.name}: {rows}{labeller.found}")
    return _label(table, labeller, check, output)


def _labeller(trained: TrainedFolder, table: Table, settings: LabelSettings) -> RowLabeller:
    if trained.category == "choice":
        from xtremor.evaluation.labelling.choices import choice_labeller

        return choice_labeller(trained, table, settings)
    from xtremor.evaluation.labelling.texts import text_labeller

    return text_labeller(trained, table, settings)


def _label(table: Table, labeller: RowLabeller, check: RowCheck, output: Path | None) -> int:
    """Label and write all rows."""
    stream = check.count == 0
    counts: Counter[str] = Counter()
    cut = 0
    schema = check.schema() if check.kind == "parquet" else {}
    rows = _checked(table, check) if stream else table.rows()
    size = STREAM_ROWS if stream else CHUNK_ROWS
    with (
        stoppable(output),
        open_writer(output, table, schema, labeller.added) as writer,
        counted(table.name, check.count) as advance,
    ):
        for chunk in _chunks(rows, labeller.columns, size):
            answers, truncated = labeller.label(chunk)
            writer.write(chunk, answers)
            counts.update(answer["predicted"] for answer in answers)
            cut += truncated
            advance(len(chunk))
    say(f"{number_of(counts.total(), 'rows')} labelled{'' if standard(output) else f' in {output}'}: {shares(counts)}")
    if cut:
        say(f"cut at {labeller.max_length:,} tokens: {number_of(cut, 'texts')}")
    return counts.total()


def _checked(table: Table, check: RowCheck) -> Iterator[Row]:
    for number, row in table.rows():
        check.row(number, row)
        yield number, row


def _chunks(rows: Iterable[Row], texts: Sequence[str], size: int) -> Iterator[list[dict[str, Any]]]:
    """Portions of at most ``size`` rows; fewer where their texts are long."""
    chunk: list[dict[str, Any]] = []
    characters = 0
    for _, row in rows:
        chunk.append(row)
        characters += sum(len(row[text]) for text in texts)
        if len(chunk) == size or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def answers(found: Any, labels: Sequence[str], every: bool) -> list[dict[str, Any]]:
    """The columns that are added.

    Args:
        found: (N, C) probabilities; written with six decimals.
        labels: names of the C classes or choices.
        every: add a column for each of them.
    """
    best = found.argmax(axis=1)
    said = []
    for row, index in zip(found.round(6).tolist(), best.tolist(), strict=True):
        answer: dict[str, Any] = {"predicted": labels[index], "confidence": row[index]}
        if every:
            answer |= dict(zip(probability_columns(labels), row, strict=True))
        said.append(answer)
    return said


def probability_columns(labels: Sequence[str]) -> list[str]:
    """The columns that ``--probabilities`` adds."""
    return [f"probability_{label}" for label in labels]

"""Where rows come from: one protocol for the official layout on disk, the hub and the starter data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from xtremor.errors import UserError
from xtremor.tasks.base import RetrievalExample, RetrievalPair


@dataclass(frozen=True, slots=True)
class DataRecord:
    """What a source read, kept beside every score.

    Attributes:
        source: name of the source and the version of its data.
        files: file -> {"sha256": hex digest, "rows": kept rows, "dropped": rows dropped, "why": reason}.
        notes: anything a reader of the scores must know (missing languages, synthetic text, ...).
    """

    source: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """Rows of one task. Splits are ``train`` and ``dev`` (English) and those named by the card."""

    def languages(self, split: str) -> list[str]:
        """Codes for which ``split`` exists, in the card's order."""
        ...

    def examples(self, split: str, language: str) -> list[Any]:
        """All rows of a split in file order; raises UserError when the split or a row is unusable.

        They are of the kind of example that the task's category has (``tasks.base``): a list of TextExample for
        classification, ChoiceExample, TaggingExample, SpanExample or, for the queries of retrieval, RetrievalExample.
        """
        ...

    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        ...

    def record(self) -> DataRecord:
        """What has been read so far."""
        ...


@runtime_checkable
class RetrievalSource(Source, Protocol):
    """A source whose examples are queries, ranked against candidates.

    Attributes:
        shared_candidates: whether queries of all languages are ranked against the same candidates.
    """

    shared_candidates: bool

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        """What the queries of a language are ranked against, in an order that decides ties."""
        ...


def training_examples(source: Source) -> list[Any]:
    """The English training rows: what `Source.examples` gives, or a `RetrievalPair` for each query with its passage.

    Raises:
        UserError: as `Source.examples`; a query has no passage.
    """
    examples = source.examples("train", "en")
    if not isinstance(source, RetrievalSource):
        return examples
    passages = {each.id: each for each in source.candidates("train", "en")}
    return [RetrievalPair(query, _passage(query, passages)) for query in examples]


def _passage(query: RetrievalExample, passages: dict[str, RetrievalExample]) -> RetrievalExample:
    found = next((passages[identity] for identity in query.gold or () if identity in passages), None)
    if found is None:
        raise UserError(f"{query.file}, item {query.row + 1}: the query '{query.id}' has no passage that answers it")
    return found

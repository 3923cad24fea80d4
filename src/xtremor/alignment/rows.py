"""Parallel rows that something is fitted on, and which of them are too near to what is scored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.analysis.parallel import PARALLEL_TASKS, ParallelRows, from_files, from_task
from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.sources.base import RetrievalSource, Source
from xtremor.tasks.base import ChoiceExample, RetrievalExample, SpanExample, TaggingExample, TaskCard

if TYPE_CHECKING:
    from xtremor.evaluation.selection import EvaluationSettings


@dataclass(frozen=True)
class ParallelData:
    """Parallel rows by language, and where they come from.

    Attributes:
        languages: code -> rows.
        name: ``xnli dev``, or ``own pairs``.
        notes: what a reader must know.
        record: what was read; None for a user's own files, whose digests are in `identity`.
    """

    languages: dict[str, ParallelRows]
    name: str
    notes: tuple[str, ...] = ()
    record: dict[str, Any] | None = None

    def identity(self) -> dict[str, Any]:
        """What decides a result: the digest of every language's rows."""
        return {"name": self.name, "rows": {code: rows.digest()[:16] for code, rows in self.languages.items()}}

    @property
    def digest(self) -> str:
        """The sha256 over all rows."""
        return hashlib.sha256(repr(self.identity()).encode()).hexdigest()


def of_files(pairs: str, english: Path | None, languages: Sequence[str] | None) -> ParallelData:
    """A user's own rows, of all languages or of those that are named; see `analysis.parallel.from_files`."""
    found = {each.language: each for each in from_files(pairs, english)}
    if languages is not None:
        lacking = [code for code in languages if code not in found and not is_english(code)]
        if lacking and len(lacking) == len([code for code in languages if not is_english(code)]):
            raise UserError(f"--pairs names no file of {', '.join(lacking)}; it has {', '.join(found)}")
        found = {code: rows for code, rows in found.items() if code in languages}
    return ParallelData(found, "own pairs")


def of_task(
    card: TaskCard, source: Source, split: str | None, languages: Sequence[str] | None, scored: tuple[str, str] | None
) -> ParallelData:
    """Rows of a task in the languages that it has.

    Args:
        card, source: of the task; see `analysis.parallel.from_task`.
        split: None is dev where there is one, else the first; never what is scored, if there is another.
        languages: those that are wanted, None for all; what the task lacks is left out.
        scored: task and split that are scored; None where nothing is.

    Raises:
        UserError: as `from_task`; none of the languages is there.
    """
    check_parallel(card)
    if split is not None and split not in card.splits:
        raise UserError(f"--parallel-split {split}: {card.name} has {', '.join(card.splits)}")
    if split is None:
        order = sorted(card.splits, key=lambda each: ((card.name, each) == scored, each != "dev"))
        split = next((each for each in order if _any(source.languages(each), languages)), card.splits[0])
    there = source.languages(split)
    wanted = [code for code in (there if languages is None else languages) if not is_english(code)]
    found = [code for code in wanted if code in there]
    if not found:
        raise UserError(
            f"--parallel-task {card.name}: its {split} rows here are in {', '.join(there) or 'no language'}, none of "
            f"them in {', '.join(wanted) or 'another language than English'}; name another task, or --pairs"
        )
    rows, notes = from_task(card, source, split, found)
    record = source.record()
    return ParallelData(
        {each.language: each for each in rows}, f"{card.name} {split}", (*notes, *record.notes), asdict(record)
    )


def _any(there: Sequence[str], wanted: Sequence[str] | None) -> bool:
    """Whether there is another language than English, of those wanted."""
    return any(not is_english(code) and (wanted is None or code in wanted) for code in there)


def check_parallel(card: TaskCard) -> None:
    """Raise UserError for a task whose rows are no translations."""
    if card.name not in PARALLEL_TASKS:
        raise UserError(f"--parallel-task {card.name}: its rows are no translations; name {_or(PARALLEL_TASKS)}")


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def texts_of(example: Any) -> tuple[str, ...]:
    """The texts of an example of any kind, without space around them."""
    if isinstance(example, ChoiceExample):
        found: Iterable[str] = (example.context, *example.choices)
    elif isinstance(example, TaggingExample):
        found = (" ".join(example.tokens),)
    elif isinstance(example, SpanExample):
        found = (example.question, example.context)
    elif isinstance(example, RetrievalExample):
        found = tuple(text for text in (example.text, example.context) if text)
    else:
        found = example.texts
    return tuple(text.strip() for text in found)


def scored_texts(source: Source, split: str, languages: Sequence[str], settings: EvaluationSettings) -> frozenset[str]:
    """Every text of the rows that are scored, candidates of retrieval in these languages among them."""
    found: set[str] = set()
    for language in languages:
        for each in source.examples(split, language)[: settings.limit]:
            found.update(texts_of(each))
        if isinstance(source, RetrievalSource):
            for each in source.candidates(split, language):
                if each.language in languages or is_english(each.language):
                    found.update(texts_of(each))
    return frozenset(found)


def overlapping(rows: ParallelRows, texts: frozenset[str]) -> list[int]:
    """Numbers of the rows of which a text, English or not, is one of ``texts``."""
    return [
        number
        for number, pair in enumerate(zip(rows.english, rows.other, strict=True))
        if any(text in texts for each in pair for text in texts_of(each))
    ]


def without_rows(data: ParallelData, languages: Sequence[str]) -> list[str]:
    """The languages, English aside, that there are no parallel rows of."""
    return [code for code in languages if code not in data.languages and not is_english(code)]


def parallel_text_seen(record: Mapping[str, Any]) -> dict[str, Any]:
    """Language -> rows of parallel text that went into a run, or into the stages before it; empty where none did.

    ``record`` is its run.json.
    """
    stages = (record.get("lineage") or {}).get("stages") or ()
    each = [record.get("training") or {}, *(stage.get("training") or {} for stage in stages)]
    found: dict[str, int] = {}
    for training in each:
        for code, rows in ((training.get("alignment") or {}).get("languages") or {}).items():
            found[code] = found.get(code, 0) + int(rows)
    return found

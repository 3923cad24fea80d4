"""Which rows of a task are scored, and how a score file tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xtremor.computing import check_precision
from xtremor.errors import UserError, unknown
from xtremor.sources.base import Source
from xtremor.sources.generalized import GeneralizedSource
from xtremor.sources.own import OwnSource
from xtremor.tasks.base import TaskCard
from xtremor.tasks.embedding import Embedding
from xtremor.training.folder import RunFolder, read_json


@dataclass(frozen=True)
class EvaluationSettings:
    """What is scored.

    Attributes:
        split: of the task; None is the card's first.
        languages: codes, or None for every language of the task.
        limit: first rows of each language, the same ones for every model; None is all.
        max_length: longest input in tokens.
        embedding: in retrieval, how vectors are made.
        precision: of products, ``fp32`` or ``bf16``.
    """

    split: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    max_length: int = 128
    embedding: Embedding = field(default_factory=Embedding)
    precision: str = "fp32"

    def selection(self) -> dict[str, Any]:
        """What a score file must record to tell whether it answers these settings."""
        chosen = {"split": self.split, "languages": self.languages and list(self.languages), "limit": self.limit}
        return chosen if self.precision == "fp32" else {**chosen, "precision": self.precision}

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit must be at least 1, not {self.limit}")
        check_precision(self.precision)


def read_examples(card: TaskCard, source: Source, settings: EvaluationSettings) -> tuple[str, dict[str, list[Any]]]:
    """The split's name and the rows to score, by language.

    Raises:
        UserError: a split or a language that the task lacks, a file that is missing, rows without labels.
    """
    split, chosen = chosen_languages(card, source, settings)
    return split, {language: source.examples(split, language)[: settings.limit] for language in chosen}


def count_examples(card: TaskCard, source: Source, settings: EvaluationSettings) -> tuple[str, dict[str, int]]:
    """The split's name and the number of rows to score by language; every file is read and checked, and let go again.

    Raises:
        UserError: as `read_examples`.
    """
    split, chosen = chosen_languages(card, source, settings)
    return split, {language: len(source.examples(split, language)[: settings.limit]) for language in chosen}


def chosen_languages(card: TaskCard, source: Source, settings: EvaluationSettings) -> tuple[str, list[str]]:
    """The split's name and the languages to score; raises UserError as `read_examples`, but for what the files hold."""
    split = settings.split or card.splits[0]
    if split not in card.splits:
        raise unknown("split", split, card.splits)
    known = card.languages or tuple(source.languages(split))
    for language in settings.languages or ():
        if language not in known:
            own = isinstance(source, OwnSource)
            hint = "--data names no file of it" if own else f"`xtremor languages --task {card.name}` lists them"
            raise unknown(f"language of {card.name}", language, known, hint)
    chosen = settings.languages or known
    if not chosen:
        first = source.files.examples[0] if isinstance(source, OwnSource) else "sw.csv"
        raise UserError(
            f"there is nothing to score: name labelled files of {card.name} with --data, a folder of files such as "
            f"{first}, or {first},de=german{Path(first).suffix}"
        )
    missing = [language for language in chosen if language not in source.languages(split)]
    if missing and settings.languages is None and len(missing) < len(chosen):
        present = ",".join(language for language in chosen if language not in missing)
        raise UserError(
            f"{card.name} {split}: the data lacks {', '.join(missing)}; add the files, or score the others with "
            f"--languages {present}"
        )
    return split, list(chosen)


def selection(settings: EvaluationSettings, source: Source) -> dict[str, Any]:
    """What was scored: the settings, which files where the user chose them, and whether in the generalized setting."""
    chosen = settings.selection()
    if isinstance(source, OwnSource):
        chosen["files"] = source.scored_files()
    if isinstance(source, GeneralizedSource):
        chosen["generalized"] = True
    if getattr(source, "upstream_question", False):
        chosen["upstream_question"] = True
    return chosen


def evaluated(folder: RunFolder, settings: EvaluationSettings, source: Source) -> bool:
    """Whether the run's score file answers these settings on these files."""
    return folder.scores.exists() and read_json(folder.scores).get("selection") == selection(settings, source)

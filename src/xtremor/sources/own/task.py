"""What a run records of a user's own task, and the card that is made of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.own.infer import Columns
from xtremor.tasks.base import TaskCard

# What a record without a category is of: those that were written before there were other kinds.
FIRST = "classification"


@dataclass(frozen=True)
class FileFacts:
    """A file that a task was made of: its name, the digest of its bytes, its rows (sentences, questions)."""

    file: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class OwnTask:
    """A user's own task: enough to read other files of it where the training file is no longer at hand.

    Attributes:
        name: of the task.
        columns: as in the training file; None where it is no table.
        labels: names of the classes or tags in the order of the logits, of choices as the training file calls them;
            empty for questions.
        train: the training file.
        dev: the file of English dev rows; None where they are rows of the training file that were set aside.
        dev_rows: English dev rows.
        category: of ``xtremor.tasks``, and the kind of the files (``sources.own.kinds``).
    """

    name: str
    columns: Columns | None
    labels: tuple[str, ...]
    train: FileFacts
    dev: FileFacts | None = None
    dev_rows: int = 0
    category: str = FIRST

    def as_dict(self) -> dict[str, Any]:
        """Plain values for ``config.json`` and ``run.json``."""
        record: dict[str, Any] = {**asdict(self), "labels": list(self.labels)}
        # Left out where they say nothing: a run that was recorded without them must stay the same run.
        if self.category == FIRST:
            del record["category"]
        if self.columns is not None:
            choices = list(record["columns"].pop("choices"))
            record["columns"] |= {"choices": choices} if choices else {}
        return record

    @staticmethod
    def from_dict(record: dict[str, Any]) -> OwnTask:
        """The task of a record; raises UserError where the record was edited beyond use."""
        from xtremor.sources.own.kinds import NAMES

        try:
            dev, columns, category = record["dev"], record["columns"], record.get("category", FIRST)
            if category not in NAMES:
                raise KeyError(category)
            if columns is not None:
                columns = Columns(**{**columns, "choices": tuple(columns.get("choices", ()))})
            return OwnTask(
                name=record["name"],
                columns=columns,
                labels=tuple(record["labels"]),
                train=FileFacts(**record["train"]),
                dev=None if dev is None else FileFacts(**dev),
                dev_rows=record["dev_rows"],
                category=category,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"run.json: its record of the task cannot be used ({error}); was it edited?") from error

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the files that the task was made of."""
        return tuple(facts.sha256 for facts in (self.train, self.dev) if facts is not None)

    def card(self) -> TaskCard:
        """The card by which the commands know a task."""
        from xtremor.sources.own.kinds import kind

        described = kind(self.category).describe(self)
        return TaskCard(
            name=self.name,
            title=described.title,
            category=self.category,
            source="own",
            # Empty: the files that --data names decide.
            languages=(),
            labels=self.labels,
            metric=described.metric,
            train=f"the rows of {self.train.file}, which are taken to be English",
            licence="the owner's own",
            citation="none, it is the user's own",
            defaults=described.defaults,
            notes=described.notes,
        )

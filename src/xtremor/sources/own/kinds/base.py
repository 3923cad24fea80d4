"""What every kind of task provides, and what it is given and gives."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xtremor.errors import UserError
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.tasks.base import Defaults

ENGLISH = "en"


@dataclass(frozen=True)
class Named:
    """Columns that the user named, each None where not: a file that is no table has none."""

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    choices: tuple[str, ...] | None = None

    def options(self) -> dict[str, str]:
        """Option -> what was typed, for those that were."""
        typed = {"--text": self.text, "--text-pair": self.text_pair, "--label": self.label}
        typed["--choices"] = None if self.choices is None else ",".join(self.choices)
        return {option: column for option, column in typed.items() if column is not None}

    def refuse(self, file: str) -> None:
        """Raise UserError where a column was named, for a ``file`` (its name and what it is) that has none."""
        for option in self.options():
            raise UserError(f"{option} names a column of a table, and {file}; leave it out")


@dataclass(frozen=True)
class FileType:
    """Labelled files of a kind.

    Attributes:
        suffixes: lower case.
        examples: names of files of several languages, the simplest first.
        words: what such a file is called.
    """

    suffixes: tuple[str, ...]
    examples: tuple[str, ...]
    words: str

    def listed(self) -> str:
        """The examples, in words."""
        return f"{', '.join(self.examples[:-1])} or {self.examples[-1]}"

    def check(self, path: Path) -> None:
        """Raise UserError unless there is such a file, by its name."""
        if not path.is_file():
            raise UserError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; name a {self.words}")
        if path.suffix.lower() not in self.suffixes:
            raise UserError(f"{path} is no {self.words} by its name; expected {' or '.join(self.suffixes)}")


@dataclass(frozen=True)
class English:
    """A training file.

    Attributes:
        task: what is recorded, English dev aside.
        examples: all rows in file order.
        sentence: what was read and inferred, for people.
        notes: caveats that must travel with a score.
    """

    task: OwnTask
    examples: list[Any]
    sentence: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """What a task's card says of it.

    Attributes:
        title: in a line.
        metric: name of its scorer.
        defaults: training settings.
        notes: caveats that must travel with a score.
    """

    title: str
    metric: str
    defaults: Defaults
    notes: tuple[str, ...] = ()


class Kind(Protocol):
    """Functions of a module in this package; the module itself is the object."""

    FILES: FileType

    def read_english(self, name: str, path: Path, named: Named) -> English:
        """Read a training file and make the task ``name`` of it; raises UserError at the first unusable row."""
        ...

    def read_language(
        self, task: OwnTask, path: Path, language: str, file: str, columns: Columns | None
    ) -> tuple[list[Any], FileFacts]:
        """All rows of a labelled file of a task, and what the file was.

        Args:
            task: gives what labels there are.
            path: the file.
            language: of its rows.
            file: what records call it.
            columns: of a table.

        Raises:
            UserError: an unusable row, one without a label, a label that training lacks.
        """
        ...

    def describe(self, task: OwnTask) -> Description:
        """What the task's card says."""
        ...

    def content(self, example: Any) -> Hashable:
        """What a model reads of an example: equal for two that it cannot tell apart."""
        ...

    def answers(self, example: Any) -> Sequence[str]:
        """The right answers of an example; none where a question has none."""
        ...

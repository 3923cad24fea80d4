"""What is trained on and what is scored: options that several commands share, spread into flags by cyclopts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.sources.base import Source
    from xtremor.tasks.base import TaskCard

OWN = Group("Your own data", sort_key=1)
SCORING = Group("Scoring", sort_key=6)
FILE = Group("Options from a file", sort_key=7)

GENERALIZED_HELP = "Of xnli and pawsx: score every ordered pair of languages, a text in each (en+sw)."
DATA_HELP = (
    "Folder of XTREME-R files in the official layout; not for `intents` and `slots`. Of a task of your own: labelled "
    "files to score by language, a folder of files such as sw.csv, or sw.csv,de=german.csv."
)


def check_threads(threads: int | None) -> None:
    """Raise UserError for a number of threads that cannot be."""
    if threads is not None and threads < 1:
        raise UserError(f"--threads must be at least 1, not {threads}")


@Parameter(name="*", group=FILE)
@dataclass(frozen=True)
class ConfigOptions:
    """Options from a file; `xtremor.cli.config` answers them before a command is called, which takes no notice."""

    config: Annotated[
        Path | None, Parameter(help="TOML file of options, as radius = 0.003; what is typed wins over it.")
    ] = None
    print_config: Annotated[bool, Parameter(negative=(), help="Print such a file of what is typed, and stop.")] = False


# The default of every command that takes them.
CONFIG = ConfigOptions()


@Parameter(name="*")
@dataclass(frozen=True)
class TaskOptions:
    """Which task, and where its files are."""

    task: Annotated[
        str, Parameter(help="Name of a task (`xtremor tasks` lists them); `train` takes several between commas.")
    ] = "intents"
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None
    generalized: Annotated[bool, Parameter(negative=(), help=GENERALIZED_HELP)] = False
    train: Annotated[
        Path | None,
        Parameter(
            group=OWN,
            help="English file of your own, instead of --task: a table (.csv, .tsv, .jsonl, .parquet), tagged "
            "sentences (.conll, .bio, .iob, .conllu) or SQuAD's .json.",
        ),
    ] = None
    text: Annotated[str | None, Parameter(group=OWN, help="Its text column (default: inferred and shown).")] = None
    text_pair: Annotated[str | None, Parameter(group=OWN, help="Its second text column, for pairs.")] = None
    label: Annotated[str | None, Parameter(group=OWN, help="Its label column (default: inferred and shown).")] = None
    choices: Annotated[
        str | None, Parameter(group=OWN, help="Columns of multiple choice, between commas; --text is the context.")
    ] = None
    dev: Annotated[
        Path | None, Parameter(group=OWN, help="English dev file (default: 5% of the training file, at most 1,000).")
    ] = None
    task_name: Annotated[str | None, Parameter(group=OWN, help="Name of the task (default: the file's).")] = None

    def open(self, to_train: bool = False) -> tuple[TaskCard, Source]:
        """The card and the source of its rows; files of the user's own are read here, and what they hold is said.

        With ``to_train`` a task that has no training set is refused before its files are looked for.
        """
        from xtremor.sources import open_source
        from xtremor.sources.generalized import generalized_card
        from xtremor.tasks.cards import card
        from xtremor.tasks.category import check_trainable

        if self.train is not None:
            return self._open_own(self.train)
        if "," in self.task:
            raise UserError(f"--task {self.task} names several tasks, which `xtremor train` alone takes; name one here")
        settings = {"generalized": True} if self.generalized else {}
        for option in ("text", "text_pair", "label", "choices", "dev", "task_name"):
            if getattr(self, option) is not None:
                raise UserError(
                    f"--{option.replace('_', '-')} is about a file of your own; name that with --train FILE"
                )
        found = card(self.task)
        if to_train:
            check_trainable(found)
        source = open_source(found, self.data, **settings)
        return generalized_card(found) if self.generalized else found, source

    def several(self) -> list[tuple[TaskCard, Source]] | None:
        """The cards and sources of ``--task mnli,qqp``; None where one task is named.

        Raises:
            UserError: a name is empty, unknown or repeated, or an option is given that is about one task.
        """
        if "," not in self.task:
            return None
        from xtremor.sources import ON_DISK, open_source
        from xtremor.tasks.cards import card

        names = [name.strip() for name in self.task.split(",")]
        if not all(names):
            raise UserError(f"--task {self.task}: a name is missing beside a comma; write them as in --task mnli,qqp")
        if self.generalized:
            raise UserError("--generalized is about the scores of one task; leave it out where several are trained on")
        for option in ("train", "text", "text_pair", "label", "choices", "dev", "task_name"):
            if getattr(self, option) is not None:
                raise UserError(f"--{option.replace('_', '-')} is about a file of your own, which is trained on alone")
        cards = [card(name) for name in names]
        repeated = [each.name for place, each in enumerate(cards) if each in cards[:place]]
        if repeated:
            raise UserError(f"--task {self.task}: {repeated[0]} is named more than once")
        for each in cards:
            if each.category == "retrieval":
                raise UserError(
                    f"--task {self.task}: {each.name} is retrieval, which is trained on alone; leave it out"
                )
        return [(each, open_source(each, self.data if each.source in ON_DISK else None)) for each in cards]

    def _open_own(self, train: Path) -> tuple[TaskCard, Source]:
        from xtremor.sources.own.opening import OwnFiles, open_own

        if self.generalized:
            raise UserError("--generalized is for the task xnli or pawsx, not for a file of your own")
        if self.task != TaskOptions.task:
            raise UserError(f"--train makes a task of its own; leave out --task {self.task} (--task-name names yours)")
        data = None if self.data is None else str(self.data)
        columns = (self.text, self.text_pair, self.label)
        return open_own(OwnFiles(train, self.task_name, *columns, column_names(self.choices), self.dev, data))


def column_names(choices: str | None) -> tuple[str, ...] | None:
    """``a, b`` -> the names of columns; None stays None."""
    return None if choices is None else tuple(name.strip() for name in choices.split(","))


def open_recorded(
    record: dict[str, Any],
    data: Path | None,
    columns: dict[str, str | None],
    generalized: bool,
    task: str | None = None,
    upstream_question: bool = False,
) -> tuple[TaskCard, Source]:
    """The card and source of a run's task, from ``run.json``.

    Args:
        record: of the run.
        data: as ``--data``.
        columns: ``text``, ``text_pair``, ``label`` and ``choices`` of a user's own files, as typed; None where they are
            as in training.
        generalized: as ``--generalized``.
        task: a built-in task in place of the run's.
        upstream_question: as ``--upstream-question``.
    """
    chosen = task or record["task"]
    if upstream_question:
        return _open_upstream(chosen, data, generalized)
    if task is not None or record.get("own") is None:
        for name, column in columns.items():
            if column is not None:
                raise UserError(f"--{name.replace('_', '-')} is about files of your own; the task is {chosen}")
        return TaskOptions(chosen, data, generalized).open()
    if generalized:
        raise UserError(f"--generalized is for the task xnli or pawsx; the run is of the task {record['task']}")
    from xtremor.sources.own import Named, recorded_source

    choices = column_names(columns["choices"])
    named = Named(columns["text"], columns["text_pair"], columns["label"], choices)
    source = recorded_source(record["own"], data, named)
    return source.task.card(), source


def _open_upstream(task: str, data: Path | None, generalized: bool) -> tuple[TaskCard, Source]:
    """XCOPA with the field ``question`` as published."""
    from xtremor.sources import open_source
    from xtremor.tasks.cards import card

    if task.casefold() != "xcopa" or generalized:
        raise UserError(
            f"--upstream-question is about the field 'question' of xcopa; leave it out for {task}"
            f"{' --generalized' if generalized else ''}"
        )
    return card(task), open_source(card(task), data, upstream_question=True)


@Parameter(name="*", group=SCORING)
@dataclass(frozen=True)
class ScoringOptions:
    """What is scored."""

    split: Annotated[str | None, Parameter(help="Split to score (default: the task's test).")] = None
    languages: Annotated[str | None, Parameter(help="Codes between commas (default: every language of the task).")] = (
        None
    )
    limit: Annotated[int | None, Parameter(help="First rows of each language (default: all).")] = None

    def codes(self) -> tuple[str, ...] | None:
        """The languages named, or None for all."""
        if self.languages is None:
            return None
        codes = tuple(code.strip() for code in self.languages.split(",") if code.strip())
        if not codes:
            raise UserError("--languages names no language; write codes between commas, for example sw,tr")
        return codes

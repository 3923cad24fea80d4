"""Make a task of a user's English file, of any kind: check every row, set English dev rows aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.kinds import Kind, Named, kind, kind_of_training
from xtremor.sources.own.kinds.base import ENGLISH, English
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.wording import number_of

DEV_SHARE, MOST_DEV, DEV_SEED = 0.05, 1000, 0


@dataclass(frozen=True)
class OwnRows:
    """The English rows of a user's own task.

    Attributes:
        task: what is recorded.
        train, dev: examples.
        sentences: what was read and inferred, for people.
        notes: caveats that must travel with a score.
    """

    task: OwnTask
    train: list[Any]
    dev: list[Any]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]


def read_training(
    name: str,
    train: Path,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    dev: Path | None = None,
    choices: tuple[str, ...] | None = None,
) -> OwnRows:
    """Read the training file and, if one is named, the dev file.

    Args:
        name: of the task.
        train: its file, whose kind is seen from its suffix and the options.
        text, text_pair, label, choices: columns that the user named.
        dev: English dev file; None sets rows of ``train`` aside.

    Raises:
        UserError: a file that cannot be read, columns that must be named, labels that are none, a row without
            text or label, a dev row with a label that training lacks.
    """
    named = Named(text, text_pair, label, choices)
    read = kind(kind_of_training(train, named))
    found = read.read_english(name, train, named)
    if dev is not None:
        return _with_dev_file(read, found, train, dev)
    rows, held = set_aside(found.examples)
    if not any(read.answers(example) for example in held):
        # Questions without an answer alone cannot be scored.
        rows, held = found.examples, []
    notes = (*found.notes, *_untrained(read, rows, held, found.task.labels))
    said = (found.sentence, _dev_sentence(held), *notes)
    if held:
        notes += (
            f"{number_of(len(held), 'rows')} of {train.name}, drawn with seed {DEV_SEED}, are the English dev set",
        )
    return OwnRows(replace(found.task, dev_rows=len(held)), rows, held, said, notes)


def read_labelled(
    task: OwnTask, path: Path, language: str, file: str | None = None, columns: Columns | None = None
) -> tuple[list[Any], FileFacts]:
    """All rows of a labelled file of a task, and what the file was.

    Args:
        task: gives the kind of file, the labels, and the columns.
        path: the file.
        language: of its rows.
        file: what records call it; its name by default.
        columns: where they are called otherwise than in the training file.

    Raises:
        UserError: as `read_training`, or a label that is none of the task's.
    """
    return kind(task.category).read_language(task, path, language, file or path.name, columns or task.columns)


def set_aside(examples: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """(training rows, dev rows): 5% of the rows, at most 1,000, drawn by cluster, both in file order.

    Rows that share text (their first text, their sentence, their paragraph) stay on one side. A cluster that would
    make the dev set too large is passed over, so that a set in which texts repeat much gets a smaller one, or none.
    """
    import numpy as np

    sizes = Counter(example.cluster for example in examples)
    clusters = list(sizes)
    wanted = min(MOST_DEV, int(DEV_SHARE * len(examples)))
    held: set[str] = set()
    rows = 0
    for index in np.random.default_rng([DEV_SEED, 0xDE7]).permutation(len(clusters)):
        if rows + sizes[clusters[index]] <= wanted:
            held.add(clusters[index])
            rows += sizes[clusters[index]]
    training = [example for example in examples if example.cluster not in held]
    return training, [example for example in examples if example.cluster in held]


def _with_dev_file(read: Kind, found: English, train: Path, dev: Path) -> OwnRows:
    called = dev.name if dev.name != train.name else f"dev/{dev.name}"
    held, facts = read_labelled(found.task, dev, ENGLISH, called)
    if facts.sha256 == found.task.train.sha256:
        raise UserError(f"--dev {dev} holds the same as --train {train}; leave it out, and rows are set aside")
    seen = {read.content(example) for example in found.examples}
    rows = sum(read.content(example) in seen for example in held)
    shared = (
        (f"{rows:,} of {number_of(len(held), 'rows')} of {dev.name} have a text that is trained on",) if rows else ()
    )
    notes = (*found.notes, *shared)
    said = (found.sentence, f"English dev: the {number_of(facts.rows, 'rows')} of {dev}", *notes)
    return OwnRows(replace(found.task, dev=facts, dev_rows=len(held)), found.examples, held, said, notes)


def _dev_sentence(held: Sequence[Any]) -> str:
    if not held:
        return "English dev: none (too few rows to set any aside; name a file with --dev)"
    return (
        f"English dev: {number_of(len(held), 'rows')} of the training file, set aside with seed {DEV_SEED} "
        "(rows of equal text stay on one side); name a file with --dev to use that"
    )


def _untrained(read: Kind, rows: Sequence[Any], held: Sequence[Any], names: Sequence[str]) -> tuple[str, ...]:
    """A sentence where all rows of a class or tag were set aside."""
    there = {answer for example in rows for answer in read.answers(example)}
    lost = {answer for example in held for answer in read.answers(example)} - there
    absent = [name for name in names if name in lost]
    return (f"no training row is left for the class {', '.join(absent)}: its rows are all in dev",) if absent else ()

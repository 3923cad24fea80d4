"""A table of scores: systems, tasks, languages, seeds; checked once, so that what computes on it need not ask."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from xtremor.errors import UserError

# Without a column of tasks or languages there is one, called this.
ONE = "all"
# Scores of one test set, one system below 1 and another this many times above: shares beside percent.
MIXED = 20.0


@dataclass(frozen=True, slots=True)
class Target:
    """A test set: one language of one task."""

    task: str
    language: str

    def __str__(self) -> str:
        return self.language if self.task == ONE else f"{self.task} {self.language}"


@dataclass(frozen=True, slots=True)
class Row:
    """One score.

    Attributes:
        system: which arm, model or method.
        test: what was scored.
        seed: of the run, or of its first stage where several second stages build on one: the unit of replication.
        score: in the table's own unit.
        nested: of a second stage on the same first one; empty where there is one.
        place: where it stands, for messages.
        labelled: whether the run was trained on labels in the language, so that the score is no zero-shot one.
    """

    system: str
    test: Target
    seed: str
    score: float
    nested: str = ""
    place: str = ""
    labelled: bool = False


@dataclass(frozen=True)
class ScoreTable:
    """Scores by system, seed and test set, several second stages on one first stage averaged.

    Attributes:
        systems: in the order of the rows.
        tests: in the order of the rows.
        scores: system -> seed -> test set -> score in points.
        seeded: whether the rows had seeds at all.
        percent: whether scores are percentages, so that effects are points of 100.
        notes: what a reader must know of how the rows were read.
        labelled: system -> test sets in languages of which some run of it was trained on labels.
    """

    systems: tuple[str, ...]
    tests: tuple[Target, ...]
    scores: Mapping[str, Mapping[str, Mapping[Target, float]]]
    seeded: bool = True
    percent: bool = True
    notes: tuple[str, ...] = field(default=())
    labelled: Mapping[str, frozenset[Target]] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(dict.fromkeys(test.task for test in self.tests))

    def seeds(self, system: str) -> tuple[str, ...]:
        """Seeds of a system, in the order of their numbers where all are numbers."""
        return ordered(self.scores[system])

    @staticmethod
    def of(rows: Iterable[Row], seeded: bool = True, percent: bool = False) -> ScoreTable:
        """Check rows and arrange them.

        Scores that all lie in 0 to 1 are read as shares and shown in points of 100, unless they are known to be
        ``percent``: then a score of 0.4 is a poor one.

        Raises:
            UserError: no row, a score that is not finite, one cell twice, or shares beside percentages.
        """
        each = list(rows)
        if not each:
            raise UserError("there is no score to compare; expected a table with a row a score")
        _check(each, seeded)
        shares = not percent and _are_shares(each)
        if not shares and not percent:
            _check_scales(each)
        found: dict[str, dict[str, dict[Target, list[float]]]] = {}
        for row in each:
            cells = found.setdefault(row.system, {}).setdefault(row.seed, {})
            cells.setdefault(row.test, []).append(row.score * (100 if shares else 1))
        scores = {
            system: {seed: {test: fmean(values) for test, values in cells.items()} for seed, cells in seeds.items()}
            for system, seeds in found.items()
        }
        notes = ["Scores lie between 0 and 1: read as shares, shown in points of 100."] if shares else []
        notes += _nested(found)
        points = percent or all(0 <= row.score <= 100 for row in each)
        tests = tuple(dict.fromkeys(row.test for row in each))
        labelled: dict[str, set[Target]] = {}
        for row in each:
            if row.labelled:
                labelled.setdefault(row.system, set()).add(row.test)
        frozen = {system: frozenset(own) for system, own in labelled.items()}
        return ScoreTable(tuple(found), tests, scores, seeded, points, tuple(notes), frozen)


def ordered(seeds: Iterable[str]) -> tuple[str, ...]:
    """Sorted, as numbers where all are whole numbers."""
    names = list(seeds)
    if all(name.lstrip("-").isdigit() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def _check(rows: Sequence[Row], seeded: bool) -> None:
    first: dict[tuple[str, Target, str, str], Row] = {}
    for row in rows:
        if not math.isfinite(row.score):
            raise UserError(f"{row.place}: the score is {row.score}, not a finite number; remove the row or repair it")
        other = first.setdefault((row.system, row.test, row.seed, row.nested), row)
        if other is not row:
            advice = (
                "keep one of them, or name a column that tells second stages apart with --nested-column"
                if seeded
                else "they would be taken for one run: name a column of seeds with --seed-column"
            )
            seed = f", seed {row.seed}" if seeded else ""
            raise UserError(
                f"{row.place} and {other.place} are both of system '{row.system}' on {row.test}{seed}; {advice}"
            )


def _are_shares(rows: Sequence[Row]) -> bool:
    return all(0 <= row.score <= 1 for row in rows) and any(0 < row.score < 1 for row in rows)


def _check_scales(rows: Sequence[Row]) -> None:
    """Refuse shares beside percentages: 0.63 beside 63 of one test set, or one task of shares beside another."""
    by_test: dict[Target, list[Row]] = {}
    for row in rows:
        by_test.setdefault(row.test, []).append(row)
    for each in by_test.values():
        low, high = (choose(each, key=lambda row: row.score) for choose in (min, max))
        if 0 < low.score <= 1 < high.score and high.score > MIXED * low.score:
            _refuse_scales(low, high)
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row.test.task, []).append(row)
    highest = [max(each, key=lambda row: row.score) for each in by_task.values()]
    low, high = (choose(highest, key=lambda row: row.score) for choose in (min, max))
    if 0 < low.score <= 1 < high.score:
        _refuse_scales(low, high)


def _refuse_scales(low: Row, high: Row) -> None:
    raise UserError(
        f"{low.place} has {low.score:g} ('{low.system}' on {low.test}) where {high.place} has {high.score:g} "
        f"('{high.system}' on {high.test}): shares beside percentages? Write all scores on one scale"
    )


def _nested(found: Mapping[str, Mapping[str, Mapping[Target, Sequence[float]]]]) -> list[str]:
    counts = {
        system: max(len(values) for cells in seeds.values() for values in cells.values())
        for system, seeds in found.items()
    }
    several = [f"{system} (up to {count})" for system, count in counts.items() if count > 1]
    if not several:
        return []
    return [
        f"Several second stages on one first stage are averaged: {', '.join(several)}. The first stage's seed is the "
        "unit of replication."
    ]


def restrict(table: ScoreTable, task: str | None, languages: Sequence[str] | None) -> ScoreTable:
    """Keep one task, some languages.

    Raises:
        UserError: the table has none such.
    """
    from dataclasses import replace

    from xtremor.errors import unknown

    if task is not None and task not in table.tasks:
        raise unknown("task of these scores", task, table.tasks)
    known = tuple(dict.fromkeys(test.language for test in table.tests))
    for code in languages or ():
        if code not in known:
            raise unknown("language of these scores", code, known)
    kept = tuple(
        test
        for test in table.tests
        if (task is None or test.task == task) and (languages is None or test.language in languages)
    )
    scores = {
        system: {seed: {test: score for test, score in cells.items() if test in kept} for seed, cells in seeds.items()}
        for system, seeds in table.scores.items()
    }
    scores = {system: {seed: cells for seed, cells in seeds.items() if cells} for system, seeds in scores.items()}
    systems = tuple(system for system in table.systems if scores[system])
    return replace(table, systems=systems, tests=kept, scores={system: scores[system] for system in systems})

"""Which test sets and runs of several systems can be compared: those that all of them have, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.compare.table import ScoreTable, Target, ordered
from xtremor.errors import UserError
from xtremor.languages import is_english


@dataclass(frozen=True)
class Balanced:
    """Complete scores: every run of every system on every test set.

    Attributes:
        tests: test sets that are averaged; English is not among them unless asked for, or alone.
        seeds: system -> its runs.
        scores: system -> (runs, tests) in points.
        notes: what was left out, and why.
    """

    tests: tuple[Target, ...]
    seeds: Mapping[str, tuple[str, ...]]
    scores: Mapping[str, np.ndarray]
    notes: tuple[str, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """In order."""
        return tuple(dict.fromkeys(test.task for test in self.tests))

    def macro(self) -> np.ndarray:
        """(tests,) weights of the average: the unweighted mean over a task's languages, then over tasks."""
        return self.weights(range(len(self.tests)))

    def weights(self, members: Sequence[int]) -> np.ndarray:
        """(tests,) weights of the mean over some test sets: within each task, then over tasks."""
        found = np.zeros(len(self.tests))
        tasks = dict.fromkeys(self.tests[i].task for i in members)
        for task in tasks:
            own = [i for i in members if self.tests[i].task == task]
            found[own] = 1 / len(own) / len(tasks)
        return found

    def of(self, system: str, weights: np.ndarray) -> np.ndarray:
        """(runs,) weighted sum of a system's scores."""
        found: np.ndarray = self.scores[system] @ weights
        return found


def balance(table: ScoreTable, systems: Sequence[str], english: bool = False) -> Balanced:
    """Take what all ``systems`` have.

    A test set that some system lacks altogether is left out, and so is one in a language, other than English, that one
    of them was trained on: it would be zero-shot for the others alone. Where single cells are missing, the run or the
    test set with the largest share of missing cells is left out, again and again, until none is missing.

    Args:
        table: the scores.
        systems: at least one.
        english: keep English in averages.

    Raises:
        UserError: no test set, or no run of a system, is left.
    """
    notes: list[str] = []
    tests = _zero_shot(table, systems, _shared(table, systems, notes), notes)
    kept = [test for test in tests if english or not is_english(test.language)]
    if kept and len(kept) < len(tests):
        notes.append("English is the training language: it is left out of averages, strata and languages.")
    tests = kept or tests
    runs = [(system, seed) for system in systems for seed in table.seeds(system)]
    there = np.array([[test in table.scores[system][seed] for test in tests] for system, seed in runs])
    rows, columns = _complete(there, [system for system, _ in runs])
    _say_dropped(runs, tests, rows, columns, notes)
    left = [runs[i] for i in rows]
    chosen = tuple(tests[i] for i in columns)
    lost = [system for system in systems if all(name != system for name, _ in left)]
    if lost or not chosen:
        who = f"no run of '{lost[0]}'" if lost else "no test set"
        raise UserError(f"{who} is left once missing cells are left out; score all systems on the same languages")
    seeds = {system: ordered(seed for name, seed in left if name == system) for system in systems}
    scores = {
        system: np.array([[table.scores[system][seed][test] for test in chosen] for seed in seeds[system]])
        for system in systems
    }
    return Balanced(chosen, seeds, scores, tuple(notes))


def _shared(table: ScoreTable, systems: Sequence[str], notes: list[str]) -> list[Target]:
    has = {system: {test for cells in table.scores[system].values() for test in cells} for system in systems}
    shared = [test for test in table.tests if all(test in each for each in has.values())]
    if not shared:
        raise UserError(
            f"{' and '.join(repr(system) for system in systems[:4])} share no task and language; score them on the same"
        )
    for system in systems:
        lacks = [str(test) for test in table.tests if test not in has[system] and any(test in has[s] for s in systems)]
        if lacks:
            notes.append(
                f"{system} was not scored on {_some(lacks)}: left out, so that all systems are compared on the same."
            )
    return shared


def _zero_shot(table: ScoreTable, systems: Sequence[str], tests: Sequence[Target], notes: list[str]) -> list[Target]:
    trained: set[Target] = set().union(*(table.labelled.get(system, frozenset()) for system in systems))
    lost = [test for test in tests if test in trained and not is_english(test.language)]
    if len(lost) == len(tests):
        raise UserError("no test set is left: every one is in a language of which a system was trained on labels")
    if lost:
        names = _some([str(test) for test in lost])
        notes.append(f"Left out for all systems, because one was trained on labels in the language: {names}.")
    return [test for test in tests if test not in lost]


def _complete(there: np.ndarray, systems: Sequence[str]) -> tuple[list[int], list[int]]:
    """Rows and columns that are left once none of their cells is missing."""
    rows, columns = list(range(there.shape[0])), list(range(there.shape[1]))
    while rows and columns:
        holes = ~there[np.ix_(rows, columns)]
        if not holes.any():
            break
        by_row, by_column = holes.mean(1), holes.mean(0)
        if by_row.max() >= by_column.max():
            del rows[int(by_row.argmax())]
        else:
            del columns[int(by_column.argmax())]
    return rows, columns


def _say_dropped(
    runs: Sequence[tuple[str, str]],
    tests: Sequence[Target],
    rows: Sequence[int],
    columns: Sequence[int],
    notes: list[str],
) -> None:
    gone = [f"{system} seed {seed}" for i, (system, seed) in enumerate(runs) if i not in set(rows)]
    if gone:
        notes.append(f"Runs with missing scores are left out: {_some(gone)}.")
    lost = [str(test) for i, test in enumerate(tests) if i not in set(columns)]
    if lost:
        notes.append(f"Languages that some run lacks are left out: {_some(lost)}.")


def _some(names: Sequence[str], most: int = 8) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest

"""Over which test sets a figure is: the average, a task, a stratum, the gap between two strata, one language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.compare.balance import Balanced
from xtremor.errors import UserError, unknown
from xtremor.languages import UNKNOWN, lookup, schemes
from xtremor.sources.own.language_files import strata_or_unknown

RESOURCE = "resource"
# Of ordered pairs of languages: whether both texts are in one.
SAME = "same language"
SHOWN = (RESOURCE, "joshi_class", "script", "seen by mBERT", "seen by XLM-R", "seen by multilingual-e5", SAME)
# Schemes with many values: those with one language each stand together.
_MANY = ("script", "family")
SINGLES = "one language each"
# Of two strata the first minus the second is a contrast of its own.
GAPS = {
    RESOURCE: ("low", "other"),
    SAME: ("no", "yes"),
    **{name: ("no", "yes") for name in SHOWN if name.startswith("seen by")},
}


@dataclass(frozen=True)
class Group:
    """A weighted set of test sets.

    Attributes:
        kind: ``average``, ``task``, ``stratum``, ``gap`` or ``language``.
        task: empty where it spans several.
        scheme: of a stratum or gap.
        value: of a stratum; ``low minus other`` of a gap; the language.
        weights: (tests,).
        languages: how many test sets have a weight.
    """

    kind: str
    task: str
    scheme: str
    value: str
    weights: np.ndarray

    @property
    def languages(self) -> int:
        """How many test sets it is over."""
        return int(np.count_nonzero(self.weights))


def average(scores: Balanced) -> Group:
    """The headline figure."""
    task = scores.tasks[0] if len(scores.tasks) == 1 else ""
    return Group("average", task, "", "", scores.macro())


def tasks(scores: Balanced) -> list[Group]:
    """Each task, where there are several."""
    if len(scores.tasks) == 1:
        return []
    return [Group("task", task, "", "", scores.weights(_members(scores, task))) for task in scores.tasks]


def languages(scores: Balanced) -> list[Group]:
    """Each test set."""
    return [
        Group("language", test.task, "", test.language, scores.weights([place]))
        for place, test in enumerate(scores.tests)
    ]


def strata(scores: Balanced, chosen: Sequence[str] | None = None) -> list[Group]:
    """Strata within each task, never across tasks, and gaps between two.

    A scheme that puts all languages of a task into one stratum says nothing and is left out; schemes that group the
    languages of a task alike are one, with both names.

    Args:
        scores: what is compared.
        chosen: names of schemes; None is those of `SHOWN`.

    Raises:
        UserError: an unknown scheme, or one that does not divide the languages of any task.
    """
    known = (RESOURCE, *schemes())
    for name in chosen or ():
        if name not in known:
            raise unknown("scheme of strata", name, known)
    found: list[Group] = []
    for task in scores.tasks:
        members = _members(scores, task)
        divided: dict[str, dict[str, list[int]]] = {}
        for scheme in chosen or SHOWN:
            values = _divide(scores, members, scheme)
            if len(values) > 1:
                same = next((name for name, other in divided.items() if _alike(other, values)), None)
                if same is None:
                    divided[scheme] = values
                elif scheme.startswith("seen by"):
                    divided[f"{same}, {scheme.removeprefix('seen by ')}"] = divided.pop(same)
        for scheme, values in divided.items():
            found += _groups(scores, task, scheme, values)
    if chosen and not found:
        raise UserError(f"--strata {','.join(chosen)} does not divide the languages that are compared; leave it out")
    return found


def gap_of(scheme: str) -> tuple[str, str] | None:
    """The two strata of a scheme, which may carry several names, whose difference is a contrast; None without such."""
    return GAPS.get(scheme.split(",")[0])


def _groups(scores: Balanced, task: str, scheme: str, values: dict[str, list[int]]) -> list[Group]:
    found = [Group("stratum", task, scheme, value, scores.weights(own)) for value, own in values.items()]
    pair = gap_of(scheme)
    if pair and all(name in values for name in pair):
        gap = scores.weights(values[pair[0]]) - scores.weights(values[pair[1]])
        found.append(Group("gap", task, scheme, f"{pair[0]} minus {pair[1]}", gap))
    return found


def _members(scores: Balanced, task: str) -> list[int]:
    return [place for place, test in enumerate(scores.tests) if test.task == task]


def _divide(scores: Balanced, members: Sequence[int], scheme: str) -> dict[str, list[int]]:
    values: dict[str, list[int]] = {}
    for place in members:
        values.setdefault(value_of(scores.tests[place].language, scheme), []).append(place)
    if set(values) == {UNKNOWN}:
        return {}
    if scheme in _MANY:
        single = [own[0] for own in values.values() if len(own) == 1]
        values = {value: own for value, own in values.items() if len(own) > 1}
        if single:
            values[SINGLES] = single
    return dict(sorted(values.items(), key=lambda each: (each[0] in (SINGLES, UNKNOWN), each[0])))


def value_of(code: str, scheme: str) -> str:
    """The stratum of a language in a scheme; ``unknown`` where there is no saying."""
    if scheme != RESOURCE:
        return strata_or_unknown(code).get(scheme, UNKNOWN)
    try:
        level = lookup(code).joshi_class
    except UserError:
        return UNKNOWN
    return UNKNOWN if level is None else "low" if level <= 2 else "other"


def _alike(one: dict[str, list[int]], other: dict[str, list[int]]) -> bool:
    return one == other

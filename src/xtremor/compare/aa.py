"""``xtremor compare --split-half``: the A/A test on runs of one arm, and the variances that replace assumed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xtremor.compare.balance import balance
from xtremor.compare.folders import Items
from xtremor.compare.resampled import resample
from xtremor.compare.sentences import number
from xtremor.compare.table import ScoreTable
from xtremor.errors import UserError, unknown
from xtremor.stats.halves import SPLITS, Rate, split_half
from xtremor.stats.planning import smallest_effect
from xtremor.stats.variance import Components, components
from xtremor.submission.table import aligned

FORMAT = 1
FEWEST = 4


@dataclass(frozen=True)
class SplitHalf:
    """Result of an A/A test on one arm and task.

    Attributes:
        system: the arm.
        task: the task.
        seeds: its runs.
        languages: what the average is over.
        rates: how often each test called identical halves different.
        variances: measured between the runs.
        visible: numbers of seeds an arm -> smallest difference that they find with 80% power, unpaired.
        notes: what a reader must know.
    """

    system: str
    task: str
    seeds: tuple[str, ...]
    languages: tuple[str, ...]
    rates: tuple[Rate, ...]
    variances: Components
    visible: Mapping[int, float]
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """As JSON, nothing rounded."""
        return {"format": FORMAT, **asdict(self)}


def halves_of(
    table: ScoreTable,
    items: Mapping[str, Items],
    system: str | None = None,
    splits: int = SPLITS,
    replicates: int = 2000,
    seed: int = 0,
    english: bool = False,
) -> SplitHalf:
    """Split the runs of one arm in two at random and count false findings.

    Args:
        table: scores of one task.
        items: task -> items, for the bootstraps; may be empty.
        system: the arm; None where there is one only.
        splits: at most so many.
        replicates: of the bootstraps; 0 leaves them out.
        seed: of all draws.
        english: keep English in the average.

    Raises:
        UserError: several arms and none named, several tasks, or fewer than four runs.
    """
    system = _system(table, system)
    if len(table.tasks) > 1:
        raise UserError(
            f"--split-half is over one task, these scores are of {', '.join(table.tasks)}; choose with --task"
        )
    scores = balance(table, [system], english)
    if len(scores.seeds[system]) < FEWEST:
        raise UserError(
            f"--split-half needs at least {FEWEST} runs of '{system}', better twelve; "
            f"there are {len(scores.seeds[system])}"
        )
    redrawn = resample(items, scores, replicates, seed)
    values = scores.scores[system]
    rates = split_half(values, None if redrawn is None else redrawn.scores[system], scores.macro(), splits, seed=seed)
    found = components(values)
    if redrawn is not None:
        noise, whole = redrawn.item_noise(system, np.arange(len(scores.tests)))
        found = Components(found.seed, found.language, found.mean, found.seeds, found.languages, noise, whole)
    visible = {n: smallest_effect((found.mean, found.mean), n) for n in (5, 10, 20)} if found.mean else {}
    notes = [*table.notes, *scores.notes]
    if redrawn is None:
        notes.append("Without predictions of every run there is no bootstrap over items here.")
    languages = tuple(test.language for test in scores.tests)
    return SplitHalf(
        system, table.tasks[0], scores.seeds[system], languages, tuple(rates), found, visible, tuple(notes)
    )


def _system(table: ScoreTable, system: str | None) -> str:
    if system is not None:
        if system not in table.systems:
            raise unknown("system", system, table.systems)
        return system
    if len(table.systems) > 1:
        raise UserError(
            f"--split-half is over runs of one system, these are of {', '.join(table.systems[:6])}; choose with "
            "--baseline"
        )
    return table.systems[0]


def text(found: SplitHalf) -> str:
    """For a terminal."""
    lines = [
        f"{found.system}, {len(found.seeds)} runs split in two at random: how often are halves called different?",
        f"(mean over {len(found.languages)} languages; nominal 5%)",
        "",
    ]
    rows = [["test", "compared", "different", "languages different", "comparisons"]]
    for rate in found.rates:
        cells = "" if rate.languages is None else f"{100 * rate.languages:.1f}%"
        rows.append([rate.test, rate.compared, f"{100 * rate.mean:.1f}%", cells, f"{rate.comparisons:,}"])
    lines += aligned(rows, {0, 1})
    each = found.variances
    lines += [
        "",
        "standard deviations between runs, in points",
        f"  seed, all languages alike        {number(each.seed)}",
        f"  seed in one language             {number(each.language)}",
    ]
    if each.items is not None and each.test_set is not None:
        lines += [
            f"    of it noise of finite items    {number(each.items)}",
            f"  of the mean over redrawn items   {number(each.test_set)}",
        ]
    lines.append(f"  of the mean over languages       {number(each.mean)}")
    if found.visible:
        seen = ", ".join(f"{n} seeds {number(effect)}" for n, effect in found.visible.items())
        lines += ["", f"smallest difference found with 80% power, unpaired: {seen}"]
    lines += ["", "The permutation test's rate is 5% by construction: it ranks these very splits."]
    return "\n".join([*lines, *(f"note: {note}" for note in found.notes)])

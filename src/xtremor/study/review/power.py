"""Threats in the number of seeds: which effect they can see."""

from __future__ import annotations

from collections.abc import Iterator

from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.study.claims.roles import System
from xtremor.study.review.material import Material, Pair
from xtremor.study.review.threat import DECIDES, QUALIFIES, WEAKENS, Threat

# Below so many seeds there is no bootstrap over them, and t-intervals rest on an assumption nobody can check.
FEW = 5


def seeds(material: Material) -> Iterator[Threat]:
    """Contrasts whose seeds cannot see the effect that the study says matters, or that are fewer than `FEW`."""
    for pair in material.pairs:
        planned = min(_planned(pair.treatment), _planned(pair.control))
        if planned < 2:
            yield Threat(
                "seeds", "One seed", pair.name, "With one seed an arm nothing says how far another one would move it.",
                "Add seeds: seeds = 5 or more. A bootstrap over examples does not replace them.",
                DECIDES if pair.primary else WEAKENS,
            )  # fmt: skip
            continue
        smallest, how = _smallest(material, pair, planned)
        wanted = float(material.design["assumed"]["effect"])
        blind = smallest > wanted
        if not blind and planned >= FEW:
            continue
        matters = f"the effect that matters is {wanted:g}" if wanted else "the study names no effect that matters"
        few = (
            ""
            if planned >= FEW
            else f" So few are shown one by one; under {FEW} no bootstrap over seeds holds its level."
        )
        yield Threat(
            "seeds", "Too few seeds", pair.name,
            f"{planned} seeds an arm find {smallest:.2f} points with 80% power ({how}); {matters}.{few}",
            "Add seeds, or read no difference as cannot tell.",
            (DECIDES if pair.primary else WEAKENS) if blind else (WEAKENS if pair.primary else QUALIFIES),
        )  # fmt: skip


def _planned(system: System) -> int:
    return len({cell.stage1_seed for cell in system.cells})


def _smallest(material: Material, pair: Pair, planned: int) -> tuple[float, str]:
    """Effect that the planned seeds see, and what its variance is from: the finished runs, or what was assumed."""
    measured = _measured(material, pair, planned)
    if measured is not None:
        return measured
    from xtremor.study.power import smallest_effect

    assumed = material.design["assumed"]
    languages = max((len(_languages(material, system)) for system in (pair.treatment, pair.control)), default=1)
    found = smallest_effect(planned, assumed["sd_seed"], assumed["sd_language"], max(1, languages))
    return found or 0.0, "variances as assumed"


def _languages(material: Material, system: System) -> set[str]:
    told = (material.plan.stages[cell.evaluation].config.get("languages") or () for cell in system.cells)
    return {code for languages in told for code in languages if not is_english(code)}


def _measured(material: Material, pair: Pair, planned: int) -> tuple[float, str] | None:
    """From the scatter of the finished runs; None with fewer than two of a side, or where they do not scatter."""
    from xtremor.compare.balance import balance
    from xtremor.compare.effects import measure
    from xtremor.compare.effects import pair as paired
    from xtremor.compare.groups import average
    from xtremor.compare.table import Row, ScoreTable, Target
    from xtremor.stats.planning import smallest_effect

    rows = [
        Row(
            system.name,
            Target(cell.task, code),
            str(cell.stage1_seed),
            float(each["score"]),
            str(cell.stage2_seed),
            labelled=code in material.plan.labelled(cell),
        )
        for system, cell in pair.cells
        if cell.evaluation in material.scores
        for code, each in material.scores[cell.evaluation]["languages"].items()
    ]
    names = (pair.treatment.name, pair.control.name)
    try:
        scores = (
            balance(ScoreTable.of(rows, percent=True), names) if {row.system for row in rows} == set(names) else None
        )
    except UserError:
        return None
    if scores is None:
        return None
    effect = measure(scores, average(scores), names, paired(scores, *names, "auto", True), None, None, 0.05, 0, False)
    test = effect.difference
    if test is None or test.p is None:
        return None
    done = min(map(len, effect.values))
    return smallest_effect(test.sds, planned), f"variance of {done} finished seeds"

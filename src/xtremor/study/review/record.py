"""Threats in what the store and the study's folder record: the plan, missing and failed runs, edited stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from xtremor.study.plan import Cell
from xtremor.study.results import unlearnt_by_system
from xtremor.study.review.material import Material
from xtremor.study.review.threat import DECIDES, QUALIFIES, WEAKENS, Threat
from xtremor.study.stage import VERSIONS


def rehearsal(material: Material) -> Iterator[Threat]:
    """A study at tiny scale; a study without contrasts."""
    if material.design.get("scale", "full") != "full":
        yield Threat(
            "rehearsal", "A rehearsal", "the study",
            f"It ran at scale {material.design['scale']}: its scores mean nothing.",
            "Run it without --scale.", DECIDES,
        )  # fmt: skip
    if not material.design.get("contrasts"):
        yield Threat(
            "plan", "No contrast was planned", "the study",
            "Any of its arms may be compared with any other afterwards.",
            "Name contrasts in the study file, the primary ones first, and freeze it.", DECIDES,
        )  # fmt: skip


def frozen(material: Material) -> Iterator[Threat]:
    """A plan that was not frozen, frozen late, or not kept."""
    found = material.frozen
    if not found.frozen:
        yield Threat(
            "plan", "Never frozen", "the plan", f"{found.sentence()[:1].upper()}{found.sentence()[1:]}.",
            "Run `xtremor study freeze` before the first run; now, say that the analysis is exploratory.",
            DECIDES if material.told else WEAKENS,
        )  # fmt: skip
        return
    if found.before_results:
        yield Threat(
            "plan", "Frozen after results", "the plan",
            f"{found.before_results} of its stages had been finished when it was frozen on {found.when}.",
            "Say so; contrasts that were chosen with scores in sight are exploratory.", DECIDES,
        )  # fmt: skip
    if not found.kept:
        yield Threat(
            "plan", "Not kept", "the plan", f"It differs from the frozen one: {'; '.join(found.changes[:5])}.",
            "Report what was frozen beside what was run, and why.", DECIDES,
        )  # fmt: skip


def edited(material: Material) -> Iterator[Threat]:
    """Stages that are not as they were stored."""
    for key, said in material.broken.items():
        yield Threat(
            "edited", "An edited stage", material.plan.stages[key].name, f"{said[:1].upper()}{said[1:].rstrip('.')}.",
            "Nothing that rests on it can be trusted until it is put back or run again.", DECIDES,
        )  # fmt: skip


def _by_system(material: Material, cells: Iterable[Cell]) -> list[tuple[str, int]]:
    return list(Counter(cell.system for cell in cells).items())


def missing_runs(material: Material) -> Iterator[Threat]:
    """Cells without scores, where others have them; by arm."""
    lost = [cell for cell in material.plan.cells if cell.evaluation not in material.scores]
    if not lost or not material.scores:
        return
    planned = Counter(cell.system for cell in material.plan.cells)
    by_arm = dict(_by_system(material, lost))
    shown = ", ".join(f"{name} {count} of {planned[name]}" for name, count in by_arm.items())
    unequal = any(
        by_arm.get(pair.treatment.name, 0) != by_arm.get(pair.control.name, 0)
        for pair in material.pairs
        if pair.primary
    )
    yield Threat(
        "missing", "Missing cells", "the grid",
        f"{len(lost)} of {len(material.plan.cells)} runs have no scores: {shown}.",
        "Run them (`xtremor study resume`): an arm that lost its bad runs looks better than it is.",
        WEAKENS if unequal or material.primary & set(by_arm) else QUALIFIES,
    )  # fmt: skip


def failed(material: Material) -> Iterator[Threat]:
    """Runs that failed and were not made good."""
    if not material.failures:
        return
    owners = {key: cell for cell in material.plan.cells for key in material.keys(cell)}
    systems = Counter(owners[key].system for key in material.failures if key in owners)
    shown = ", ".join(f"{name} {count}" for name, count in systems.items())
    first = next(iter(material.failures.values()))
    yield Threat(
        "failed", "Failed runs", shown,
        f"{len(material.failures)} failed in the last run, first {first.get('name')}: {first.get('reason')}.",
        "Find out why before leaving them out: a method that fails more often is not better for its survivors.",
        WEAKENS if material.primary & set(systems) else QUALIFIES,
    )  # fmt: skip


def early(material: Material) -> Iterator[Threat]:
    """A look before the end."""
    done = sum(cell.evaluation in material.scores for cell in material.plan.cells)
    if 0 < done < len(material.plan.cells):
        yield Threat(
            "early", "A look before the end", "the study",
            f"{done} of {len(material.plan.cells)} runs are scored, and no alpha was set aside for looking early.",
            "Decide nothing now, above all not how many seeds to add; or plan looks (`xtremor compare --looks`).",
            WEAKENS,
        )  # fmt: skip


def hardly_learnt(material: Material) -> Iterator[Threat]:
    """Trainings whose record warns that little or nothing was learnt, by arm."""
    for system, (warned, trainings) in unlearnt_by_system(material.plan, material.told).items():
        if warned:
            name, said = next(iter(warned.items()))
            yield Threat(
                "learning", "Runs that hardly learnt", system,
                f"{len(warned)} of {trainings} trainings warn; {name}: {said}.",
                "Scores of such runs are those of chance; change the recipe in all arms alike and run anew.",
                WEAKENS if system in material.primary else QUALIFIES,
            )  # fmt: skip


def versions(material: Material) -> Iterator[Threat]:
    """Stages of another version of their kind than this xtremor makes, or several beside each other."""
    for kind, current in VERSIONS.items():
        own = Counter(
            told.get("version") for key, told in material.told.items() if material.plan.stages[key].kind == kind
        )
        if len(own) > 1 or (own and current not in own):
            shown = ", ".join(f"{count} of version {version}" for version, count in sorted(own.items(), key=str))
            yield Threat(
                "versions", "Stage versions", f"{kind} stages", f"{shown}; this xtremor makes version {current}.",
                "Plan and run again with one version, so that all arms are the same kind of run.",
                DECIDES if len(own) > 1 else QUALIFIES,
            )  # fmt: skip

"""The evaluated runs of a study as sources of a comparison, with the seeds that they replicate by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.compare.folders import RunKey, Source
from xtremor.errors import UserError
from xtremor.wording import number_of

if TYPE_CHECKING:
    from xtremor.study.plan import Cell


def source_of(
    cell: Cell, place: Path, metric: str, scores: Mapping[str, float], labelled: tuple[str, ...] = ()
) -> Source:
    """A finished evaluation; the unit of replication is the seed of the first stage.

    Args:
        cell: where it stands in the grid.
        place: its stage.
        metric, scores: as ``scores.json`` has them.
        labelled: languages besides English that it was trained on with labels.
    """
    kept = place / "predictions.parquet"
    key = RunKey(cell.system, str(cell.stage1_seed), str(cell.stage2_seed))
    return Source(key, cell.task, cell.split, metric, place, kept if kept.is_file() else None, scores, labelled)


def sources_of(path: Path) -> tuple[list[Source], list[str], tuple[tuple[str, str], ...]]:
    """Every finished evaluation of a study by its primary checkpoint rule, what a reader must know of them, and the
    systems of its contrasts, treatment first.

    Raises:
        UserError: nothing is finished, or a stage was edited since it was stored.
    """
    from xtremor.study.files import StudyFolder
    from xtremor.study.results import finished_scores, unlearnt_by_system

    folder = StudyFolder(path)
    plan = folder.read()
    store = folder.store(plan).open()
    found = [
        source_of(
            cell,
            place,
            told["metric"],
            {code: each["score"] for code, each in told["languages"].items()},
            plan.labelled(cell),
        )
        for cell, place, told in finished_scores(store, plan.cells)
    ]
    if not found:
        raise UserError(f"{path} has no finished evaluation yet; `xtremor study run` makes them")
    notes = []
    if missing := len(plan.cells) - len(found):
        notes.append(f"{path}: {missing} of {len(plan.cells)} runs are not finished.")
    trained = {key for cell in plan.cells for key in (cell.stage1, cell.target)} & store.finished()
    told = {key: store.manifest(key) for key in trained if key is not None}
    for system, (warned, trainings) in unlearnt_by_system(plan, told).items():
        if warned:
            name, said = next(iter(warned.items()))
            notes.append(f"{len(warned)} of {number_of(trainings, 'trainings')} of {system} warn; {name}: {said}.")
    names = {(cell.encoder, cell.intermediate, cell.arm): cell.system for cell in plan.cells}
    planned = dict.fromkeys((names[one], names[two]) for _, one, two in plan.contrasts())
    return found, notes, tuple(planned)

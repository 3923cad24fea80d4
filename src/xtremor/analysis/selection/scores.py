"""Real transfer scores: of models that were trained on one source language each, or on several."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.errors import UserError
from xtremor.languages import PAIR, lookup
from xtremor.sources.text import TextFile
from xtremor.training.folder import RunFolder, read_json
from xtremor.training.sources import recorded_sources

if TYPE_CHECKING:
    from xtremor.study.files import StudyFolder

COLUMNS = ("source", "target", "score")


@dataclass(frozen=True)
class Scores:
    """Scores of models trained on one source language each.

    Attributes:
        sources, targets: codes.
        values: (sources, targets), NaN where unknown; a source scored on itself is no transfer and is NaN too.
        several: sources joined by ``+`` -> target -> score, of models trained on several.
        notes: what a reader must know.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    values: np.ndarray
    several: dict[str, dict[str, float]]
    notes: tuple[str, ...] = ()

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column numbers of what is known."""
        rows, columns = np.nonzero(~np.isnan(self.values))
        return rows, columns

    @cached_property
    def additive(self) -> np.ndarray:
        """An orthonormal basis (pairs, rank) of what is a sum of a part of the source and a part of the target."""
        parts = [part[:, None] == np.unique(part) for part in self.pairs()]
        basis, sizes, _ = np.linalg.svd(np.concatenate(parts, axis=1).astype(float), full_matrices=False)
        found: np.ndarray = basis[:, sizes > 1e-9]
        return found


def read_scores(given: Sequence[Path]) -> Scores:
    """Scores from tables with the columns source, target and score (.csv or .tsv), evaluated runs and studies.

    Equal pairs (several seeds) are averaged. ``de+fr`` as a source stands for a model trained on both. Runs that differ
    in more than their seed (method, encoder) and share their sources are averaged too, and named.

    Raises:
        UserError: a file or folder that holds no scores, a line that cannot be read, a language without facts.
    """
    from xtremor.study.files import StudyFolder

    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    runs: list[_Run] = []
    for path in given:
        if path.is_dir():
            study = StudyFolder(path)
            runs += _study(study) if study.there else [_run(path)]
            continue
        for source, target, score in _table(path):
            found[source][target].append(score)
    tasks = sorted({run.task for run in runs})
    if len(tasks) > 1:
        raise UserError(f"--scores: the runs are of different tasks ({', '.join(tasks)}); name those of one")
    systems: dict[str, list[str]] = {}
    for run in runs:
        systems.setdefault(run.source, []).append(run.system)
        for target, score in run.scores.items():
            found[run.source][target].append(score)
    means = {source: {to: float(np.mean(each)) for to, each in row.items()} for source, row in found.items()}
    mixed = {source: list(dict.fromkeys(names)) for source, names in systems.items()}
    notes = [f"{source}: means over {', '.join(names)}" for source, names in mixed.items() if len(names) > 1]
    return _scores(means, notes)


def _scores(found: dict[str, dict[str, float]], notes: Sequence[str]) -> Scores:
    several = {source: row for source, row in found.items() if PAIR in source}
    single = {source: row for source, row in found.items() if PAIR not in source}
    targets = tuple(dict.fromkeys(target for row in single.values() for target in row))
    values = np.full((len(single), len(targets)), math.nan)
    for at, (source, row) in enumerate(single.items()):
        for target, score in row.items():
            if source != target:
                values[at, targets.index(target)] = score
    own = [source for source, row in single.items() if source in row]
    if own:
        notes = [*notes, f"scores of {', '.join(own)} on itself are no transfer and are left out"]
    return Scores(tuple(single), targets, values, several, tuple(notes))


@dataclass(frozen=True)
class _Run:
    """Scores of one run in the languages that it has no labels of; ``system``: what is the same over its seeds."""

    source: str
    task: str
    system: str
    scores: dict[str, float]


def _run(folder: Path) -> _Run:
    record = RunFolder(folder).read_record()
    if not RunFolder(folder).scores.is_file():
        raise UserError(f"{folder} has no scores; evaluate the run first (xtremor evaluate {folder})")
    return _scored(
        str(record["task"]), str(record["arm"]), recorded_sources(record), read_json(RunFolder(folder).scores)
    )


def _study(study: StudyFolder) -> list[_Run]:
    from xtremor.study.results import finished_scores

    plan = study.read()
    found = [
        _scored(cell.task, cell.system, plan.sources(cell), scores)
        for cell, _, scores in finished_scores(study.store(plan).open(), plan.cells)
    ]
    if not found:
        raise UserError(f"{study.path} has no finished evaluation yet; `xtremor study run` makes them")
    return found


def _scored(task: str, system: str, sources: Sequence[str], scores: Mapping[str, Any]) -> _Run:
    values = {code: float(cell["score"]) for code, cell in scores["languages"].items() if code not in sources}
    return _Run(PAIR.join(sorted(sources)), task, system, values)


def _table(path: Path) -> list[tuple[str, str, float]]:
    mark = "\t" if path.suffix.lower() == ".tsv" else ","
    rows: list[tuple[str, str, float]] = []
    header: list[str] | None = None
    for number, line in TextFile(path).lines():
        fields = next(csv.reader([line], delimiter=mark), [])
        if header is None:
            header = [name.strip().lower() for name in fields]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise UserError(
                    f"{path}, line 1: no column {', '.join(missing)}; expected a header with {', '.join(COLUMNS)}"
                )
            continue
        if not any(each.strip() for each in fields):
            raise UserError(f"{path}, line {number} is empty; expected {', '.join(COLUMNS)}")
        if len(fields) != len(header):
            raise UserError(f"{path}, line {number} has {len(fields)} columns, the header {len(header)}")
        row = {name: value.strip() for name, value in zip(header, fields, strict=True)}
        try:
            score = float(row["score"])
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise UserError(f"{path}, line {number}: the score '{row['score']}' is no number")
        for code in (*row["source"].split(PAIR), row["target"]):
            lookup(code)
        rows.append((PAIR.join(sorted(row["source"].split(PAIR))), row["target"], score))
    if not rows:
        raise UserError(f"{path} holds no scores; expected a line for each source and target")
    return rows

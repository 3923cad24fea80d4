"""Real transfer scores, and whether a distance between languages tells anything about them."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.analysis.selection.distances import Distances
from xtremor.errors import UserError
from xtremor.languages import PAIR, is_english, lookup
from xtremor.sources.text import TextFile
from xtremor.training.folder import RunFolder, read_json
from xtremor.training.sources import recorded_sources

COLUMNS = ("source", "target", "score")
PERMUTATIONS = 1000
# With fewer sources the labels of sources cannot be permuted.
FEW_SOURCES = 4
# Pairs beyond the free sums of sources and targets; with fewer a correlation of what they leave says nothing.
FEW_LEFT = 3
# Permutations that are looked at together: bounds memory.
BLOCK = 100


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


def read_scores(given: Sequence[Path]) -> Scores:
    """Scores from tables with the columns source, target and score (.csv or .tsv), evaluated runs and studies.

    Equal pairs (several seeds) are averaged. ``de+fr`` as a source stands for a model trained on both. Runs that differ
    in more than their seed (method, encoder) and share their sources are averaged too, and named.

    Raises:
        UserError: a file or folder that holds no scores, a line that cannot be read, a language without facts.
    """
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    runs: list[_Run] = []
    for path in given:
        if path.is_dir():
            runs += _study(path) if (path / "plan.json").is_file() else [_run(path)]
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


def _study(folder: Path) -> list[_Run]:
    from xtremor.study.files import StudyFolder
    from xtremor.study.results import finished_scores

    study = StudyFolder(folder)
    plan = study.read()
    found = []
    for cell, _, scores in finished_scores(study.store(plan).open(), plan.cells):
        sources = plan.stages[cell.target].config["settings"].get("sources") or ("en",)
        found.append(_scored(cell.task, cell.system, sources, scores, plan.labelled(cell)))
    if not found:
        raise UserError(f"{folder} has no finished evaluation yet; `xtremor study run` makes them")
    return found


def _scored(
    task: str, system: str, sources: Sequence[str], scores: Mapping[str, Any], labelled: Sequence[str] = ()
) -> _Run:
    """``labelled``: languages that an earlier stage saw labels of."""
    values = {
        code: float(cell["score"]) for code, cell in scores["languages"].items() if code not in (*sources, *labelled)
    }
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


def correlation(distances: Distances, scores: Scores, seed: int = 0, count: int = PERMUTATIONS) -> dict[str, Any]:
    """Rank correlation of distance and score over pairs, and Mantel's permutation test (Mantel 1967).

    Pairs share languages and are not independent, so whole languages are permuted: a permutation renames the languages
    of the distances. With fewer than four sources, targets alone are. p = (1 + as extreme) / (1 + permutations),
    two-sided. None where there are fewer than four pairs, or nothing varies.

    ``spearman`` is over all pairs as they are, and targets that are hard for every source and far from all of them are
    enough for it. ``within`` is the correlation of the same ranks with the means of sources and of targets taken out
    (residuals of an additive fit), which is what choosing a source for a target takes; ``within_p`` from the same
    permutations. None where no source can be compared with another.
    """
    rows, columns = scores.pairs()
    codes = list(dict.fromkeys((*scores.sources, *scores.targets)))
    matrix = distances.of(codes, codes)
    # Where every pair is there, a permutation permutes the ranks too.
    complete = len(rows) == len(codes) * (len(codes) - 1)
    matrix = _ranked(matrix) if complete else matrix
    place = {code: at for at, code in enumerate(codes)}
    one = np.array([place[scores.sources[row]] for row in rows], dtype=int)
    two = np.array([place[scores.targets[column]] for column in columns], dtype=int)
    ranks = _ranks(scores.values[rows, columns])
    apart = _ranks(matrix[one, two])
    seen = _pearson(apart, ranks) if len(rows) >= 4 else None
    if seen is None:
        return dict.fromkeys(("spearman", "p", "within", "within_p", "permuted")) | {"pairs": len(rows)}
    additive = _additive(rows, columns)
    rest, left = (each - additive @ (additive.T @ each) for each in (ranks, apart))
    told = len(rows) - additive.shape[1] >= FEW_LEFT and all(
        np.linalg.norm(part) > 1e-9 * np.linalg.norm(whole) for part, whole in ((rest, ranks), (left, apart))
    )
    within = _pearson(left, rest) if told else None
    draw = np.random.default_rng(seed)
    joint = len(scores.sources) >= FEW_SOURCES
    moved = np.arange(len(codes)) if joint else np.setdiff1d(two, one)
    extreme = extreme_within = 0
    for start in range(0, count, BLOCK):
        renamed = np.tile(np.arange(len(codes)), (min(BLOCK, count - start), 1))
        renamed[:, moved] = draw.permuted(renamed[:, moved], axis=1)
        drawn = matrix[renamed[:, one], renamed[:, two]]
        drawn = drawn if complete else _ranks(drawn)
        drawn = drawn - drawn.mean(axis=1, keepdims=True)
        lengths = (drawn**2).sum(axis=1)
        extreme += _as_extreme(drawn @ (ranks - ranks.mean()), lengths, ranks - ranks.mean(), seen)
        if within is not None:
            # What is left of the scores is orthogonal to all sums, so that of the distances only the length changes.
            lengths -= ((drawn @ additive) ** 2).sum(axis=1)
            extreme_within += _as_extreme(drawn @ rest, lengths, rest, within)
    return {
        "pairs": len(rows),
        "spearman": seen,
        "p": (1 + extreme) / (1 + count),
        "within": within,
        "within_p": None if within is None else (1 + extreme_within) / (1 + count),
        "permuted": "languages" if joint else "targets",
    }


def _as_extreme(products: np.ndarray, squares: np.ndarray, other: np.ndarray, seen: float) -> int:
    """How many correlations, products over root of squares, are as far from 0 as the one seen."""
    scale = np.sqrt(np.maximum(squares, 0) * float((other**2).sum()))
    return int(((scale > 1e-12) & (np.abs(products) >= (abs(seen) - 1e-12) * scale)).sum())


def _additive(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis (pairs, rank) of what is a sum of a part of the source and a part of the target."""
    parts = [part[:, None] == np.unique(part) for part in (rows, columns)]
    basis, sizes, _ = np.linalg.svd(np.concatenate(parts, axis=1).astype(float), full_matrices=False)
    found: np.ndarray = basis[:, sizes > 1e-9]
    return found


def _ranked(matrix: np.ndarray) -> np.ndarray:
    """Ranks of the entries beside the diagonal, ties averaged."""
    off = ~np.eye(len(matrix), dtype=bool)
    found = np.zeros_like(matrix, dtype=np.float64)
    found[off] = _ranks(matrix[off])
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    # Rounding must not break ties.
    found: np.ndarray = rankdata(np.round(values, 10), axis=-1)
    return found


def _pearson(one: np.ndarray, two: np.ndarray) -> float | None:
    one, two = one - one.mean(), two - two.mean()
    scale = math.sqrt(float((one**2).sum() * (two**2).sum()))
    return float((one * two).sum()) / scale if scale > 1e-12 else None


def left_out(distances: Distances, scores: Scores) -> dict[str, Any]:
    """Each target predicted from the others: score = a + b * distance, fitted on pairs in which it has no part.

    ``mae`` is the mean absolute error of the predictions in points, mean over targets, ``naive_mae`` that of the mean
    score of the same other pairs. With several sources also ``regret``: how much the nearest source loses against the
    best one of each target, beside ``random_regret`` (the mean source) and ``english_regret``.
    """
    rows, columns = scores.pairs()
    apart = distances.of(scores.sources, scores.targets)[rows, columns]
    values = scores.values[rows, columns]
    errors, naive = [], []
    for at, target in enumerate(scores.targets):
        mine = columns == at
        rest = ~mine & np.array([scores.sources[row] != target for row in rows], dtype=bool)
        if not mine.any() or rest.sum() < 3:
            continue
        slope, level = _fit(apart[rest], values[rest])
        errors.append(float(np.abs(level + slope * apart[mine] - values[mine]).mean()))
        naive.append(float(np.abs(values[rest].mean() - values[mine]).mean()))
    regrets = target_regrets(distances, scores)
    return {
        "targets": len(errors),
        "mae": float(np.mean(errors)) if errors else None,
        "naive_mae": float(np.mean(naive)) if naive else None,
        "regret": _mean(regrets["nearest"]),
        "random_regret": _mean(regrets["random"]),
        "english_regret": _mean(regrets["english"]),
    }


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 1e-12 else 0.0
    return slope, float(y.mean() - slope * x.mean())


def target_regrets(distances: Distances, scores: Scores) -> dict[str, list[float]]:
    """For each target with two sources or more, the best score minus that of the nearest source, of the mean source,
    and of English where that is a source. Of equally near sources the mean counts."""
    apart = distances.of(scores.sources, scores.targets)
    found: dict[str, list[float]] = {"nearest": [], "random": [], "english": []}
    english = next((at for at, code in enumerate(scores.sources) if is_english(code)), None)
    for column in range(len(scores.targets)):
        known = np.flatnonzero(~np.isnan(scores.values[:, column]))
        if len(known) < 2:
            continue
        values = scores.values[known, column]
        near = apart[known, column] <= apart[known, column].min() + 1e-12
        found["nearest"].append(float(values.max() - values[near].mean()))
        found["random"].append(float(values.max() - values.mean()))
        if english in known:
            found["english"].append(float(values.max() - scores.values[english, column]))
    return found


def chosen_by_others(each: Sequence[Distances], scores: Scores) -> dict[str, Any] | None:
    """The regret of the distance that does best on all other targets, target by target: what picking one costs."""
    regrets = [target_regrets(distances, scores)["nearest"] for distances in each]
    if not regrets or len(regrets[0]) < 3:
        return None
    table = np.array(regrets)
    others = (table.sum(axis=1, keepdims=True) - table) / (table.shape[1] - 1)
    picked = others.argmin(axis=0)
    names = [each[at].name for at in picked]
    return {
        "regret": float(table[picked, np.arange(table.shape[1])].mean()),
        "picked": {name: names.count(name) for name in dict.fromkeys(names)},
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None

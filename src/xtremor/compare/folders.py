"""Score tables from evaluated runs and from prediction files, with the items behind the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.compare.table import Row, ScoreTable, Target
from xtremor.console import Progress
from xtremor.errors import UserError
from xtremor.stats.hierarchical import Cell, cluster_sums, numbered

if TYPE_CHECKING:
    import polars as pl

    from xtremor.report.records import Run
    from xtremor.scoring.base import Scorer


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which run a row of statistics is of: system, seed of the unit of replication, seed of a second stage."""

    system: str
    seed: str
    nested: str = ""


@dataclass(frozen=True)
class Items:
    """Additive statistics of all runs of a task.

    Attributes:
        runs: in the order of the first axis of every cell's sums.
        cells: language -> cell.
    """

    runs: tuple[RunKey, ...]
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Loaded:
    """Scores, and for each task the items behind them where predictions are there.

    Attributes:
        planned: systems that a study compares, treatment first; empty for scores of anything else.
    """

    table: ScoreTable
    items: Mapping[str, Items]
    notes: tuple[str, ...] = ()
    planned: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One evaluated run: where its predictions lie, if they are kept, and what it scored.

    Attributes:
        scores: language -> score; empty where it is computed from the predictions.
        labelled: languages besides English that the run was trained on with labels.
    """

    key: RunKey
    task: str
    split: str
    metric: str
    place: Path
    predictions: Path | None
    scores: Mapping[str, float]
    labelled: tuple[str, ...] = ()


def load(paths: Sequence[Path], task: str | None = None) -> Loaded:
    """Read run folders, folders that hold them, studies, or prediction files in Parquet.

    Args:
        paths: at least one.
        task: only this task.

    Raises:
        UserError: nothing to read, runs of one arm that differ, runs scored on different items, other splits.
    """
    from xtremor.compare.studies import sources_of
    from xtremor.study.files import StudyFolder

    files = [path for path in paths if path.is_file()]
    folders = [path for path in paths if not path.is_file()]
    studies = [path for path in folders if StudyFolder(path).there]
    sources, notes = _from_folders([path for path in folders if path not in studies])
    planned: tuple[tuple[str, str], ...] = ()
    for path in studies:
        found, said, contrasts = sources_of(path)
        sources += found
        notes += said
        # With others beside it a study says no longer what is compared.
        planned = contrasts if len(paths) == 1 else ()
    sources += [_from_file(path) for path in files]
    if task is not None:
        known = sorted({each.task for each in sources})
        sources = [each for each in sources if each.task == task]
        if not sources:
            raise UserError(f"--task {task}: the runs are of {', '.join(known)}")
    return replace(of_sources(sources, notes), planned=planned)


def of_sources(sources: Sequence[Source], notes: Sequence[str] = ()) -> Loaded:
    """Scores of evaluated runs, in percent, and the items behind them where all runs of a task keep predictions.

    Raises:
        UserError: runs of one task on other splits or items, or whose predictions do not give their scores.
    """
    by_task: dict[str, list[Source]] = {}
    for each in sources:
        by_task.setdefault(each.task, []).append(each)
    rows: list[Row] = []
    items: dict[str, Items] = {}
    with Progress("reading runs", len(sources)) as progress:
        for name, own in by_task.items():
            _one_split(own)
            found, scores = _items(own, progress.advance)
            rows += [
                Row(
                    each.key.system,
                    Target(name, code),
                    each.key.seed,
                    score,
                    each.key.nested,
                    str(each.place),
                    code in each.labelled,
                )
                for each, cells in zip(own, scores, strict=True)
                for code, score in cells.items()
            ]
            if found is not None:
                items[name] = found
    return Loaded(ScoreTable.of(rows, percent=True), items, tuple(notes))


def _from_folders(folders: Sequence[Path]) -> tuple[list[Source], list[str]]:
    from xtremor.report.collect import find_runs
    from xtremor.report.compare import arms_must_agree, differences_between_arms
    from xtremor.report.records import read_info, read_run
    from xtremor.training.learning import unlearnt

    sources: list[Source] = []
    runs: list[Run] = []
    for folder in folders:
        loose = sorted(folder.glob("*.parquet")) if folder.is_dir() and not (folder / "run.json").is_file() else []
        if loose:
            sources += [_from_file(path) for path in loose]
            continue
        runs += [read_run(path, read_info(path)) for path in find_runs(folder)]
    runs = list({run.folder: run for run in runs}.values())
    trained = [run for run in runs if run.role != "frozen"]
    notes = [f"{run.folder.name} is left out: nothing was trained there." for run in runs if run.role == "frozen"]
    for task in dict.fromkeys(run.task for run in trained):
        own = [run for run in trained if run.task == task]
        arms_must_agree(own)
        notes += differences_between_arms(own)
    said = {run.folder.name: unlearnt(run.info.get("warnings")) for run in trained}
    notes += [f"{name}: {sentence}." for name, sentence in said.items() if sentence is not None]
    sources += [_of_run(run) for run in trained]
    return sources, list(dict.fromkeys(notes))


def _of_run(run: Run) -> Source:
    from xtremor.report import lineage

    seeds = [str(stage["seed"]) for stage in lineage.stages(run.info) if "seed" in stage]
    # The first stage's seed is the unit; what builds on it with seeds of its own is nested in it.
    key = RunKey(run.arm, seeds[0], "-".join([*seeds[1:], str(run.seed)])) if seeds else RunKey(run.arm, str(run.seed))
    kept = run.folder / "predictions.parquet"
    metric, labelled = str(run.scored.get("metric", "")), tuple(run.scored.get("trained_on") or ())
    return Source(key, run.task, run.split, metric, run.folder, kept if kept.is_file() else None, run.scores, labelled)


def _from_file(path: Path) -> Source:
    from xtremor.report.records import refuse_upper_bound
    from xtremor.scoring.predictions import read_predictions
    from xtremor.tasks.cards import all_cards

    _, told = read_predictions(path)
    refuse_upper_bound(told, path)
    lacks = [key for key in ("arm", "seed", "task", "split") if key not in told]
    if lacks:
        raise UserError(f"{path} does not say its {lacks[0]}; name the run folder instead")
    metrics = {card.name: card.metric for card in all_cards()}
    if told["task"] not in metrics:
        raise UserError(
            f"{path} is of the task '{told['task']}', whose metric it does not say; name the run folder instead"
        )
    key = RunKey(str(told["arm"]), str(told["seed"]))
    labelled = tuple(told.get("trained_on") or ())
    return Source(key, str(told["task"]), str(told["split"]), metrics[told["task"]], path, path, {}, labelled)


def _one_split(sources: Sequence[Source]) -> None:
    first = sources[0]
    for each in sources[1:]:
        for what in ("split", "metric"):
            here, there = getattr(first, what), getattr(each, what)
            if here != there:
                raise UserError(
                    f"{first.place} and {each.place} differ in {what} ('{here}' and '{there}'); compare them apart"
                )


def _items(sources: Sequence[Source], advance: Callable[[], None]) -> tuple[Items | None, list[Mapping[str, float]]]:
    """Items of a task's runs (None where some run keeps no predictions), and the scores of each run."""
    if any(each.predictions is None for each in sources):
        for _ in sources:
            advance()
        return None, [each.scores for each in sources]
    shared = _Shared(sources[0].metric)
    scores: list[Mapping[str, float]] = []
    for each in sources:
        scores.append(shared.add(each))
        advance()
    return Items(tuple(each.key for each in sources), shared.cells()), scores


class _Shared:
    """Test sets that runs share, with the cluster sums of the runs read so far."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.first: dict[str, tuple[Any, tuple[Any, ...], np.ndarray, Path]] = {}
        self.sums: dict[str, list[np.ndarray]] = {}
        self.runs = 0

    def add(self, source: Source) -> dict[str, float]:
        """Take a run's predictions in; its scores."""
        from xtremor.scoring.predictions import decoded, read_predictions

        assert source.predictions is not None
        table, _ = read_predictions(source.predictions)
        found = {}
        for part in table.partition_by("language", maintain_order=True):
            code = str(part["language"][0])
            part = part.sort("file", "row")
            kind = self._scorer(code)
            statistics = kind.statistics(*decoded(part, self.metric))
            place, count = self._place(code, part, source)
            self.sums.setdefault(code, []).append(cluster_sums(statistics, place, count))
            found[code] = float(kind.figures(statistics.sum(0))[kind.values[0]])
            told = source.scores.get(code, found[code])
            if abs(told - found[code]) > 1e-6:
                raise UserError(
                    f"{source.place}: scores.json has {told:.4f} for '{code}', its predictions give "
                    f"{found[code]:.4f}; evaluate the run again"
                )
        self.runs += 1
        return found

    def cells(self) -> dict[str, Cell]:
        """Cells of the languages that every run has."""
        found = {}
        for code, (_, clusters, place, _) in self.first.items():
            if len(self.sums[code]) == self.runs:
                kind = self._scorer(code)
                sums, items = np.stack(self.sums[code]), np.bincount(place, minlength=len(clusters))
                found[code] = Cell(clusters, sums, _official(kind), items)
        return found

    def _place(self, code: str, part: pl.DataFrame, source: Source) -> tuple[np.ndarray, int]:
        identity = part.select("file", "row", "gold")
        if code not in self.first:
            clusters, place = numbered(part["cluster"].to_list())
            self.first[code] = (identity, clusters, place, source.place)
        other, clusters, place, where = self.first[code]
        if not identity.equals(other):
            raise UserError(
                f"{where} and {source.place} were scored on different items or labels of '{code}'; evaluate both on "
                "the same"
            )
        return place, len(clusters)

    def _scorer(self, code: str) -> Scorer:
        from xtremor.scoring.registry import scorer

        return scorer(self.metric, code)


def _official(kind: Scorer) -> Callable[[np.ndarray], np.ndarray]:
    def figure(sums: np.ndarray) -> np.ndarray:
        return kind.figures(sums)[kind.values[0]]

    return figure


def is_predictions(path: Path) -> bool:
    """Whether a file holds predictions of ours, rather than a table of scores."""
    import polars as pl

    from xtremor.scoring.predictions import METADATA_KEY

    if path.suffix.lower() not in (".parquet", ".pq") or not path.is_file():
        return False
    try:
        return METADATA_KEY in pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False

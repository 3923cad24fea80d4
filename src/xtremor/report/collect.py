"""Read run folders into one table, and refuse what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.report import lineage
from xtremor.report.compare import arms_must_agree, differences_between_arms
from xtremor.report.records import Run, read_info, read_run
from xtremor.report.sweep.record import chosen_runs, sweeps_in
from xtremor.training.sources import recorded_sources

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, slots=True)
class Collection:
    """Runs of one task that can be shown together.

    Attributes:
        task: name of the task.
        split: the scored split.
        metric: name of the metric.
        unit: of the scores (``percent``).
        languages: codes that every run scored, in the first run's order.
        runs: by role (plain, noise, robust, frozen), then in the order the arms were named in, then by seed.
        notices: what a reader must know before comparing (runs that differ in more than the method, ...).
    """

    task: str
    split: str
    metric: str
    unit: str
    languages: tuple[str, ...]
    runs: tuple[Run, ...]
    notices: tuple[str, ...] = field(default=())

    @property
    def arms(self) -> list[str]:
        """Labels in the order of the runs."""
        return list(dict.fromkeys(run.arm for run in self.runs))

    def of(self, arm: str) -> list[Run]:
        """Runs of one arm by ascending seed."""
        return [run for run in self.runs if run.arm == arm]

    def items(self, code: str) -> int:
        """Number of scored items of a language (the same in every run)."""
        return self.runs[0].items[code]

    def table(self) -> polars.DataFrame:
        """Long table: task, split, arm, method, seed, language, score, items, run (folder name)."""
        import polars

        rows = [
            (
                run.task,
                run.split,
                run.arm,
                run.method,
                run.seed,
                code,
                run.scores[code],
                run.items[code],
                run.folder.name,
            )
            for run in self.runs
            for code in self.languages
        ]
        names = ("task", "split", "arm", "method", "seed", "language", "score", "items", "run")
        return polars.DataFrame(rows, schema=names, orient="row")


def collect(folders: Sequence[Path], task: str | None = None) -> Collection:
    """Read runs given as run folders or as folders that hold run folders up to two levels down.

    Args:
        folders: at least one path.
        task: keep only runs of this task; without it all runs must be of one task.

    Raises:
        UserError: a path that is no folder or holds no run, a run without scores, a file that cannot be
            read, runs of several tasks or splits, one (arm, seed) or one arm with two configurations, runs
            scored on different items.
    """
    found = list(dict.fromkeys(run for folder in folders for run in find_runs(Path(folder))))
    if not found:
        raise UserError("no run folder was named; name one or more, or a folder that holds them")
    known = [(folder, read_info(folder)) for folder in found]
    tasks = sorted({str(info["task"]) for _, info in known})
    if task is not None:
        known = [(folder, info) for folder, info in known if info["task"] == task]
        if not known:
            raise UserError(
                f"--task {task}: none of the {len(found)} runs is of this task, they are of {', '.join(tasks)}"
            )
    elif len(tasks) > 1:
        raise UserError(
            f"the runs are of {len(tasks)} tasks ({', '.join(tasks)}), which no average may mix; choose one with --task"
        )
    runs = [read_run(folder, info) for folder, info in known]
    notices = [
        f"Of the sweep {folder.resolve().name} only the trial of each method is here that English dev chose; its own "
        "page has all of them."
        for folder in sweeps_in(map(Path, folders))
    ]
    return _checked(runs, notices)


def find_runs(folder: Path) -> list[Path]:
    """Folders with a run.json: ``folder`` itself, or those one or two levels below it, sorted and resolved.

    Of a sweep those of the chosen trials: others may share an arm's label and differ in their training.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}; expected a run folder or a folder that holds run folders")
    if (folder / "run.json").is_file():
        return [folder.resolve()]
    if sweeps_in([folder]):
        return chosen_runs(folder)
    if (folder / "scores.json").is_file():
        raise UserError(
            f"{folder} has scores.json but no run.json, so it is no complete run folder; copy the whole folder"
        )
    # A leading dot marks a folder that is still being written.
    below = [path for depth in ("*/run.json", "*/*/run.json") for path in folder.glob(depth)]
    found = sorted(
        path.parent for path in below if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise UserError(
            f"{folder} is no run folder and holds none (no run.json there or up to two levels below); "
            "`xtremor train` writes one"
        )
    return [path.resolve() for path in found]


def _checked(runs: list[Run], notices: list[str]) -> Collection:
    runs, copies = _without_copies(runs)
    notices = [*notices, *copies]
    arms_must_agree(runs)
    first = runs[0]
    for run in runs[1:]:
        for what, here, there in (
            ("split", first.split, run.split),
            ("metric", first.scored.get("metric"), run.scored.get("metric")),
            ("unit", first.scored.get("unit"), run.scored.get("unit")),
        ):
            if here != there:
                raise UserError(
                    f"{first.folder} and {run.folder} differ in {what} ('{here}' and '{there}'); report them apart"
                )
    languages = _common_languages(runs, notices)
    notices.extend(differences_between_arms(runs))
    notices.extend(lineage.notices(runs))
    roles = ("plain", "noise", "robust", "frozen")
    arms = list(dict.fromkeys(run.arm for run in runs))
    runs.sort(key=lambda run: (roles.index(run.role), arms.index(run.arm), run.seed))
    metric, unit = str(first.scored.get("metric", "score")), str(first.scored.get("unit", "percent"))
    return Collection(first.task, first.split, metric, unit, languages, tuple(runs), tuple(notices))


def _without_copies(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    kept: dict[tuple[str, int], Run] = {}
    notices: list[str] = []
    for run in runs:
        other = kept.setdefault((run.arm, run.seed), run)
        if other is run:
            continue
        arms_must_agree([other, run])
        if other.scores != run.scores or other.items != run.items:
            raise UserError(
                f"{other.folder} and {run.folder} are both arm '{run.arm}' with seed {run.seed} but their scores "
                "differ; name only one of them, or give one another --seed"
            )
        notices.append(
            f"{run.folder.name} is a copy of {other.folder.name} (arm {run.arm}, seed {run.seed}) and is left out."
        )
    return list(kept.values()), notices


def _common_languages(runs: Sequence[Run], notices: list[str]) -> tuple[str, ...]:
    common = tuple(code for code in runs[0].scores if all(code in run.scores for run in runs))
    sources = {code for run in runs for code in recorded_sources(run.info) if not is_english(code)}
    trained = [code for code in common if code in sources]
    if trained:
        notices.append(f"Left out, because a run was trained on their labels: {', '.join(trained)}.")
        common = tuple(code for code in common if code not in trained)
    if not common:
        raise UserError(f"the {len(runs)} runs have no language in common; evaluate them on the same languages")
    partial = sorted({code for run in runs for code in run.scores} - {*common, *trained})
    if partial:
        notices.append(f"Left out, because not every run was scored on them: {', '.join(partial)}.")
    for run in runs[1:]:
        for code in common:
            if run.items[code] != runs[0].items[code]:
                raise UserError(
                    f"{runs[0].folder} scored {runs[0].items[code]} items of '{code}', {run.folder} {run.items[code]}; "
                    "arms are comparable on the same items only, so evaluate both alike"
                )
    return common

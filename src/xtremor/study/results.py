"""Scores of a study as a table: one row for each arm, task, language and pair of seeds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError, unknown
from xtremor.evaluation.rules import LAST, parse_rule
from xtremor.languages import is_english
from xtremor.paths import atomic_file
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Cell, Plan
from xtremor.study.store import Store
from xtremor.training.folder import read_json
from xtremor.training.learning import unlearnt

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    "system", "task", "language", "seed", "stage2_seed", "score", "study_arm", "encoder", "intermediate", "split",
    "metric", "items", "english_dev", "passes", "updates", "stage", "checkpoint", "trained_on_language",
)  # fmt: skip
# Columns that a user may filter by.
FILTERS = ("system", "study_arm", "task", "language", "encoder", "intermediate")
FORMATS = (".csv", ".parquet", ".tex")


def finished_scores(store: Store, cells: Iterable[Cell]) -> Iterator[tuple[Cell, Path, dict[str, Any]]]:
    """Of cells whose evaluation is finished: the cell, the place of the stage, and its ``scores.json``.

    Raises:
        UserError: a stage whose scores were edited since it was stored.
    """
    finished = store.finished()
    for cell in cells:
        if cell.evaluation in finished:
            store.verify(cell.evaluation, whole=False)
            place = store.stages / cell.evaluation
            yield cell, place, read_json(place / "scores.json")


def unlearnt_by_system(plan: Plan, told: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[dict[str, str], int]]:
    """System -> its trainings that say that they learnt little or nothing, by name, and how many it has.

    Args:
        plan: of the study.
        told: key -> ``stage.json`` of what is finished.
    """
    found: dict[str, dict[str, str | None]] = {}
    for cell in plan.cells:
        for key in (cell.stage1, cell.target):
            if key is not None and key in told:
                found.setdefault(cell.system, {})[plan.stages[key].name] = unlearnt(told[key].get("warnings"))
    return {
        system: ({name: said for name, said in own.items() if said is not None}, len(own))
        for system, own in found.items()
    }


def results(folder: StudyFolder, checkpoints: Sequence[str] | None = None) -> pl.DataFrame:
    """Every score of the finished evaluations by some checkpoint rules, in the order of the study.

    Args:
        folder: of the study.
        checkpoints: rules; None is the last step, or the study's primary rule where that is none of its rules. Where it
            is not that alone, the system says by which rule it was scored, and of the oracle that it is an upper bound.

    ``seed`` is that of the first stage, the unit of replication, within which ``stage2_seed`` is nested. ``passes`` are
    those of the last stage relative to plain. ``trained_on_language`` is true where the run was trained on labels in
    the language, other than English, which leaves it out of averages. Of two columns none can be taken for the same
    thing by `xtremor compare`.

    Raises:
        UserError: no study, no finished evaluation, a rule that it has not, or a stage whose scores were edited.
    """
    import polars as pl

    plan = folder.read()
    usual, wanted = _rules(plan, checkpoints)
    rows: list[tuple[Any, ...]] = []
    chosen = [cell for cell in (*plan.cells, *plan.beside) if cell.checkpoint in wanted]
    for cell, run, scores in finished_scores(folder.store(plan).open(), chosen):
        system = cell.system if wanted == [usual] else f"{cell.system} ({shown(cell.checkpoint)})"
        record = read_json(run / "run.json")
        counts, dev = record.get("counts", {}), record.get("english_dev") or {}
        labelled = plan.labelled(cell)
        for language, found in scores["languages"].items():
            rows.append(
                (system, cell.task, language, cell.stage1_seed, cell.stage2_seed, found["score"], cell.arm,
                 cell.encoder, cell.intermediate, cell.split, scores["metric"], found["items"], dev.get("score"),
                 counts.get("passes_relative_to_plain"), counts.get("updates"), cell.evaluation, cell.checkpoint,
                 language in labelled)
            )  # fmt: skip
    if not rows:
        raise UserError(f"{folder.path} has no finished evaluation yet; `xtremor study run` makes them")
    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, pl.String())
    kinds |= dict.fromkeys(("score", "english_dev", "passes"), pl.Float64())
    kinds |= dict.fromkeys(("seed", "stage2_seed", "items", "updates"), pl.Int64())
    kinds["trained_on_language"] = pl.Boolean()
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _rules(plan: Plan, asked: Sequence[str] | None) -> tuple[str, list[str]]:
    """The rule that is taken where none is named, and those that are wanted."""
    known = list(dict.fromkeys(cell.checkpoint for cell in (*plan.cells, *plan.beside)))
    usual = LAST if LAST in known else known[0]
    for name in asked or ():
        if name not in known:
            raise unknown("checkpoint rule of this study", name, known)
    return usual, [usual] if asked is None else [name for name in known if name in asked]


def shown(rule: str) -> str:
    """A rule beside a system's name."""
    return f"{rule}, upper bound" if parse_rule(rule).upper_bound else rule


def filtered(table: pl.DataFrame, wanted: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Rows whose columns hold one of the values named; raises UserError for a value that is nowhere in the column."""
    import polars as pl

    whole = table
    for column, values in wanted.items():
        known = whole[column].unique(maintain_order=True).to_list()
        for value in values:
            if value not in known:
                raise unknown(column, value, known)
        table = table.filter(pl.col(column).is_in(list(values)))
    if table.height == 0:
        raise UserError("no score answers all of these filters together; leave one out")
    return table


def means(table: pl.DataFrame) -> list[dict[str, Any]]:
    """For people: mean over languages without English, its spread over runs, English, by task and system.

    A language that a run on the task was trained on with labels is in no system's mean.
    """
    import polars as pl

    english = pl.col("language").map_elements(is_english, return_dtype=pl.Boolean)
    trained = pl.col("trained_on_language").any().over("task", "language")
    table = table.filter(english | ~trained)
    found = []
    for (task, system), part in table.group_by(["task", "system"], maintain_order=True):
        away, home = part.filter(~english), part.filter(english)
        runs = (
            (away if away.height else home)
            .group_by("seed", "stage2_seed", maintain_order=True)
            .agg(pl.col("score").mean())["score"]
            .to_list()
        )
        deviation = f"{statistics.stdev(runs):.2f}" if len(runs) > 1 else ""
        inside = statistics.fmean(home["score"].to_list()) if home.height else None
        found.append(
            {
                "task": task,
                "system": system,
                "runs": len(runs),
                "languages": away["language"].n_unique(),
                "mean": f"{statistics.fmean(runs):.2f}",
                "sd over runs": deviation,
                "en": "" if inside is None else f"{inside:.2f}",
                "metric": part["metric"][0],
            }
        )
    return found


def write(table: pl.DataFrame, path: Path) -> None:
    """Write a table as its name ends: ``.csv``, ``.parquet``, or ``.tex`` (means by system and task)."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UserError(f"--output {path}: the name must end in one of {', '.join(FORMATS)}")
    with atomic_file(path) as draft:
        if ending == ".csv":
            table.write_csv(draft)
        elif ending == ".parquet":
            table.write_parquet(draft)
        else:
            draft.write_text(latex(table), encoding="utf-8")


def latex(table: pl.DataFrame) -> str:
    """A LaTeX table (booktabs): systems by tasks, mean over languages without English, standard deviation over runs."""
    rows = means(table)
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    cells = {(row["system"], row["task"]): row for row in rows}
    lines = [rf"\begin{{tabular}}{{l{'r' * len(tasks)}}}", r"\toprule"]
    lines += [" & ".join(["System", *map(_escaped, tasks)]) + r" \\", r"\midrule"]
    for system in dict.fromkeys(row["system"] for row in rows):
        shown = [_cell(cells.get((system, task))) for task in tasks]
        lines.append(" & ".join([_escaped(system), *shown]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "--"
    return row["mean"] + (rf" {{\small $\pm$ {row['sd over runs']}}}" if row["sd over runs"] else "")


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "&%$#_{}" else sign for sign in text)

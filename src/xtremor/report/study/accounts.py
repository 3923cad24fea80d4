"""Tables of what lies behind the scores: checkpoint rules, cost, calibration, stages."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import fmean

from xtremor.compare.sentences import number, signed
from xtremor.console import duration
from xtremor.evaluation.rules import parse_rule
from xtremor.report.study.charts import anchor, seed_means
from xtremor.report.study.cost import costs
from xtremor.report.study.findings import Findings, by_rule
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material, Run, short
from xtremor.report.study.shown import p_cell
from xtremor.report.study.tables import Cell, Table
from xtremor.stats.intervals import t_interval
from xtremor.study.stage import EVALUATION


def checkpoints(study: Material, findings: Findings) -> Table:
    """The planned contrasts by every checkpoint rule that the study scores."""
    rules = by_rule(study, findings)
    rows = []
    for planned in findings.planned if rules else ():
        primary = study.runs[0].cell.checkpoint
        every = [(primary, findings.family(planned)), *rules.items()]
        for rule, comparison in every:
            main = next(
                (
                    each.main
                    for each in comparison.contrasts
                    if (each.main.treatment, each.main.control) == (planned.treatment, planned.control)
                ),
                None,
            )
            if main is not None:
                bound = "upper bound: it looks at the targets" if parse_rule(rule).upper_bound else ""
                role = "decides" if rule == primary else bound
                test = main.difference
                row = (
                    Cell(planned.name, arm=study.arm_of[planned.treatment]), Cell(rule, role),
                    Cell(number(main.means[0]), value=main.means[0]), Cell(number(main.means[1]), value=main.means[1]),
                    Cell(signed(main.effect), value=main.effect, kind="strong"),
                    Cell(span(test.low, test.high, True) if test else "one seed"), p_cell(test.p if test else None),
                )  # fmt: skip
                rows.append(row)
    head = ("Contrast", "Checkpoint", "Treatment", "Control", "Difference", "95% interval", "p")
    text = "Every checkpoint rule from the same runs; p-values are not corrected, and the primary rule alone decides"
    return Table("checkpoints", text, head, tuple(rows), sortable=True)


def cost(study: Material) -> Table:
    """Passes, tokens and time of each arm."""
    found = costs(study)
    least = min((each.work for each in found.values() if each.work), default=0.0)
    rows = []
    for system, each in found.items():
        rows.append(
            (
                Cell(system, arm=study.arm_of[system]),
                Cell(_times(each.first_passes)), Cell(_times(each.target_passes)),
                Cell(_times(each.first_time)), Cell(_times(each.target_time)),
                Cell(f"{each.updates:,.0f}", value=each.updates), Cell(f"{each.tokens:,.0f}", value=each.tokens),
                Cell(_times(each.work / least if least else None), value=each.work),
                Cell(duration(each.training), value=each.training), Cell(duration(each.scoring), value=each.scoring),
            )
        )  # fmt: skip
    head = ("Arm", "Passes, first stage", "Passes, targets", "Step time, first stage", "Step time, targets", "Updates",
            "Tokens", "Compute", "Training", "Scoring")  # fmt: skip
    text = (
        "Means over stage-1 seeds, one first stage and all targets together. Passes: counted, relative to plain; "
        "step time: beside plain steps on the same batches of the same run; compute: passes over a token, relative "
        "to the least; seconds of runs that shared a machine say little"
    )
    return Table("cost", text, head, tuple(rows), sortable=True).filled()


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}×"


def calibrated(study: Material, task: str) -> dict[str, list[tuple[Run, float]]]:
    """System -> (run, ECE in percent, mean over its languages without English); empty where no logits were kept."""
    found: dict[str, list[tuple[Run, float]]] = {}
    for system in study.systems:
        for run in study.of(system, task):
            cells = run.scored.get("calibration") or {}
            own = [float(cells[code]["ece"]) for code in run.headline if code in cells]
            if own:
                found.setdefault(system, []).append((run, fmean(own)))
    return found


def calibration(study: Material) -> Table:
    """Expected calibration error by arm and task."""
    rows = []
    for task in study.tasks:
        for system, own in calibrated(study, task).items():
            found = t_interval(seed_means(own))
            cells = [(run.scored["calibration"], run) for run, _ in own]
            sure = fmean(
                float(each[code]["confidence"]) for each, run in cells for code in run.headline if code in each
            )
            row = (
                Cell(system, arm=study.arm_of[system]), Cell(task),
                Cell(number(found.mean), value=found.mean, kind="strong"),
                Cell(span(found.low, found.high)), Cell(number(sure), value=sure),
            )  # fmt: skip
            rows.append(row)
    text = (
        "Expected calibration error in percent (15 bins of equal width), mean over languages without English and over "
        "seeds"
    )
    return Table(
        "calibration", text, ("Arm", "Task", "ECE", "95% interval", "Mean confidence"), tuple(rows), sortable=True
    )


def stages(study: Material, out: Path) -> Table:
    """Every stage of the plan, with the way to its folder."""
    owners: dict[str, list[str]] = {}
    means = {run.cell.evaluation: run for run in (*study.runs, *study.beside)}
    for cell in (*study.plan.cells, *study.plan.beside):
        for key in (cell.stage1, cell.target, cell.evaluation):
            if key is not None and cell.arm not in owners.setdefault(key, []):
                owners[key].append(cell.arm)
    rows, ids = [], []
    for key, stage in study.plan.stages.items():
        told, run = study.stages.get(key), means.get(key)
        where = link_to(study.store.stages / key, out) if told else ""
        parents = ", ".join(map(short, stage.parents))
        rows.append(
            (
                Cell(short(key), tip=key, link=where),
                Cell(stage.name),
                Cell(stage.kind),
                Cell(", ".join(owners.get(key, ()))),
                Cell(study.status.states[key]),
                Cell(number(run.mean) if run else "", value=run.mean if run else None),
                Cell(_dev(study, key)),
                Cell(duration(told.seconds) if told else "", value=told.seconds if told else None),
                Cell(str(len(told.told.get("warnings") or ())) if told else ""),
                Cell(parents, link=f"#{anchor(stage.parents[0])}" if stage.parents else ""),
            )
        )
        ids.append(anchor(key))
    head = ("Stage", "What", "Kind", "Arms", "State", "Mean score", "English dev", "Time", "Warnings", "Starts from")
    text = (
        "Every figure above is a mean of the evaluations listed here; a stage's folder holds its settings, log and "
        "predictions"
    )
    return Table("stages", text, head, tuple(rows), tuple(ids), sortable=True)


def _dev(study: Material, key: str) -> str:
    if key not in study.stages or study.stages[key].stage.kind == EVALUATION:
        return ""
    score = (study.stages[key].record.get("english_dev") or {}).get("score")
    return "" if score is None else number(float(score))


def link_to(place: Path, out: Path) -> str:
    """The way from the page to a folder, for a browser; nothing where there is none (another drive)."""
    from urllib.parse import quote

    try:
        return quote(Path(os.path.relpath(place, out)).as_posix())
    except ValueError:
        return ""

"""The tables of a report: arms, contrasts, languages, strata, cost, calibration, stages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from xtremor.compare.comparison import Contrast
from xtremor.compare.effects import Effect
from xtremor.compare.sentences import number, p_text, signed
from xtremor.console import duration
from xtremor.languages import is_english
from xtremor.report.study.charts import CLEAR, anchor, effect_name, effect_tip, seed_means, strata_of
from xtremor.report.study.cost import costs
from xtremor.report.study.findings import Findings, Planned, cell_mean, estimate
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material, Run, short
from xtremor.report.study.tables import Cell, Table
from xtremor.stats.intervals import mean_over_seeds, share_improved, t_interval, worst_language
from xtremor.study.stage import EVALUATION

# Seeds up to which each is written under a mean.
FEW = 12


def kind_of(effect: Effect) -> str:
    """How a verdict is coloured."""
    return {"better": "up", "worse": "down"}.get(effect.verdict, "")


def arms(study: Material, findings: Findings) -> Table:
    """Each arm on each task: mean, interval, seeds, English, languages improved, worst language."""
    control = next((each.control for each in findings.planned if each.role == "primary"), None)
    rows: list[tuple[Cell, ...]] = []
    for task in study.tasks:
        base = mean_over_seeds([run.scores for run in study.of(control, task)]) if control else {}
        for system in study.systems:
            own = study.of(system, task)
            found = estimate(study, system, task)
            if found is None:
                continue
            scores = mean_over_seeds([run.scores for run in own])
            home = [score for code, score in scores.items() if is_english(code)]
            worst = worst_language(scores)
            better = share_improved(scores, base) if base and system != control else None
            rows.append(
                (
                    Cell(system, arm=study.arm_of[system], link=f"#{anchor(own[0].cell.evaluation)}"),
                    Cell(task),
                    Cell(number(found.mean), _seeds(found.values), found.mean, tip=_stages(own), kind="strong"),
                    Cell(span(found.low, found.high) or "none: one seed"),
                    Cell(str(found.n), value=found.n),
                    Cell("" if found.sd is None else number(found.sd), value=found.sd),
                    Cell(number(fmean(home)) if home else "", value=fmean(home) if home else None),
                    Cell(f"{better.part} of {better.whole}" if better else ""),
                    Cell(f"{study.places[worst[0]].name} {number(worst[1])}" if worst else ""),
                )
            )
    above = f"Languages above {control}" if control else "Languages above control"
    if len(study.tasks) > 1:
        rows = [*_over_tasks(study), *rows]
    head = ("Arm", "Task", "Mean", "95% interval", "Seeds", "SD", "English", above, "Worst language")
    text = "Means over languages without English; intervals are t-intervals over stage-1 seeds, small figures the seeds"
    return Table("arms", text, head, tuple(rows), sortable=True).filled()


def _over_tasks(study: Material) -> list[tuple[Cell, ...]]:
    rows = []
    for system in study.systems:
        found = estimate(study, system)
        if found is not None:
            sd = Cell("" if found.sd is None else number(found.sd), value=found.sd)
            mean = Cell(number(found.mean), _seeds(found.values), found.mean, kind="strong")
            ends = Cell(span(found.low, found.high) or "none: one seed")
            seeds = Cell(str(found.n), value=found.n)
            rows.append((Cell(system, arm=study.arm_of[system]), Cell("all"), mean, ends, seeds, sd, *[Cell("")] * 3))
    return rows


def _stages(runs: Sequence[Run]) -> str:
    """What a mean is of."""
    if len(runs) > FEW:
        return f"{len(runs)} stages, see the table of stages"
    return f"stages {', '.join(short(run.cell.evaluation) for run in runs)}"


def _seeds(values: Sequence[float], digits: int = 2) -> str:
    """Each seed, where they are few."""
    return " · ".join(number(value, digits) for value in values) if 1 < len(values) <= FEW else ""


def contrasts(study: Material, findings: Findings) -> Table:
    """Every planned contrast with all its tests."""
    rows = []
    for planned in findings.planned:
        contrast = findings.main(planned)
        rows.append(_contrast(study, findings, planned, contrast))
    head = ("Contrast", "Role", "Difference", "95% interval", "p", "Holm", "Reading", "Permutation", "Bootstrap",
            "Equivalence", "Seeds needed", "Finds")  # fmt: skip
    text = (
        "Treatment minus control on the average. p: t-test over runs, which decides after Holm's correction; "
        "permutation "
        "test and bootstrap over seeds and items stand beside it. Equivalence: two one-sided tests. Seeds needed: an "
        "arm, "
        f"for {study.design['assumed']['effect']:g} points with 80% power; finds: the smallest difference for these "
        "runs"
    )
    return Table("contrasts", text, head, tuple(rows)).filled()


def _contrast(study: Material, findings: Findings, planned: Planned, contrast: Contrast) -> tuple[Cell, ...]:
    main, family, seeds = contrast.main, findings.family(planned), contrast.seeds
    test, alike = main.difference, main.equivalence
    needed = "" if seeds is None else "10,000+" if seeds.needed is None else f"{seeds.needed:,}"
    around = "" if seeds is None else f"{seeds.needed_low or '10,000+'} to {seeds.needed_high or '10,000+'}"
    return (
        Cell(planned.name, arm=study.arm_of[planned.treatment], tip=main.pairing.why),
        Cell(planned.role),
        Cell(
            signed(main.effect), f"{number(main.means[0])} against {number(main.means[1])}", main.effect, kind="strong"
        ),
        Cell(span(test.low, test.high, True) if test else "one seed"),
        _p(test.p if test else None),
        _p(main.adjusted, f"of {family.family} tests"),
        Cell(main.verdict, kind=kind_of(main), tip=effect_tip(main)),
        _p(main.permutation.p if main.permutation else None),
        Cell(span(main.bootstrap.low, main.bootstrap.high, True) if main.bootstrap else ""),
        _p(main.adjusted_equivalence, f"within ±{alike.margin:g}" if alike else ""),
        Cell(needed, around, float(seeds.needed) if seeds and seeds.needed else None),
        Cell(number(seeds.smallest) if seeds else "", value=seeds.smallest if seeds else None),
    )


def _p(value: float | None, small: str = "") -> Cell:
    return Cell("") if value is None else Cell(p_text(value).removeprefix("p = ").removeprefix("p "), small, value)


def effects(study: Material, findings: Findings, planned: Planned, at: int) -> Table:
    """One contrast by task, stratum and language."""
    family = findings.every
    assert family is not None
    wide, several = findings.wide(planned), len(family.scores.tasks) > 1
    rows = [_effect(effect, effect_name(effect, several)) for effect in findings.effects(planned)]
    shrunk = {
        (task, test.language): found.effects[place]
        for task, found in wide.shrunk.items()
        for place, test in enumerate(test for test in family.scores.tests if test.task == task)
    }
    for effect in wide.languages:
        group = effect.group
        name = f"{group.task}, {group.value}" if several else group.value
        rows.append(_effect(effect, name, shrunk.get((group.task, group.value))))
    head = ("Over", "Languages", "Difference", "95% interval", "p", "Corrected", "Correction", "Reading", "Shrunk")
    text = (
        f"{planned.treatment} minus {planned.control}: planned figures corrected by Holm, the others are exploratory "
        "(Benjamini-Hochberg); shrunk: effects of languages moved towards their mean by what is noise in them"
    )
    return Table(f"contrast-{at}", text, head, tuple(rows), sortable=True)


def _effect(effect: Effect, name: str, shrunk: float | None = None) -> tuple[Cell, ...]:
    test = effect.difference
    return (
        Cell(name),
        Cell(str(effect.group.languages), value=effect.group.languages),
        Cell(signed(effect.effect), value=effect.effect, kind="strong"),
        Cell(span(test.low, test.high, True) if test else "one seed"),
        _p(test.p if test else None),
        _p(effect.adjusted),
        Cell(effect.correction if effect.adjusted is not None else ""),
        Cell(effect.verdict, kind=kind_of(effect) if effect.verdict in CLEAR else ""),
        Cell("" if shrunk is None else signed(shrunk), value=shrunk),
    )


def languages(study: Material, task: str, at: int) -> Table:
    """Scores of every language and arm, with its strata."""
    codes = list(dict.fromkeys(code for run in study.of(None, task) for code in run.scores))
    systems = [system for system in study.systems if study.of(system, task)]
    schemes = [name for name, _ in strata_of(study, codes[0])]
    rows = []
    for code in codes:
        cells = [Cell(study.called(code))]
        cells += [Cell(value) for _, value in strata_of(study, code)]
        items = max(run.items.get(code, 0) for run in study.of(None, task))
        cells.append(Cell(f"{items:,}", value=items))
        for system in systems:
            mean = cell_mean(study, system, task, code)
            own = [run for run in study.of(system, task) if code in run.scores]
            small = _seeds([run.scores[code] for run in own], 1)
            cells.append(Cell("" if mean is None else number(mean), small, mean, tip=_stages(own)))
        rows.append(tuple(cells))
    head = ("Language", *(name.replace("_", " ") for name in schemes), "Items", *systems)
    text = f"{task}: mean over seeds in percent, each seed below it where there are {FEW} or fewer"
    return Table(f"languages-{at}", text, head, tuple(rows), sortable=True)


def strata(study: Material) -> Table:
    """How many languages and items each stratum has, by task."""
    rows = []
    for task in study.tasks:
        first = study.of(None, task)[0]
        groups: dict[tuple[str, str], list[str]] = {}
        for code in first.headline:
            for where in strata_of(study, code):
                groups.setdefault(where, []).append(code)
        for (scheme, value), own in sorted(groups.items()):
            items = sum(first.items[code] for code in own)
            row = (
                Cell(task), Cell(scheme.replace("_", " ")), Cell(value), Cell(str(len(own)), value=len(own)),
                Cell(f"{items:,}", value=items), Cell(" ".join(own)),
            )  # fmt: skip
            rows.append(row)
    head = ("Task", "Scheme", "Stratum", "Languages", "Items", "Which")
    return Table("strata", "Languages and scored items by stratum, English aside", head, tuple(rows), sortable=True)


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
        "Means over stage-1 seeds, one first stage and all targets together. Passes: counted, relative to plain; step "
        "time: "
        "beside plain steps on the same batches of the same run; compute: passes over a token, relative to the least; "
        "seconds of runs that shared a machine say little"
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
    means = {run.cell.evaluation: run for run in study.runs}
    for cell in study.plan.cells:
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

"""The tables of a report: arms, contrasts, languages, strata, cost, calibration, stages."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from xtremor.compare.comparison import Contrast
from xtremor.compare.effects import Effect
from xtremor.compare.sentences import number, p_text, signed
from xtremor.languages import is_english
from xtremor.report.study.charts import CLEAR, anchor, effect_name, effect_tip, strata_of
from xtremor.report.study.findings import Findings, Planned, cell_mean, estimate
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material, Run, short
from xtremor.report.study.tables import Cell, Table
from xtremor.stats.intervals import mean_over_seeds, share_improved, worst_language

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
        "permutation test and bootstrap over seeds and items stand beside it. Equivalence: two one-sided tests. "
        f"Seeds needed: an arm, for {study.design['assumed']['effect']:g} points with 80% power; finds: the smallest "
        "difference for these runs"
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
        p_cell(test.p if test else None),
        p_cell(main.adjusted, f"of {family.family} tests"),
        Cell(main.verdict, kind=kind_of(main), tip=effect_tip(main)),
        p_cell(main.permutation.p if main.permutation else None),
        Cell(span(main.bootstrap.low, main.bootstrap.high, True) if main.bootstrap else ""),
        p_cell(main.adjusted_equivalence, f"within ±{alike.margin:g}" if alike else ""),
        Cell(needed, around, float(seeds.needed) if seeds and seeds.needed else None),
        Cell(number(seeds.smallest) if seeds else "", value=seeds.smallest if seeds else None),
    )


def p_cell(value: float | None, small: str = "") -> Cell:
    """A p-value, nothing for none."""
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
        p_cell(test.p if test else None),
        p_cell(effect.adjusted),
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

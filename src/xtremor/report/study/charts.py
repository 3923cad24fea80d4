"""The main charts: what each arm scored, the contrasts as a forest, languages by arms as a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from xtremor.compare.effects import Effect
from xtremor.compare.sentences import number, p_text, signed
from xtremor.languages import is_english
from xtremor.report.charts import Drawing
from xtremor.report.study.figures import HEAT, NARROW, Figure, colour, sized
from xtremor.report.study.findings import Findings, Planned, by_seed, cell_mean, estimate, reference
from xtremor.report.study.marks import Bar, Dot, rows_chart, span, unique
from xtremor.report.study.material import Material, Run, short
from xtremor.sources.own.language_files import strata_or_unknown
from xtremor.stats.intervals import t_interval

CELL = 19
# Pixels: what the names of rows take, and the least width of a column of figures.
ROW_LABEL, COLUMN = 150, 32
# Verdicts that say something.
CLEAR = ("better", "worse", "equivalent")


def anchor(key: str) -> str:
    """Id of a stage's row in the page."""
    return f"stage-{key[:12]}"


def arm_figures(study: Material) -> list[Figure]:
    """What each arm scored: over all tasks where there are several, and on each."""
    found = []
    if len(study.tasks) > 1:
        found.append(_arms(study, None, f"Mean of {len(study.tasks)} tasks", "arms"))
    for at, task in enumerate(study.tasks):
        found.append(_arms(study, task, task, f"arms-{at + 1}"))
    return found


def _arms(study: Material, task: str | None, title: str, name: str) -> Figure:
    dots, bars = [], []
    for system in study.systems:
        arm, own = study.arm_of[system], estimate(study, system, task)
        if own is None:
            continue
        if task is None:
            seeds = by_seed(study, system).items()
            dots += [Dot(system, arm, value, f"{system}, seed {seed}: {number(value)}") for seed, value in seeds]
        else:
            for run in study.of(system, task):
                tip = f"{system}, seed {run.seed}: {number(run.mean)}; stage {short(run.cell.evaluation)}"
                dots.append(Dot(system, arm, run.mean, tip, f"#{anchor(run.cell.evaluation)}"))
        ends = span(own.low, own.high)
        said = f"95% interval {ends}, {own.n} seeds" if ends else "one seed: no interval"
        bars.append(Bar(system, arm, own.mean, own.low, own.high, f"{system}: mean {number(own.mean)}; {said}"))
    rows = [system for system in study.systems if any(bar.row == system for bar in bars)]
    metric = study.of(None, task)[0].scored.get("metric", "score") if task else "score"

    def build(width: int, alone: bool) -> Drawing:
        what = f"{metric}, percent"
        return rows_chart(
            rows, dots, bars, study.arms, width, alone, f"{title}: every seed, mean and 95% interval", what
        )

    text = (
        f"Mean scores over languages without English, {title}: a dot a run, a tick at the mean, 95% t-intervals over "
        "seeds"
    )
    return Figure(name, title, text, build)


def effect_name(effect: Effect, several: bool) -> str:
    """Row of an effect in a forest or a table: ``all tasks``, ``panx``, ``panx, script Latn (31)``."""
    group = effect.group
    if group.kind == "average":
        return "overall" if not several else "all tasks"
    if group.kind == "task":
        return group.task
    task = f"{group.task}, " if several else ""
    count = "" if group.kind == "gap" else f" ({group.languages})"
    return f"{task}{group.scheme.replace('_', ' ')} {group.value}{count}"


def effect_tip(effect: Effect) -> str:
    """What an effect says in one line."""
    test = effect.difference
    if test is None:
        return f"{signed(effect.effect)} points, one seed: cannot tell"
    corrected = f", {p_text(effect.adjusted)} after {effect.correction}" if effect.adjusted is not None else ""
    return (
        f"{signed(effect.effect)} points; {100 * test.confidence:.0f}% interval {span(test.low, test.high, True)}; "
        f"{p_text(test.p)}{corrected}: {effect.verdict}"
    )


def forest(study: Material, findings: Findings, planned: Planned, number_: int) -> Figure:
    """One contrast overall, by task and by stratum."""
    effects = findings.effects(planned)
    several = len({test.task for test in findings.family(planned).scores.tests}) > 1
    names = unique({at: effect_name(effect, several) for at, effect in enumerate(effects)})
    arm, margin = study.arm_of[planned.treatment], study.design["assumed"]["margin"] or None
    bars = [
        Bar(
            names[at], arm, effect.effect,
            None if effect.difference is None else effect.difference.low,
            None if effect.difference is None else effect.difference.high,
            f"{names[at]}: {effect_tip(effect)}", effect.verdict in CLEAR,
        )
        for at, effect in enumerate(effects)
    ]  # fmt: skip

    def build(width: int, alone: bool) -> Drawing:
        title = f"{planned.treatment} minus {planned.control}"
        return rows_chart(
            list(names.values()), [], bars, study.arms, width, alone, title, f"points above {planned.control}",
            True, margin, 1.5,
        )  # fmt: skip

    text = (
        f"Forest plot of {planned.treatment} minus {planned.control}: overall, by task and by stratum, with 95% "
        "intervals; filled where something can be told"
    )
    return Figure(f"contrast-{number_}", f"{planned.treatment} minus {planned.control}", text, build)


def heat_figures(study: Material, findings: Findings) -> list[Figure]:
    """Languages by arms, a map for each task: differences from the control of the first contrast, else scores."""
    chosen = reference(findings)
    control = None if chosen is None else chosen.control
    return [_heat(study, task, control, at + 1) for at, task in enumerate(study.tasks)]


def heat_values(
    study: Material, task: str, control: str | None
) -> tuple[list[str], list[str], dict[tuple[str, str], float]]:
    """Languages, systems, and (language, system) -> mean score, or difference from the control on that task."""
    codes = [
        code
        for code in dict.fromkeys(code for run in study.of(None, task) for code in run.scores)
        if not is_english(code) or all(map(is_english, study.of(None, task)[0].scores))
    ]
    there = control is not None and bool(study.of(control, task))
    systems = [name for name in study.systems if study.of(name, task) and not (there and name == control)]
    values = {}
    for code in codes:
        base = cell_mean(study, control, task, code) if there and control is not None else 0.0
        for system in systems:
            own = cell_mean(study, system, task, code)
            if own is not None and base is not None:
                values[code, system] = own - base
    return codes, systems, values


def strata_of(study: Material, code: str, most: int | None = None) -> list[tuple[str, str]]:
    """Planned strata of a language, else its resource class and script: (scheme, value)."""
    schemes = list(study.design["strata"]) or ["joshi_class", "script"]
    known = strata_or_unknown(code)
    return [(scheme, str(known.get(scheme, ""))) for scheme in schemes[:most]]


def _heat(study: Material, task: str, control: str | None, at: int) -> Figure:
    codes, systems, values = heat_values(study, task, control)
    relative = control is not None and bool(study.of(control, task))
    codes.sort(key=lambda code: (strata_of(study, code, 1), code))
    top = max((abs(value) for value in values.values()), default=1.0) or 1.0
    low = min(values.values(), default=0.0)
    what = f"points above {control}" if relative else "score"
    steps = len(HEAT["light"]) // 2

    def level(value: float) -> int:
        if relative:
            return round(value / top * steps) + steps
        return steps + round((value - low) / ((top - low) or 1.0) * steps)

    def shown(place: int) -> str:
        return (
            signed((place - steps) * top / steps, 1)
            if relative
            else number(low + (place - steps) * (top - low) / steps, 1)
        )

    places = list(range(0 if relative else steps, 2 * steps + 1))

    def build(width: int, alone: bool) -> Drawing:
        import altair as alt

        narrow = width <= NARROW
        schemes = [name for name, _ in strata_of(study, codes[0], 1 if narrow else 3)] if codes else []
        size = 9 if narrow or len(schemes) + len(systems) > 9 else 11
        names = {code: code if narrow else study.called(code) for code in codes}
        facts = [
            {"row": names[code], "column": name.replace("_", " "), "text": value}
            for code in codes
            for name, value in strata_of(study, code, len(schemes))
        ]
        columns = [*fact_columns(facts, size, width, len(systems)), *systems]
        width = width if narrow else max(width, ROW_LABEL + COLUMN * len(columns))
        scale = alt.Scale(domain=columns)
        axis = alt.Axis(orient="top", labelAngle=-55, labelLimit=90 if narrow else 150, domain=False, ticks=False)
        x = alt.X("column:N", scale=scale, title=None, axis=axis)
        left = alt.X("column:N", scale=scale, title=None, axis=axis, bandPosition=0)
        y = alt.Y("row:N", scale=alt.Scale(domain=[names[code] for code in codes]), title=None,
                  axis=alt.Axis(labelLimit=ROW_LABEL, domain=False, ticks=False))  # fmt: skip
        seeds = {system: len(by_seed(study, system, task)) for system in systems}
        levels = alt.Scale(domain=[shown(each) for each in places], range=[colour("heat", each) for each in places])
        key = alt.Legend(orient="bottom", title=what, symbolType="square", columns=5, symbolSize=160)
        fill = alt.Color("level:N", scale=levels, legend=key)
        cells = [
            {"row": names[code], "column": system, "level": shown(level(value)), "text": _short(value, relative),
             "tip": f"{study.places[code].name}, {system}: {signed(value) if relative else number(value)} {what}; "
                    f"{seeds[system]} seeds"}
            for (code, system), value in values.items()
        ]  # fmt: skip
        rect = (
            alt.Chart(alt.NamedData("cells"))
            .mark_rect(stroke="var(--paper)")
            .encode(x=x, y=y, color=fill, description="tip:N")
        )
        figures = alt.Chart(alt.NamedData("cells")).mark_text(fontSize=size, color="var(--text)", aria=False)
        strata = alt.Chart(alt.NamedData("facts")).mark_text(
            fontSize=size, color="var(--faint)", align="left", dx=2, aria=False
        )
        layers = [rect, figures.encode(x=x, y=y, text="text:N"), strata.encode(x=left, y=y, text="text:N")]
        chart = sized(alt.layer(*layers), width, len(codes) * CELL + 150, alone, f"{task}: {what}")
        return Drawing(chart, {"cells": cells, "facts": facts})

    text = f"Heat map of {len(codes)} languages of {task} by arm: {what}; rows are grouped by {strata_title(study)}"
    return Figure(f"languages-{at}", f"{task}: {what}", text, build)


def fact_columns(facts: Sequence[Mapping[str, str]], size: int, width: float, arms: int) -> list[str]:
    """Columns of what is known of languages, each followed by as few nameless ones as its longest text takes.

    Args:
        facts: with their ``column`` and ``text``.
        size: of the letters, in pixels.
        width: of the chart in pixels, in which columns are alike.
        arms: columns beside these.
    """
    need: dict[str, float] = {}
    for fact in facts:
        need[fact["column"]] = max(need.get(fact["column"], 0.0), 0.53 * size * len(fact["text"]) + 4)
    slots = dict.fromkeys(need, 1)

    def column() -> float:
        return max(COLUMN, (width - ROW_LABEL) / (arms + sum(slots.values())))

    while short := next((name for name in need if need[name] > slots[name] * column()), None):
        slots[short] += 1
    found: list[str] = []
    for name, count in slots.items():
        found.append(name)
        found += [" " * (len(found) + extra) for extra in range(count - 1)]
    return found


def strata_title(study: Material) -> str:
    """The scheme that rows are grouped by."""
    return (list(study.design["strata"]) or ["joshi_class"])[0].replace("_", " ")


def _short(value: float, relative: bool) -> str:
    return signed(value, 1) if relative else number(value, 1)


def run_rows(
    study: Material, name: str, title: str, axis: str, values: Mapping[str, Sequence[tuple[Run, float]]], text: str
) -> Figure:
    """A figure of runs that is no score: system -> (run, value), with means and t-intervals over stage-1 seeds."""
    dots: list[Dot] = []
    bars: list[Bar] = []
    for system, own in values.items():
        arm = study.arm_of[system]
        dots += [
            Dot(system, arm, value, f"{system}, seed {run.seed}: {number(value)}", f"#{anchor(run.cell.evaluation)}")
            for run, value in own
        ]
        found = t_interval(seed_means(own))
        ends = span(found.low, found.high)
        said = f"95% interval {ends}" if ends else "one seed: no interval"
        bars.append(Bar(system, arm, found.mean, found.low, found.high, f"{system}: mean {number(found.mean)}; {said}"))

    def build(width: int, alone: bool) -> Drawing:
        return rows_chart(list(values), dots, bars, study.arms, width, alone, title, axis)

    return Figure(name, title, text, build)


def seed_means(own: Sequence[tuple[Run, float]]) -> list[float]:
    """Means over the second stages of each stage-1 seed."""
    seeds: dict[int, list[float]] = {}
    for run, value in own:
        seeds.setdefault(run.cell.stage1_seed, []).append(value)
    return [fmean(values) for values in seeds.values()]

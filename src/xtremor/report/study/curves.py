"""Learning curves, and dose and response where arms differ in their radius alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from xtremor.compare.sentences import number
from xtremor.report.charts import Drawing
from xtremor.report.study.figures import Figure, arm_scale, sized
from xtremor.report.study.findings import by_seed, estimate
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material, Trained, named
from xtremor.study.stage import INTERMEDIATE, TARGET

HEIGHT = 200
Point = tuple[int, float, float, float]


def curve_figures(study: Material) -> list[Figure]:
    """Training loss over updates, by kind of stage and task: the mean over seeds, and from lowest to highest."""
    found: list[Figure] = []
    for kind, words in ((INTERMEDIATE, "first stage"), (TARGET, "target")):
        tasks = dict.fromkeys(each.stage.task for each in study.stages.values() if each.stage.kind == kind)
        for task in tasks:
            own = curves(study, kind, task)
            if own:
                title = f"{words}, {task}"
                text = (
                    f"Training loss over updates, {title}: mean over seeds by arm, shaded from the lowest to the "
                    "highest"
                )
                name = f"loss-{len(found) + 1}"
                found.append(Figure(name, title, text, _curves(study, own, title)))
    return found


def curves(study: Material, kind: str, task: str) -> dict[str, list[Point]]:
    """System -> (update, mean, lowest, highest) over the finished stages of a kind on a task."""
    owners: dict[str, list[Trained]] = {}
    cells = [(run.system, run.cell.stage1 if kind == INTERMEDIATE else run.cell.target) for run in study.runs]
    for system, key in dict.fromkeys(cells):
        stage = study.stages.get(key or "")
        if stage is not None and stage.stage.task == task and stage.curve:
            owners.setdefault(system, []).append(stage)
    return {system: _mean_curve([each.curve for each in own]) for system, own in owners.items()}


def _mean_curve(each: Sequence[Sequence[tuple[int, float]]]) -> list[Point]:
    """Point by point; runs of one arm have one schedule, and what one lacks ends the line."""
    found = []
    for points in zip(*each, strict=False):
        losses = [loss for _, loss in points]
        found.append((points[0][0], fmean(losses), min(losses), max(losses)))
    return found


def _curves(study: Material, own: Mapping[str, list[Point]], title: str) -> Callable[[int, bool], Drawing]:
    def build(width: int, alone: bool) -> Drawing:
        import altair as alt

        rows = [
            {"system": system, "arm": study.arm_of[system], "update": update, "loss": _short(mean), "low": _short(low),
             "high": _short(high)}
            for system, points in own.items()
            for update, mean, low, high in points
        ]  # fmt: skip
        arms = [arm for arm in study.arms if any(row["arm"] == arm for row in rows)]
        colour = alt.Color("arm:N", **arm_scale(arms, study.arms, alone))
        x = alt.X("update:Q", title="updates", axis=alt.Axis(grid=False, tickCount=5))
        y = alt.Y("loss:Q", title="training loss", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
        base = alt.Chart(alt.NamedData("curves")).encode(x=x, color=colour, detail="system:N")
        band = base.mark_area(opacity=0.15, aria=False).encode(y=alt.Y("low:Q", title="training loss"), y2="high:Q")
        line = base.mark_line(strokeWidth=1.8, aria=False).encode(y=y)
        return Drawing(sized(alt.layer(band, line), width, HEIGHT, alone, f"Training loss, {title}"), {"curves": rows})

    return build


def _short(value: float) -> float:
    return float(f"{value:.4g}")


@dataclass(frozen=True)
class Dose:
    """Arms that are the same but for the radius.

    Attributes:
        name: what they share: the method, and where.
        systems: radius -> system, ascending.
    """

    name: str
    systems: Mapping[float, str]


def doses(study: Material) -> list[Dose]:
    """Groups of two arms or more whose planned stages differ in the radius alone."""
    groups: dict[str, dict[float, str]] = {}
    names: dict[str, str] = {}
    for system in study.systems:
        own = study.of(system)[0].cell
        # The first planned cell, so that all arms are looked at on the same target.
        cell = next(
            each for each in study.plan.cells
            if (each.arm, each.encoder, each.intermediate) == (own.arm, own.encoder, own.intermediate)
        )  # fmt: skip
        told, radii, said = [], [], []
        for key in (cell.stage1, cell.target):
            settings = {} if key is None else dict(study.plan.stages[key].config["settings"])
            method = dict(settings.get("method") or {})
            radius = method.pop("radius", None)
            if radius is not None:
                radii.append(float(radius))
                where = "first stage" if key == cell.stage1 else "target"
                said.append(f"{method.get('name')}{_steps(method)} in the {where}")
            told.append({**settings, "method": method, "seed": None, "task": None})
        # Radii of two stages are no one dose.
        if len(set(radii)) == 1:
            group = json.dumps([told, cell.encoder, cell.intermediate], sort_keys=True)
            groups.setdefault(group, {})[radii[0]] = system
            on = f", on {cell.intermediate}" if len(study.design["intermediate"]) > 1 and cell.intermediate else ""
            by = f", {named(cell.encoder)}" if len(study.design["encoders"]) > 1 else ""
            names[group] = f"{' and '.join(said)}{on}{by}"
    return [Dose(names[key], dict(sorted(own.items()))) for key, own in groups.items() if len(own) > 1]


def _steps(method: Mapping[str, Any]) -> str:
    count = method.get("steps") or method.get("draws")
    return f"-{count}" if count and count != 1 else ""


def dose_figures(study: Material) -> list[Figure]:
    """Score against the radius, over all tasks and on each; nothing where no arms differ in it alone."""
    found = doses(study)
    if not found:
        return []
    tasks: list[str | None] = [*([None] if len(study.tasks) > 1 else []), *study.tasks]
    figures = []
    for at, task in enumerate(tasks):
        title = task or f"mean of {len(study.tasks)} tasks"
        text = f"Score against the radius, {title}: a dot a seed, a line through the means; dashed: the other arms"
        figures.append(Figure(f"dose-{at + 1}", f"Dose and response, {title}", text, _dose(study, found, task, title)))
    return figures


def dose_rows(
    study: Material, found: Sequence[Dose], task: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Means with intervals and runs: rows of ``group``, ``radius``, and either ``mean`` or ``value``."""
    means, runs = [], []
    for dose in found:
        for radius, system in dose.systems.items():
            own = estimate(study, system, task)
            if own is None:
                continue
            where = {"group": dose.name, "radius": radius, "arm": study.arm_of[system]}
            ends = {"low": own.mean if own.low is None else own.low, "high": own.mean if own.high is None else own.high}
            tip = f"{system}, radius {radius:g}: {number(own.mean)} {span(own.low, own.high)}"
            means.append({**where, "mean": round(own.mean, 4), **ends, "tip": tip})
            for seed, value in by_seed(study, system, task).items():
                tip = f"{system}, radius {radius:g}, seed {seed}: {number(value)}"
                runs.append({**where, "value": round(value, 4), "tip": tip})
    return means, runs


def _dose(study: Material, found: Sequence[Dose], task: str | None, title: str) -> Callable[[int, bool], Drawing]:
    def build(width: int, alone: bool) -> Drawing:
        import altair as alt

        means, runs = dose_rows(study, found, task)
        dosed = {system for dose in found for system in dose.systems.values()}
        flat = [
            {"arm": study.arm_of[system], "mean": round(own.mean, 4), "tip": f"{system}: {number(own.mean)}"}
            for system in study.systems
            if system not in dosed and (own := estimate(study, system, task)) is not None
        ]
        arms = [arm for arm in study.arms if any(row["arm"] == arm for row in (*means, *flat))]
        colour = alt.Color("arm:N", **arm_scale(arms, study.arms, alone))
        radii = sorted({row["radius"] for row in means})
        kind = (
            alt.Scale(type="log", nice=False, padding=16)
            if radii[0] > 0
            else alt.Scale(type="symlog", constant=radii[1], padding=16)
        )
        x = alt.X("radius:Q", scale=kind, axis=alt.Axis(values=radii, format="~g", grid=False, labelOverlap=True))
        values = [*(row["value"] for row in runs), *(row["mean"] for row in flat)]
        pad = 0.25 * (max(values) - min(values) or 1.0)
        # What of an interval lies beyond is cut: with two seeds it may be ten times as wide as their scatter.
        scale = alt.Scale(domain=[min(values) - pad, max(values) + pad], nice=True, clamp=True)
        group = alt.StrokeDash("group:N", legend=alt.Legend(orient="bottom", title=None, columns=1, labelLimit=300)
                               if len(found) > 1 else None)  # fmt: skip
        base = alt.Chart(alt.NamedData("means")).encode(x=x)
        y = alt.Y("mean:Q", title="score, mean over languages", scale=scale, axis=alt.Axis(tickCount=5))
        line = base.mark_line(color="var(--faint)", strokeWidth=1.5, aria=False).encode(y=y, strokeDash=group)
        ends = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
            y=alt.Y("low:Q", scale=scale, title="score, mean over languages"), y2="high:Q", color=colour
        )
        points = base.mark_point(size=70, filled=True, opacity=1).encode(y=y, color=colour, description="tip:N")
        dots = alt.Chart(alt.NamedData("runs")).mark_circle(size=26, opacity=0.55)
        layers: list[Any] = [
            ends,
            line,
            dots.encode(x=x, y=alt.Y("value:Q", scale=scale), color=colour, description="tip:N"),
            points,
        ]
        if flat:
            rule = alt.Chart(alt.NamedData("flat")).mark_rule(strokeDash=[2, 3], strokeWidth=1.6)
            layers.insert(0, rule.encode(y=y, color=colour, description="tip:N"))
        chart = sized(alt.layer(*layers), width, HEIGHT + 30, alone, f"Dose and response, {title}")
        return Drawing(chart, {"means": means, "runs": runs, "flat": flat})

    return build

"""What each arm cost: passes, tokens, time; and what its scores are worth beside that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from xtremor.compare.sentences import number
from xtremor.report.charts import Drawing
from xtremor.report.study.figures import Figure, arm_scale, sized
from xtremor.report.study.findings import estimate
from xtremor.report.study.marks import span
from xtremor.report.study.material import Material, Trained

HEIGHT = 220
# A pass of plain training goes over a token three times.
PLAIN = 3.0


@dataclass(frozen=True)
class Cost:
    """Of an arm, a mean over its stage-1 seeds; one first stage and all targets of a seed together.

    Attributes:
        updates, tokens: of all trainings.
        work: passes over a token, counted passes of each training times its tokens per batch.
        first_passes, target_passes: passes relative to plain, of the first stage and of targets; None without one.
        first_time, target_time: time of a step beside plain steps on the same batches; None where not measured.
        training, scoring: seconds.
    """

    updates: float
    tokens: float
    work: float
    first_passes: float | None
    target_passes: float | None
    first_time: float | None
    target_time: float | None
    training: float
    scoring: float


def costs(study: Material) -> dict[str, Cost]:
    """System -> cost."""
    return {system: found for system in study.systems if (found := _cost(study, system)) is not None}


def _cost(study: Material, system: str) -> Cost | None:
    seeds: dict[int, tuple[dict[str, Trained], dict[str, Trained], float]] = {}
    for run in study.of(system):
        first, target, scoring = seeds.setdefault(run.cell.stage1_seed, ({}, {}, 0.0))
        for key, place in ((run.cell.stage1, first), (run.cell.target, target)):
            if key is not None and key in study.stages:
                place[key] = study.stages[key]
        scored = study.stages[run.cell.evaluation].seconds
        seeds[run.cell.stage1_seed] = first, target, scoring + scored
    if not seeds:
        return None
    firsts = [each for first, _, _ in seeds.values() for each in first.values()]
    targets = [each for _, own, _ in seeds.values() for each in own.values()]
    count = len(seeds)
    every: list[Trained] = [*firsts, *targets]

    def total(name: str) -> float:
        return sum(float(each.counts.get(name) or 0) for each in every) / count

    return Cost(
        total("updates"), total("tokens"), sum(map(_work, every)) / count,
        _mean(each.counts.get("passes_relative_to_plain") for each in firsts),
        _mean(each.counts.get("passes_relative_to_plain") for each in targets),
        _mean(map(_beside, firsts)), _mean(map(_beside, targets)),
        sum(each.seconds for each in every) / count, sum(seconds for _, _, seconds in seeds.values()) / count,
    )  # fmt: skip


def _mean(values: Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None


def _work(each: Trained) -> float:
    counts = each.counts
    return PLAIN * float(counts.get("passes_relative_to_plain") or 1.0) * float(counts.get("tokens") or 0)


def _beside(each: Trained) -> float | None:
    told: Mapping[str, Any] = each.record.get("time_beside_plain") or {}
    return float(told["ratio"]) if told.get("updates") else None


def cost_figures(study: Material) -> list[Figure]:
    """Mean score against training compute; nothing where no tokens were counted."""
    own = {system: each for system, each in costs(study).items() if each.work > 0}
    if len(own) < 2:
        return []
    text = "Mean score of each arm against the compute of its trainings, with the 95% t-interval over seeds"

    def build(width: int, alone: bool) -> Drawing:
        import altair as alt

        least = min(each.work for each in own.values())
        rows: list[dict[str, Any]] = []
        for system, each in own.items():
            found = estimate(study, system)
            if found is not None:
                tip = (
                    f"{system}: {each.work / least:.2f} times the least compute, {number(found.mean)} "
                    f"{span(found.low, found.high)}"
                )
                rows.append({
                    "system": system, "arm": study.arm_of[system], "cost": round(each.work / least, 4),
                    "mean": round(found.mean, 4), "tip": tip,
                    "low": found.mean if found.low is None else found.low,
                    "high": found.mean if found.high is None else found.high,
                })  # fmt: skip
        means = [row["mean"] for row in rows]
        pad = 1.0 * (max(means) - min(means) or 1.0)
        scale = alt.Scale(domain=[min(means) - pad, max(means) + pad], clamp=True)
        title = "mean score"
        colour = alt.Color(
            "arm:N", **arm_scale([a for a in study.arms if a in study.arm_of.values()], study.arms, alone)
        )
        x = alt.X(
            "cost:Q", title="passes over a token, relative to the cheapest arm", scale=alt.Scale(zero=False, padding=20)
        )
        base = alt.Chart(alt.NamedData("costs")).encode(x=x, color=colour)
        y = alt.Y("mean:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5))
        ends = base.mark_rule(strokeWidth=2, opacity=0.5, aria=False).encode(
            y=alt.Y("low:Q", scale=scale, title=title), y2="high:Q"
        )
        points = base.mark_point(size=75, filled=True, opacity=1).encode(y=y, description="tip:N")
        # Names of neighbours stand above and below in turn.
        names = [
            base.transform_filter(alt.datum.below == below)
            .mark_text(align="left", dx=8, dy=12 if below else -8, fontSize=11, aria=False, limit=120)
            .encode(y=y, text="system:N", color=alt.value("var(--text)"))
            for below in (True, False)
        ]
        chart = sized(alt.layer(ends, points, *names), width, HEIGHT, alone, "Score against compute")
        rows.sort(key=lambda row: (row["cost"], row["mean"]))
        return Drawing(chart, {"costs": [{**row, "below": bool(at % 2)} for at, row in enumerate(rows)]})

    return [Figure("compute", "Score against compute", text, build)]

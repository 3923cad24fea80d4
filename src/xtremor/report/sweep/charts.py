"""Charts of a sweep: the response to a setting, and the expected best of so many trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from xtremor.report.charts import Drawing
from xtremor.stats.intervals import t_interval

HEIGHT = 230
FIGURES = {
    "english_dev": "English dev",
    "targets": "Targets, never used for a choice",
    "low_resource": "Low-resource targets, never used for a choice",
}


def dose_setting(record: dict[str, Any]) -> str | None:
    """The setting on the horizontal axis: the radius where it varies, else the first number that does."""
    varying = {
        name: values
        for name, found in record["swept"].items()
        if len(values := found.get("range") or found["values"]) > 1 and not isinstance(values[0], str)
    }
    return "radius" if "radius" in varying else next(iter(varying), None)


def figures(record: dict[str, Any]) -> list[str]:
    """Which of `FIGURES` the sweep has."""
    return [name for name in FIGURES if all(each[name] is not None for each in record["trials"])]


@dataclass(frozen=True, slots=True)
class DoseRows:
    """Rows of a dose chart.

    Attributes:
        means: of every method and dose, over the seeds that all trials have.
        runs: behind them.
        flat: the mean of each method that does not read the setting.
        spread: where such a method was repeated with further seeds, its lowest and highest run.
    """

    means: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    flat: list[dict[str, Any]]
    spread: list[dict[str, Any]]


def dose_rows(record: dict[str, Any], figure: str) -> DoseRows:
    """A mean is over seeds, a seed being the mean over its trials at that dose; so is its t-interval."""
    name = dose_setting(record)
    groups: dict[tuple[str, Any], list[tuple[int, float]]] = {}
    repeated: dict[str, list[float]] = {}
    for trial in record["trials"]:
        method, dose = trial["method"], trial["settings"].get(name)
        if dose is None:
            repeated.setdefault(method, []).extend(trial[figure]["values"])
        if trial["repeats"] is None:
            scored = zip(trial["seeds"], trial[figure]["values"], strict=True)
            groups.setdefault((method, dose), []).extend(scored)
    rows = DoseRows([], [], [], [])
    for (method, dose), pairs in groups.items():
        seeds = sorted({seed for seed, _ in pairs})
        found = t_interval([fmean(score for each, score in pairs if each == seed) for seed in seeds])
        row = {"method": method, "mean": round(found.mean, 3)}
        row |= {"low": round(_or(found.low, found.mean), 3), "high": round(_or(found.high, found.mean), 3)}
        row["interval"] = "none (one seed)" if found.low is None else f"{found.low:.1f} to {found.high:.1f}"
        if dose is None:
            rows.flat.append(row)
            if len(repeated[method]) > len(pairs):
                low, high = min(repeated[method]), max(repeated[method])
                rows.spread.append({"method": method, "low": round(low, 3), "high": round(high, 3)})
            continue
        rows.means.append({**row, "dose": dose})
        for seed, score in pairs:
            rows.runs.append({"method": method, "dose": dose, "seed": str(seed), "score": round(score, 3)})
    return rows


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def dose_chart(record: dict[str, Any], figure: str, width: int | str, legend: bool = False) -> Drawing:
    """A dot a run, a line through the means, rules for t-intervals; a dashed line for who does not read the setting.

    With ``legend`` it stands alone: it has a title, too.
    """
    import altair as alt

    rows = dose_rows(record, figure)
    setting = str(dose_setting(record)).replace("_", " ")
    x, colour = _dose_axis(sorted({row["dose"] for row in rows.means}), setting), _colour(record["methods"], legend)
    where = alt.Tooltip("dose:Q", title=setting)
    tips = [alt.Tooltip("method:N"), where, alt.Tooltip("mean:Q", format=".1f"), alt.Tooltip("interval:N")]
    base = alt.Chart(alt.NamedData(f"{figure}-means")).encode(x=x, color=colour, tooltip=tips)
    runs = alt.Chart(alt.NamedData(f"{figure}-runs")).mark_circle(size=26, opacity=0.6)
    seeds = [tips[0], where, alt.Tooltip("seed:N"), alt.Tooltip("score:Q", format=".1f")]
    flat = alt.Chart(alt.NamedData(f"{figure}-flat")).mark_rule(strokeDash=[5, 4], strokeWidth=1.8)
    spread = alt.Chart(alt.NamedData(f"{figure}-spread")).mark_rect(opacity=0.13)
    edges = [tips[0], *(alt.Tooltip(f"{end}:Q", format=".1f") for end in ("low", "high"))]
    # A layer without rows makes Vega-Lite warn on the console.
    layers = [spread.encode(y=_score("low"), y2="high:Q", color=colour, tooltip=edges)] if rows.spread else []
    layers += [flat.encode(y=_score("mean"), color=colour, tooltip=[tips[0], *tips[2:]])] if rows.flat else []
    layers.append(base.mark_rule(strokeWidth=2, opacity=0.45).encode(y=_score("low"), y2="high:Q"))
    layers.append(runs.encode(x=x, y=_score("score"), color=colour, tooltip=seeds))
    if record["how"] == "grid":
        # Between draws nothing is known; between the values of a grid a line leads the eye.
        layers.append(base.mark_line(strokeWidth=2).encode(y=_score("mean")))
        layers.append(base.mark_point(size=60, filled=True, opacity=1).encode(y=_score("mean")))
    chart = alt.layer(*layers).properties(width=width, height=HEIGHT)
    chart = chart.properties(title=f"{record['task']}: {FIGURES[figure]}, percent") if legend else chart
    return Drawing(chart, {f"{figure}-{name}": getattr(rows, name) for name in ("means", "runs", "flat", "spread")})


def _dose_axis(doses: Sequence[float], setting: str) -> Any:
    import altair as alt

    if doses[0] > 0:
        scale = alt.Scale(type="log", nice=False, padding=18)
    else:
        scale = alt.Scale(type="symlog", constant=doses[1] / 2, nice=False, padding=18)
    ticks: dict[str, Any] = {"values": list(doses)} if len(doses) <= 8 else {"tickCount": 5}
    return alt.X(
        "dose:Q", title=setting, scale=scale, axis=alt.Axis(format="~g", grid=False, labelOverlap=True, **ticks)
    )


def _score(field: str) -> Any:
    import altair as alt

    return alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(tickCount=6))


def _colour(methods: Sequence[str], legend: bool) -> Any:
    import altair as alt

    shown = alt.Legend(orient="top", title=None) if legend else None
    return alt.Color("method:N", scale=alt.Scale(domain=list(methods), range="category"), legend=shown)


def best_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Expected best English dev of 1 to N trials of each method, beside what they cost in plain trainings."""
    rows = []
    for method in record["methods"]:
        cost = fmean(each["training_cost"] for each in record["trials"] if each["method"] == method)
        for number, value in enumerate(record["expected_best_english_dev"][method], start=1):
            rows.append({"method": method, "trials": number, "cost": round(number * cost, 3), "best": round(value, 3)})
    return rows


def best_chart(record: dict[str, Any], against: str, width: int | str, legend: bool = False) -> Drawing:
    """Expected best English dev against ``trials`` or ``cost``."""
    import altair as alt

    title = "trials" if against == "trials" else "cost of the trials in plain trainings"
    count = record["trials_per_method"]
    # No halves of trials.
    whole = {"values": list(range(1, count + 1, -(-count // 12)))}
    steps: dict[str, Any] = whole if against == "trials" else {"tickCount": 6}
    axis = alt.Axis(grid=False, labelOverlap=True, **steps)
    chart = (
        alt.Chart(alt.NamedData("best"))
        .mark_line(point=alt.OverlayMarkDef(size=40, filled=True), strokeWidth=2)
        .encode(
            x=alt.X(f"{against}:Q", title=title, axis=axis, scale=alt.Scale(zero=False, nice=False, padding=14)),
            y=_score("best"),
            color=_colour(record["methods"], legend),
            tooltip=[
                alt.Tooltip("method:N"), alt.Tooltip("trials:Q"), alt.Tooltip("cost:Q", format=".1f"),
                alt.Tooltip("best:Q", format=".2f"),
            ],
        )
        .properties(width=width, height=HEIGHT)
    )  # fmt: skip
    title = f"{record['task']}: expected best English dev, percent"
    chart = chart.properties(title=title) if legend else chart
    return Drawing(chart, {"best": best_rows(record)})

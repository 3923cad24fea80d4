"""Charts of a sweep: the response to a setting, and the expected best of so many trials."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from xtremor.report.charts import Drawing
from xtremor.stats.intervals import t_interval

HEIGHT = 230
FIGURES = {
    "english_dev": "English dev",
    "targets": "Targets without English: never used for a choice",
    "low_resource": "Low-resource targets: never used for a choice",
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


def dose_rows(record: dict[str, Any], figure: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Any]]:
    """Rows for means, runs and the methods that do not read the setting.

    A mean is over seeds, a seed being the mean over its trials at that value; so is its t-interval.
    """
    name = dose_setting(record)
    groups: dict[tuple[str, Any], list[tuple[int, float]]] = {}
    for trial in record["trials"]:
        scored = zip(trial["seeds"], trial[figure]["values"], strict=True)
        groups.setdefault((trial["method"], trial["settings"].get(name)), []).extend(scored)
    means, runs, flat = [], [], []
    for (method, dose), pairs in groups.items():
        seeds = sorted({seed for seed, _ in pairs})
        found = t_interval([fmean(score for each, score in pairs if each == seed) for seed in seeds])
        row = {"method": method, "mean": round(found.mean, 3)}
        row |= {"low": round(_or(found.low, found.mean), 3), "high": round(_or(found.high, found.mean), 3)}
        row["interval"] = "none (one seed)" if found.low is None else f"{found.low:.1f} to {found.high:.1f}"
        if dose is None:
            flat.append(row)
            continue
        means.append({**row, "dose": dose})
        runs += [{"method": method, "dose": dose, "seed": str(seed), "score": round(score, 3)} for seed, score in pairs]
    return means, runs, flat


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def dose_chart(record: dict[str, Any], figure: str, width: int | str, legend: bool = False) -> Drawing:
    """A dot a run, a line through the means, rules for t-intervals; a dashed line for who does not read the setting."""
    import altair as alt

    means, runs, flat = dose_rows(record, figure)
    methods = record["methods"]
    setting = str(dose_setting(record)).replace("_", " ")
    doses = sorted({row["dose"] for row in means})
    if doses[0] > 0:
        scale = alt.Scale(type="log", nice=False, padding=18)
    else:
        scale = alt.Scale(type="symlog", constant=doses[1] / 2, nice=False, padding=18)
    ticks = {"values": doses} if len(doses) <= 8 else {"tickCount": 5}
    x = alt.X("dose:Q", title=setting, scale=scale, axis=alt.Axis(format="~g", grid=False, labelOverlap=True, **ticks))
    colour = _colour(methods, legend)
    y = alt.Y("mean:Q", title=f"{FIGURES[figure].split(':')[0]}, percent", scale=alt.Scale(zero=False))
    tips = [alt.Tooltip("method:N"), alt.Tooltip("dose:Q", title=setting), alt.Tooltip("mean:Q", format=".1f"),
            alt.Tooltip("interval:N")]  # fmt: skip
    base = alt.Chart(alt.NamedData(f"{figure}-means")).encode(x=x, color=colour)
    dots = alt.Chart(alt.NamedData(f"{figure}-runs")).encode(x=x, color=colour, tooltip=[
        alt.Tooltip("method:N"), alt.Tooltip("dose:Q", title=setting), alt.Tooltip("seed:N"),
        alt.Tooltip("score:Q", format=".1f")])  # fmt: skip
    layers = [
        alt.Chart(alt.NamedData(f"{figure}-flat"))
        .mark_rule(strokeDash=[5, 4], strokeWidth=1.8)
        .encode(y=y, color=colour, tooltip=[tips[0], *tips[2:]]),
        base.mark_rule(strokeWidth=2, opacity=0.45).encode(y=alt.Y("low:Q", title=None), y2="high:Q", tooltip=tips),
        dots.mark_circle(size=26, opacity=0.6).encode(y=alt.Y("score:Q", title=None)),
    ]
    if record["how"] == "grid":
        # Between draws nothing is known; between the values of a grid a line leads the eye.
        layers.insert(1, base.mark_line(strokeWidth=2).encode(y=y))
        layers.append(base.mark_point(size=60, filled=True, opacity=1).encode(y=y, tooltip=tips))
    chart = alt.layer(*layers).properties(width=width, height=HEIGHT)
    return Drawing(chart, {f"{figure}-means": means, f"{figure}-runs": runs, f"{figure}-flat": flat})


def _colour(methods: Sequence[str], legend: bool) -> Any:
    import altair as alt

    shown = alt.Legend(orient="top", title=None) if legend else None
    return alt.Color("method:N", sort=methods, scale=alt.Scale(domain=methods, range="category"), legend=shown)


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
    axis = alt.Axis(grid=False, tickMinStep=1) if against == "trials" else alt.Axis(grid=False)
    chart = (
        alt.Chart(alt.NamedData("best"))
        .mark_line(point=alt.OverlayMarkDef(size=40, filled=True), strokeWidth=2)
        .encode(
            x=alt.X(f"{against}:Q", title=title, axis=axis, scale=alt.Scale(zero=False, nice=False, padding=14)),
            y=alt.Y("best:Q", title="expected best English dev, percent", scale=alt.Scale(zero=False)),
            color=_colour(record["methods"], legend),
            tooltip=[
                alt.Tooltip("method:N"), alt.Tooltip("trials:Q"), alt.Tooltip("cost:Q", format=".1f"),
                alt.Tooltip("best:Q", format=".2f"),
            ],
        )
        .properties(width=width, height=HEIGHT)
    )  # fmt: skip
    return Drawing(chart, {"best": best_rows(record)})

"""The charts of a report as Vega-Lite specifications; colours of text and grid come from the theme at display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from xtremor.report.collect import Collection
from xtremor.report.groups import headline_codes
from xtremor.report.places import Place
from xtremor.report.summary import Stratum, Summary

# Told apart with every common colour blindness, and 3:1 or better against either background.
COLOURS = {
    "light": ("#5c6570", "#0072b2", "#c24e00", "#00825d", "#a3569f", "#7a5c00", "#3f51b5"),
    "dark": ("#aab4c0", "#4ea8e0", "#f2873c", "#2fbf92", "#d98fd0", "#d9b310", "#9fa8ff"),
}
INK = {
    "light": {"text": "#1f2933", "faint": "#5c6570", "grid": "#dfe4ea", "paper": "#ffffff"},
    "dark": {"text": "#e6eaef", "faint": "#a3adb8", "grid": "#333b45", "paper": "#171b20"},
}
STEP = 8  # Pixels of height for one arm of one row.
GAP = 0.2  # Share of a row left free below and above its arms.
LABEL = 118  # Pixels for row labels, the same in every chart so that their axes line up.


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart whose data stand beside it by name: inside it, every layer would copy and check them again."""

    chart: Any
    data: dict[str, list[dict[str, Any]]]

    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification with its data."""
        return {**self.chart.to_dict(), "datasets": self.data}


def theme(mode: str) -> dict[str, Any]:
    """Vega-Lite config of the ``light`` or ``dark`` theme."""
    ink = INK[mode]
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"
    return {
        "background": "transparent",
        "font": font,
        "aria": False,
        "axis": {
            "labelColor": ink["text"], "titleColor": ink["faint"], "gridColor": ink["grid"], "domainColor": ink["grid"],
            "tickColor": ink["grid"], "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        },
        "legend": {"labelColor": ink["text"], "titleColor": ink["faint"], "labelFontSize": 12, "symbolOpacity": 1},
        "title": {"color": ink["text"], "subtitleColor": ink["faint"], "fontSize": 15, "anchor": "start"},
        "view": {"stroke": None},
        "range": {"category": list(COLOURS[mode])},
        "style": {"baseline": {"color": ink["text"]}, "zero": {"color": ink["faint"]}},
    }  # fmt: skip


def display_order(runs: Collection, summary: Summary) -> list[str]:
    """Locales from the highest to the lowest score of the reference arm.

    Without English: it lies so far above the others that they would share a fraction of the axis.
    """
    arm = summary.plain or runs.arms[0]
    means = {code: fmean(run.scores[code] for run in runs.of(arm)) for code in headline_codes(runs)}
    return sorted(means, key=lambda code: (-means[code], code))


def locale_blocks(runs: Collection, summary: Summary) -> list[list[str]]:
    """Codes split into one to three columns of nearly equal length, read downwards."""
    order = display_order(runs, summary)
    columns = 1 if len(order) <= 8 else 2 if len(order) <= 24 else 3
    size = -(-len(order) // columns)
    return [order[start : start + size] for start in range(0, len(order), size)]


def locale_chart(
    runs: Collection, summary: Summary, places: Mapping[str, Place], codes: Sequence[str], width: int | str
) -> Drawing:
    """Scores of some locales: a dot a seed, a tick at each arm's mean, a line at the frozen baseline."""
    import altair as alt

    arms = [arm.arm for arm in summary.trained] or runs.arms
    x = alt.X(
        "score:Q",
        title=f"{runs.metric}, {runs.unit}",
        scale=alt.Scale(domain=_score_domain(runs), nice=False),
        axis=alt.Axis(tickCount=5),
    )
    y = _rows("locale", [places[code].name for code in codes])
    offset = alt.YOffset("arm:N", sort=arms, scale=alt.Scale(domain=arms))
    colour = alt.Color("arm:N", scale=alt.Scale(domain=arms, range="category"), legend=None)
    tips = [*(alt.Tooltip(f"{name}:N") for name in ("locale", "arm", "seed")), alt.Tooltip("score:Q", format=".1f")]
    name = f"scores-{codes[0]}"
    data = {name: _score_rows(runs, places, codes, arms)}
    base = alt.Chart(alt.NamedData(name)).encode(y=y, yOffset=offset, color=colour)
    layers = [
        base.mark_tick(thickness=2.5, size=STEP + 1).encode(x=x.aggregate("mean")),
        base.mark_circle(size=20, opacity=0.65).encode(x=x, tooltip=tips),
    ]
    if summary.frozen and summary.trained:
        # One piece for each arm's row; together they make one line across the locale.
        data[f"frozen-{name}"] = _frozen_rows(runs, summary.frozen.arm, places, codes, arms)
        piece = alt.Chart(alt.NamedData(f"frozen-{name}")).mark_tick(thickness=1.3, size=STEP, style="baseline")
        layers.insert(0, piece.encode(x=x, y=y, yOffset=offset, tooltip=[tips[0], alt.Tooltip("baseline:N"), tips[-1]]))
    return Drawing(_sized(alt.layer(*layers), width, len(codes) * len(arms) * STEP), data)


def _sized(chart: Any, width: int | str, height: int) -> Any:
    import altair as alt

    # Vega-Lite's own stepped height warns on the console beside a fitted width.
    chart = chart.properties(width=width, height=height / (1 - GAP))
    if width == "container":
        chart = chart.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    return chart


def _rows(field: str, order: Sequence[str]) -> Any:
    """The vertical axis: one band a row, lines between the bands, labels of one width in every chart."""
    import altair as alt

    axis = alt.Axis(tickBand="extent", grid=True, ticks=False, labelLimit=LABEL, minExtent=LABEL, maxExtent=LABEL)
    bands = alt.Scale(domain=list(order), paddingInner=GAP, paddingOuter=GAP / 2)
    return alt.Y(f"{field}:N", scale=bands, title=None, axis=axis)


def _score_domain(runs: Collection) -> list[float]:
    scores = [run.scores[code] for run in runs.runs for code in headline_codes(runs)]
    return [max(0, 10 * (min(scores) // 10)), min(100, 10 * (max(scores) // 10 + 1))]


def _score_rows(
    runs: Collection, places: Mapping[str, Place], codes: Sequence[str], arms: Sequence[str]
) -> list[dict[str, Any]]:
    return [
        {"locale": places[code].name, "arm": run.arm, "seed": str(run.seed), "score": round(run.scores[code], 2)}
        for code in codes
        for run in runs.runs
        if run.arm in arms
    ]


def _frozen_rows(
    runs: Collection, frozen: str, places: Mapping[str, Place], codes: Sequence[str], arms: Sequence[str]
) -> list[dict[str, Any]]:
    own = runs.of(frozen)
    return [
        {
            "locale": places[code].name,
            "arm": arm,
            "baseline": frozen,
            "score": round(fmean(run.scores[code] for run in own), 2),
        }
        for code in codes
        for arm in arms
    ]


def shown_half_width(strata: Sequence[Stratum]) -> float:
    """Half the width of the axis of differences: what the seeds and most intervals need, a whole number.

    With two seeds an interval can be ten times wider than the seeds' spread; showing it whole would press all
    else into a line, so what lies beyond is cut and marked by an arrow.
    """
    found = [each for stratum in strata for each in stratum.differences.values()]
    seeds = max((abs(value) for each in found for value in each.values), default=1.0)
    ends = max((abs(end) for each in found for end in (each.low, each.high) if end is not None), default=0.0)
    return float(max(1, -(-max(seeds, min(ends, 3 * seeds)) * 1.05 // 1)))


def difference_chart(summary: Summary, strata: Sequence[Stratum], half: float, width: int | str) -> Drawing:
    """Differences to plain: a dot a seed, a bar at the mean, a line for the t-interval; one row a stratum."""
    import altair as alt

    arms = [arm.arm for arm in summary.trained]
    order = [_label(stratum) for stratum in strata]
    wholes, seeds = difference_rows(strata, half)
    scale = alt.Scale(domain=[-half, half], nice=False)
    title = f"points above or below {summary.plain}"
    axis = alt.Axis(tickCount=5, format="+~r", labelExpr="datum.value == 0 ? '0' : datum.label")
    x = alt.X("mean:Q", title=title, scale=scale, axis=axis)
    y = _rows("stratum", order)
    others = [arm for arm in arms if arm != summary.plain]
    offset = alt.YOffset("arm:N", sort=others, scale=alt.Scale(domain=others))
    # All arms are in the domain so that a colour means the same arm in every chart.
    colour = alt.Color("arm:N", scale=alt.Scale(domain=arms, range="category"), legend=None)
    base = alt.Chart(alt.NamedData("intervals")).encode(y=y, yOffset=offset, color=colour)
    tips = [alt.Tooltip(f"{name}:N") for name in ("stratum", "arm", "difference", "interval", "items")]
    spans = base.mark_rule(strokeWidth=2.5, opacity=0.55).encode(x=x.copy(), x2="high:Q", tooltip=tips)
    spans.encoding.x.shorthand = "low:Q"
    points = base.mark_tick(thickness=4, size=STEP + 3).encode(x=x, tooltip=tips)
    dots = (
        alt.Chart(alt.NamedData("seeds"))
        .mark_circle(size=22, opacity=0.85)
        .encode(
            x=x,
            y=y,
            yOffset=offset,
            color=colour,
            tooltip=[alt.Tooltip("arm:N"), alt.Tooltip("seed:N"), alt.Tooltip("value:N")],
        )
    )
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(style="zero", strokeWidth=1.2).encode(x=x)
    layers = [zero, spans, *_arrows(base, x), points, dots]
    chart = _sized(alt.layer(*layers), width, len(order) * len(others) * (STEP + 4))
    return Drawing(chart, {"intervals": wholes, "seeds": seeds, "zero": [{"mean": 0}]})


def _arrows(base: Any, x: Any) -> list[Any]:
    """Marks where an interval goes on beyond the axis."""
    import altair as alt

    found = []
    for side, shape in (("low", "triangle-left"), ("high", "triangle-right")):
        where = x.copy()
        where.shorthand = f"{side}:Q"
        found.append(
            base.transform_filter(alt.datum[f"{side}_cut"])
            .mark_point(shape=shape, size=45, filled=True, opacity=0.9)
            .encode(x=where)
        )
    return found


def _label(stratum: Stratum) -> str:
    return stratum.label if stratum.label == "English" else f"{stratum.label} ({len(stratum.codes)})"


def difference_rows(strata: Sequence[Stratum], half: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows for intervals (cut at the axis) and rows for seeds."""
    from xtremor.report.verdict import signed

    wholes: list[dict[str, Any]] = []
    seeds: list[dict[str, Any]] = []
    for stratum in strata:
        for arm, found in stratum.differences.items():
            low = found.mean if found.low is None else found.low
            high = found.mean if found.high is None else found.high
            interval = "none (one seed)" if found.low is None else f"{signed(low)} to {signed(high)}"
            cell = {"stratum": _label(stratum), "arm": arm}
            wholes.append(
                {
                    **cell,
                    "mean": round(found.mean, 3),
                    "low": round(max(low, -half), 3),
                    "high": round(min(high, half), 3),
                    "low_cut": low < -half,
                    "high_cut": high > half,
                    "difference": signed(found.mean),
                    "interval": interval,
                    "items": f"{stratum.items:,}",
                }
            )
            for seed, value in zip(found.seeds, found.values, strict=True):
                seeds.append({**cell, "seed": str(seed), "mean": round(value, 3), "value": signed(value)})
    return wholes, seeds

"""What several charts of a study share: rows with dots, means and intervals, cut where an interval leaves the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremor.compare.sentences import number, signed
from xtremor.report.charts import Drawing
from xtremor.report.study.figures import NARROW, arm_scale, sized

ROW = 26
PAD = 54  # Axis, its title, and what is left free above.


@dataclass(frozen=True, slots=True)
class Dot:
    """One run in a row.

    Attributes:
        row, arm: where it stands, and whose colour it has.
        value: on the axis.
        tip: what it says.
        link: place in the page that it leads to; empty for none.
    """

    row: str
    arm: str
    value: float
    tip: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A mean with its interval.

    Attributes:
        row, arm: as in `Dot`.
        mean: on the axis.
        low, high: ends of the interval; None where there is none.
        tip: what it says.
        solid: whether it is drawn filled.
    """

    row: str
    arm: str
    mean: float
    low: float | None
    high: float | None
    tip: str
    solid: bool = True


def domain(dots: Sequence[Dot], bars: Sequence[Bar], around: Sequence[float] = (), reach: float = 1.0) -> list[float]:
    """The axis: every dot and mean, and of the intervals what does not press these into a line.

    Args:
        dots, bars: what is drawn.
        around: values that must be on it.
        reach: how far beyond the dots it goes at most, in widths of what they span.
    """
    values = [*(dot.value for dot in dots), *(bar.mean for bar in bars), *around]
    low, high = min(values), max(values)
    span = max(high - low, 0.2)
    ends = [end for bar in bars for end in (bar.low, bar.high) if end is not None]
    low, high = max(min([low, *ends]), low - reach * span), min(max([high, *ends]), high + reach * span)
    margin = 0.04 * (high - low or 1.0)
    return [round(low - margin, 4), round(high + margin, 4)]


def rows_chart(
    rows: Sequence[str],
    dots: Sequence[Dot],
    bars: Sequence[Bar],
    every: Sequence[str],
    width: int,
    alone: bool,
    title: str,
    axis: str,
    zero: bool = False,
    margin: float | None = None,
    reach: float = 1.0,
) -> Drawing:
    """Rows from above: dots for runs, a mark for the mean, a line for the interval.

    Args:
        rows: their names.
        dots, bars: on them.
        every: all arms of the study, which decide colours.
        width, alone: as in `Figure.build`.
        title: where it stands alone.
        axis: title of the axis.
        zero: draw the line of no difference.
        margin: of equivalence, shaded around it.
        reach: as in `domain`.
    """
    import altair as alt

    ends = domain(dots, bars, [0.0] if zero else [], reach)
    arms = [arm for arm in every if arm in {dot.arm for dot in dots} | {bar.arm for bar in bars}]
    x = alt.X("mean:Q", title=axis, scale=alt.Scale(domain=ends, nice=False, zero=False), axis=alt.Axis(tickCount=5))
    limit = 138 if width <= NARROW else 215
    labels = alt.Axis(grid=True, tickBand="extent", ticks=False, labelLimit=limit, domain=False)
    y = alt.Y("row:N", scale=alt.Scale(domain=list(rows), padding=0.2), title=None, axis=labels)
    colour = alt.Color("arm:N", **arm_scale(arms, every, alone))
    base = alt.Chart(alt.NamedData("bars")).encode(y=y, color=colour, description="tip:N")
    layers: list[Any] = _zero(x, margin, ends) if zero else []
    layers.append(base.mark_rule(strokeWidth=2.5, opacity=0.6).encode(x=_of(x, "low"), x2="high:Q"))
    layers += _arrows(base, x)
    if dots:
        seeds = alt.Chart(alt.NamedData("dots")).mark_circle(size=34, opacity=0.55)
        # Vega makes a way to nowhere of none.
        ways = {"href": "link:N"} if all(dot.link for dot in dots) else {}
        layers.append(seeds.encode(x=x, y=y, color=colour, description="tip:N", **ways))
        layers.append(base.mark_tick(thickness=3.5, size=15).encode(x=x))
    else:
        # Hollow where nothing can be told.
        for solid, filled in (("yes", True), ("no", False)):
            kind = base.transform_filter(alt.datum.solid == solid)
            layers.append(kind.mark_point(size=70, filled=filled, strokeWidth=2, opacity=1).encode(x=x))
    chart = sized(alt.layer(*layers), width, len(rows) * ROW + PAD, alone, title)
    data = {"bars": [_bar(bar, ends) for bar in bars], "dots": [_dot(dot) for dot in dots], "zero": [{"mean": 0.0}]}
    if margin is not None:
        data["margin"] = [{"low": max(-margin, ends[0]), "high": min(margin, ends[1])}]
    return Drawing(chart, data)


def _zero(x: Any, margin: float | None, ends: Sequence[float]) -> list[Any]:
    import altair as alt

    found = []
    if margin is not None:
        band = alt.Chart(alt.NamedData("margin")).mark_rect(opacity=0.35, color="var(--grid)", aria=False)
        found.append(band.encode(x=_of(x, "low"), x2="high:Q"))
    return [*found, alt.Chart(alt.NamedData("zero")).mark_rule(style="zero", strokeWidth=1.2, aria=False).encode(x=x)]


def _of(x: Any, field: str) -> Any:
    """The same axis for another field."""
    found = x.copy()
    found.shorthand = f"{field}:Q"
    return found


def _arrows(base: Any, x: Any) -> list[Any]:
    """Where an interval goes on beyond the axis."""
    import altair as alt

    return [
        base.transform_filter(alt.datum[f"{side}_cut"])
        .mark_point(shape=shape, size=45, filled=True, opacity=0.9)
        .encode(x=_of(x, side))
        for side, shape in (("low", "triangle-left"), ("high", "triangle-right"))
    ]


def _bar(bar: Bar, ends: Sequence[float]) -> dict[str, Any]:
    low, high = (bar.mean if end is None else end for end in (bar.low, bar.high))
    return {
        "row": bar.row, "arm": bar.arm, "mean": round(bar.mean, 4), "low": round(max(low, ends[0]), 4),
        "high": round(min(high, ends[1]), 4), "low_cut": low < ends[0], "high_cut": high > ends[1], "tip": bar.tip,
        "solid": "yes" if bar.solid else "no",
    }  # fmt: skip


def _dot(dot: Dot) -> dict[str, Any]:
    return {"row": dot.row, "arm": dot.arm, "mean": round(dot.value, 4), "tip": dot.tip, "link": dot.link}


def span(low: float | None, high: float | None, sign: bool = False) -> str:
    """``41.20 to 43.10``; nothing where there is none."""
    if low is None or high is None:
        return ""
    show = signed if sign else number
    return f"{show(low)} to {show(high)}"


def unique(names: Mapping[Any, str]) -> dict[Any, str]:
    """Names of rows, which must differ: of equal ones all but the first get a number."""
    seen: dict[str, int] = {}
    found = {}
    for key, name in names.items():
        seen[name] = seen.get(name, 0) + 1
        found[key] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return found

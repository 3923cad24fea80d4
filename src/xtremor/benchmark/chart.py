"""The benchmark as a picture: a bar a figure, a line where it must end, a whisker from lowest to highest round."""

from __future__ import annotations

from typing import Any

from xtremor.report.charts import Drawing

WIDTH, ROW = 420, 26
TITLES = {"times": "times", "share": "percent", "seconds": "seconds"}


def bench_chart(found: dict[str, Any]) -> Drawing:
    """Figures by unit, below them the methods' times beside plain's with their counted passes."""
    import altair as alt

    panels, data = [], {}
    for unit in TITLES:
        rows = [_row(each) for each in found["figures"] if each["unit"] == unit]
        if rows:
            data[unit] = rows
            panels.append(_bars(unit, TITLES[unit], [row["what"] for row in rows]))
    methods = [_method_row(each) for each in found["methods"] if each["limit"] is not None]
    if methods:
        data["methods"] = methods
        panels.append(
            alt.layer(
                _bars(
                    "methods", "time of a step, plain = 1 (square: counted passes)", [row["what"] for row in methods]
                ),
                alt.Chart(alt.NamedData("methods"))
                .mark_point(shape="square", filled=True, size=45, color="#c24e00", opacity=1)
                .encode(x="passes:Q", y=_rows([row["what"] for row in methods])),
            )
        )
    load, machine = found["workload"], found["machine"]
    title = alt.TitleParams(
        f"{load['encoder']}, {found['device']}, {found['precision']}",
        subtitle=[
            f"{machine['processor']}, {machine['threads']} threads, torch {found['versions']['torch']}; rows of "
            f"{load['mean_length']:.0f} tokens, batches of {found['batch']['training']}",
            "bar: median; whisker: lowest and highest round; line: what must be reached",
        ],
    )
    return Drawing(alt.vconcat(*panels, spacing=18).resolve_scale(x="independent").properties(title=title), data)


def _bars(name: str, unit: str, order: list[str]) -> Any:
    import altair as alt

    base = alt.Chart(alt.NamedData(name)).encode(y=_rows(order))
    colour = alt.condition("datum.reached === false", alt.value("#c24e00"), alt.value("#0072b2"))
    return alt.layer(
        base.mark_bar(height=12, opacity=0.75).encode(x=alt.X("value:Q", title=unit), color=colour),
        base.mark_rule(size=1.5, style="zero").encode(x="low:Q", x2="high:Q"),
        base.mark_tick(thickness=2.5, size=22, style="baseline").encode(x="limit:Q"),
    ).properties(width=WIDTH, height=len(order) * ROW)


def _rows(order: list[str]) -> Any:
    import altair as alt

    return alt.Y("what:N", sort=order, title=None, axis=alt.Axis(labelLimit=420, grid=False, ticks=False))


def _row(each: dict[str, Any]) -> dict[str, Any]:
    scale = 100 if each["unit"] == "share" else 1
    sign = "" if each["limit"] is None else " (at least)" if each["at_least"] else " (at most)"
    scaled = {name: None if each[name] is None else each[name] * scale for name in ("value", "low", "high", "limit")}
    return {"what": each["title"] + sign, **scaled, "reached": each["reached"]}


def _method_row(each: dict[str, Any]) -> dict[str, Any]:
    ratio = each["ratio"]
    return {
        "what": each["method"], "value": ratio["median"], "low": ratio["low"], "high": ratio["high"],
        "limit": each["limit"], "passes": each["passes"], "reached": each["reached"],
    }  # fmt: skip

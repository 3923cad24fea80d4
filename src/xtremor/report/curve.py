"""The curve of an attack: scores against the radius, as a page and a picture, from ``attack.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xtremor.paths import atomic_file
from xtremor.report.charts import Drawing

WIDTH, HEIGHT = 300, 220
NAMES = {"attack": "attack", "noise": "random noise", "characters": "misspelt words"}
# Dashes by condition; the clean score is a thin rule of its run's colour.
DASHES = {"attack": [1, 0], "random noise": [5, 3]}


def write_curve(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``attack.svg`` and ``attack.html`` beside the result; return their paths.

    A radius of 0 has no place on a logarithmic axis and is left out.
    """
    from xtremor.report.drawing import svg

    drawing = curve(result)
    written = []
    for name, text in (("attack.svg", svg(drawing.spec())), ("attack.html", _page(result, drawing))):
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def curve(result: dict[str, Any]) -> Drawing:
    """One chart a language for perturbations, and one for misspelt words where there are some."""
    import altair as alt

    cells = result["cells"]
    languages = list(dict.fromkeys(cell["language"] for cell in cells))
    data = {"perturbed": _points(cells, ("attack", "noise")), "misspelt": _points(cells, ("characters",))}
    data["clean"] = [_point(cell) for cell in cells if cell["condition"] == "clean"]
    rows = []
    share = "share of the mean norm" if result["settings"]["relative"] else "absolute"
    for name, title in (("perturbed", f"radius, {share}"), ("misspelt", "share of words misspelt")):
        if data[name]:
            charts = [_language(result, data, name, title, language) for language in languages]
            rows.append(alt.concat(*charts, columns=3))
    settings = result["settings"]
    about = f"{settings['site']} embeddings, {settings['norm']} per {settings['scope']}, {settings['steps']} steps, "
    about += f"{settings['restarts']} restarts; band: 95% interval over items; rule: clean"
    heading = alt.TitleParams(f"{result['task']} {result['split']}: {cells[0]['metric']} under attack", subtitle=about)
    return Drawing(alt.vconcat(*rows).properties(title=heading), data)


def _language(result: dict[str, Any], data: dict[str, list[Any]], name: str, title: str, language: str) -> Any:
    import altair as alt

    runs = list(result["runs"])
    scale = alt.Scale(type="log", nice=False) if name == "perturbed" else alt.Scale(zero=True, nice=False)
    sizes = sorted({point["size"] for point in data[name]})
    axis = alt.Axis(values=sizes, format="~g", labelOverlap="greedy")
    x = alt.X("size:Q", title=title, scale=scale, axis=axis)
    y = alt.Y("score:Q", title=f"{data['clean'][0]['metric']}, percent", scale=alt.Scale(domain=[0, 100]))
    colour = alt.Color("run:N", scale=alt.Scale(domain=runs, range="category"), title=None)
    dash = alt.StrokeDash("condition:N", title=None, scale=alt.Scale(domain=list(DASHES), range=list(DASHES.values())))
    tips = [alt.Tooltip(f"{each}:N") for each in ("run", "language", "condition", "size", "interval", "items")]
    here = alt.datum.language == language
    base = alt.Chart(alt.NamedData(name)).transform_filter(here).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.15).encode(y=y.copy(), y2="high:Q", detail="condition:N")
    band.encoding.y.shorthand = "low:Q"
    lines = base.mark_line(strokeWidth=2).encode(y=y, strokeDash=dash)
    points = base.mark_circle(size=30, opacity=1).encode(
        y=y, detail="condition:N", tooltip=[*tips, alt.Tooltip("score:Q", format=".1f")]
    )
    rule = alt.Chart(alt.NamedData("clean")).transform_filter(here).mark_rule(opacity=0.6).encode(y=y, color=colour)
    return alt.layer(rule, band, lines, points).properties(width=WIDTH, height=HEIGHT, title=language)


def _points(cells: Sequence[dict[str, Any]], conditions: Sequence[str]) -> list[dict[str, Any]]:
    shown = [cell for cell in cells if cell["condition"] in conditions]
    return [_point(cell) for cell in shown if cell["size"] > 0 or cell["condition"] == "characters"]


def _point(cell: dict[str, Any]) -> dict[str, Any]:
    figures = {name: round(cell[name], 2) for name in ("score", "low", "high")}
    named = {name: cell[name] for name in ("run", "language", "size", "items", "metric")}
    condition = NAMES.get(cell["condition"], cell["condition"])
    return {**named, **figures, "condition": condition, "interval": f"{cell['low']:.1f} to {cell['high']:.1f}"}


def _page(result: dict[str, Any], drawing: Drawing) -> str:
    from xtremor.report.drawing import rendered

    return rendered("attack.html.j2", {"curve": drawing.spec()}, result=result, names=NAMES)

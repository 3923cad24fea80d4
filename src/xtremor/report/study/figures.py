"""Charts as inline SVG for the page, whose colours follow its theme, and as SVG, PNG and PDF to take away.

A specification names colours by the page's own variables (``var(--arm-1)``); in the page they stay, so that a chart
follows light and dark without a script, in files they become those of the light theme. Each chart is drawn at two
widths, of which the page shows the one that fits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from xtremor.report.charts import COLOURS, INK, Drawing, theme

WIDE, NARROW = 600, 350
FORMATS = ("svg", "png", "pdf")
# Treatment below control ... above it, around the neutral middle: orange to blue, told apart in every colour blindness,
# and far enough from the ink of the text on them.
HEAT = {
    "light": ("#e0894a", "#eaa873", "#f2c7a2", "#f8e3d2", "#f3f4f6", "#d7e6f3", "#aed0ea", "#82b8df", "#559fd2"),
    "dark": ("#a3521a", "#7f431a", "#5e361b", "#3f2c20", "#262b32", "#1f3547", "#1d4763", "#1b5a80", "#1a6e9f"),
}
Build = Callable[[int, bool], Drawing]


@dataclass(frozen=True)
class Figure:
    """A chart.

    Attributes:
        name: of its files and its place in the page.
        title: above it.
        text: what it shows, for those who do not see it and under it.
        build: (width in pixels, whether it stands alone, with title and legend of its own) -> chart.
    """

    name: str
    title: str
    text: str
    build: Build


def colour(name: str, number: int) -> str:
    """A colour of the page: of an arm (``arm``) or of a step of a heat map (``heat``)."""
    return f"var(--{name}-{number})"


def arm_colours(arms: Sequence[str]) -> dict[str, str]:
    """Arm -> its colour, the same everywhere; after seven they begin anew, and names tell apart."""
    return {arm: colour("arm", at % len(COLOURS["light"])) for at, arm in enumerate(arms)}


def palette(mode: str) -> dict[str, str]:
    """Variable of the page -> its colour in a theme."""
    # Ink first: an arm has the colour of faint text in the light theme.
    found = dict(INK[mode])
    found |= {f"arm-{at}": value for at, value in enumerate(COLOURS[mode])}
    return found | {f"heat-{at}": value for at, value in enumerate(HEAT[mode])}


def inline(figure: Figure) -> str:
    """Both widths as SVG elements for the page."""
    from xtremor.report.drawing import svg

    drawn = []
    for width, which in ((WIDE, "wide"), (NARROW, "narrow")):
        plain = svg(figure.build(width, False).spec(), _page_theme())
        drawn.append(_embedded(plain, f"{figure.name}-{which}", which, figure.text))
    return "".join(drawn)


def files(figure: Figure) -> dict[str, bytes]:
    """``charts/NAME.svg``, ``.png`` and ``.pdf``, in the light theme on white."""
    import vl_convert

    from xtremor.report.drawing import svg

    told = json.dumps(_unlinked(figure.build(WIDE, True).spec()))
    plain = svg(json.loads(_coloured(told)))
    made = {
        "svg": plain.encode(),
        "png": bytes(vl_convert.svg_to_png(plain, scale=2)),
        "pdf": bytes(vl_convert.svg_to_pdf(plain)),
    }
    return {f"charts/{figure.name}.{ending}": made[ending] for ending in FORMATS}


@cache
def _page_theme() -> dict[str, Any]:
    """The light theme with the page's variables for its colours."""
    told = json.dumps(theme("light"))
    for name, value in palette("light").items():
        told = told.replace(f'"{value}"', f'"var(--{name})"')
    found: dict[str, Any] = {**json.loads(told), "aria": True, "padding": 5}
    found["legend"] |= {"symbolBaseFillColor": "var(--text)", "symbolBaseStrokeColor": "var(--text)"}
    return found


def _coloured(text: str) -> str:
    for name, value in palette("light").items():
        text = text.replace(f"var(--{name})", value)
    return text


def _unlinked(value: Any) -> Any:
    """A specification without links into the page."""
    if isinstance(value, dict):
        return {key: _unlinked(each) for key, each in value.items() if key not in ("href", "description")}
    return [_unlinked(each) for each in value] if isinstance(value, list) else value


_MARK = re.compile(r'<(path|line|text|rect)([^>]*?) aria-label="([^"]*)"([^>]*?)(/>|>)')
_ARIA = re.compile(r' (?:aria-[a-z]+|role|pointer-events|xmlns:xlink)="[^"]*"')


def _embedded(svg: str, name: str, which: str, text: str) -> str:
    """An SVG document as an element of the page: ids of its own, what a mark says as its title, no sizes."""
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    svg = _MARK.sub(_titled, svg)
    svg = _ARIA.sub("", svg)
    for found in set(re.findall(r' id="([^"]+)"', svg)):
        svg = svg.replace(f' id="{found}"', f' id="{name}-{found}"').replace(f"url(#{found})", f"url(#{name}-{found})")
    # Vega puts an address of its own before ways inside the page.
    svg = re.sub(r'xlink:href="[^"#]*#', 'href="#', svg)
    head, _, rest = svg.partition(">")
    width = re.search(r' width="([0-9.]+)"', head)
    head = re.sub(r' (?:width|height|class|version|xmlns)="[^"]*"', "", head)
    size = f' style="max-width:{float(width[1]):.0f}px"' if width else ""
    return f'{head} class="{which}" role="img" aria-label="{escape(text)}"{size}>{rest}'


def _titled(found: re.Match[str]) -> str:
    tag, before, told, after, end = found.groups()
    opening = f"<{tag}{before}{after}"
    if end == ">":
        return f"{opening}><title>{told}</title>"
    return f"{opening}><title>{told}</title></{tag}>"


def sized(chart: Any, width: int, height: float, alone: bool, title: str) -> Any:
    """A chart of a width in all, labels included; with its title where it stands alone."""
    import altair as alt

    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    chart = chart.properties(width=width, height=height, autosize=fit)
    return chart.properties(title=alt.TitleParams(title, fontSize=13, limit=width)) if alone else chart


def arm_scale(arms: Sequence[str], every: Sequence[str], alone: bool) -> dict[str, Any]:
    """``scale`` and ``legend`` of a colour channel over the arms shown, coloured as among ``every``."""
    import altair as alt

    colours = arm_colours(every)
    shown = alt.Legend(orient="top", title=None, columns=3, labelLimit=160) if alone else None
    return {"scale": alt.Scale(domain=list(arms), range=[colours[arm] for arm in arms]), "legend": shown}

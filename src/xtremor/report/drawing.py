"""From chart specifications to what a page embeds and to pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from xtremor.report import charts
from xtremor.report.charts import COLOURS, INK, Drawing
from xtremor.report.collect import Collection
from xtremor.report.context import SCHEMES, seen_title
from xtremor.report.places import Place, word
from xtremor.report.summary import Summary
from xtremor.report.verdict import estimand

PICTURE_WIDTH = 300  # Plot width of one column, without its labels.


@dataclass(frozen=True, slots=True)
class Drawn:
    """Charts of a page: specifications by element id, and (id, [title,] label) in the order shown."""

    specs: dict[str, dict[str, Any]]
    locales: list[tuple[str, str]]
    differences: list[tuple[str, str, str]]


def page_charts(runs: Collection, places: Mapping[str, Place], summary: Summary) -> Drawn:
    """Charts that fill the width of their container."""
    drawn = Drawn({}, [], [])
    what = word(runs.languages)
    arms = ", ".join(arm.arm for arm in summary.trained)
    for index, codes in enumerate(charts.locale_blocks(runs, summary)):
        name = f"locales-{index}"
        drawn.specs[name] = charts.locale_chart(runs, summary, places, codes, "container").spec()
        ends = f"{places[codes[0]].name} to {places[codes[-1]].name}"
        drawn.locales.append((name, f"Dot plot of the scores of {arms} in {len(codes)} {what}, {ends}"))
    half = charts.shown_half_width(summary.strata)
    for scheme in dict.fromkeys(stratum.scheme for stratum in summary.strata):
        strata = [each for each in summary.strata if each.scheme == scheme and each.differences]
        if not strata:
            continue
        name, title = f"differences-{scheme}", SCHEMES.get(scheme) or seen_title(runs)
        drawn.specs[name] = charts.difference_chart(summary, strata, half, "container").spec()
        label = f"Differences to {summary.plain} by arm: {', '.join(each.label for each in strata)}"
        drawn.differences.append((name, title, label))
    return drawn


def pictures(runs: Collection, places: Mapping[str, Place], summary: Summary) -> dict[str, dict[str, Any]]:
    """File name -> specification of a picture that stands alone, with title and legend."""
    import altair as alt

    blocks = charts.locale_blocks(runs, summary)
    columns = [charts.locale_chart(runs, summary, places, codes, PICTURE_WIDTH) for codes in blocks]
    line = f"; line: frozen {summary.frozen.arm}" if summary.frozen and summary.trained else ""
    seeds = max((len(arm.seeds) for arm in summary.trained), default=1)
    title = alt.TitleParams(
        f"{runs.task}: {runs.metric} in {word(runs.languages)} never trained on",
        subtitle=f"Fine-tuned on English; dot: a seed ({seeds} per arm), tick: their mean{line}",
    )
    chart = alt.hconcat(*(column.chart for column in columns))
    data = {name: rows for column in columns for name, rows in column.data.items()}
    found = {"locales.png": _with_legend(Drawing(chart, data), summary, title)}
    half = charts.shown_half_width(summary.strata)
    shown = [each for each in summary.strata if each.scheme in ("all", "joshi") and each.differences]
    if shown:
        title = alt.TitleParams(
            f"{runs.task}: difference to {summary.plain}",
            subtitle=f"{estimand(runs)} and strata of them; line: 95% t-interval over {seeds} seeds"
            if seeds > 1
            else f"{estimand(runs)} and strata of them; one seed, so no intervals",
        )
        drawing = charts.difference_chart(summary, shown, half, 2 * PICTURE_WIDTH)
        found["differences.png"] = _with_legend(drawing, summary, title, skip=summary.plain)
    return found


def _with_legend(drawing: Drawing, summary: Summary, title: Any, skip: str | None = None) -> dict[str, Any]:
    """Stack a row of coloured names over a chart: a legend that is drawn once for several columns."""
    import altair as alt

    arms = [arm.arm for arm in summary.trained]
    names = [{"arm": arm, "x": index} for index, arm in enumerate(arm for arm in arms if arm != skip)]
    width = max(1, len(names))
    base = alt.Chart(alt.NamedData("legend")).encode(
        x=alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, width], nice=False)),
        color=alt.Color("arm:N", scale=alt.Scale(domain=arms, range="category"), legend=None),
    )
    texts = base.mark_text(align="left", dx=9, fontSize=13).encode(text="arm:N")
    row = alt.layer(base.mark_circle(size=70, opacity=1), texts).properties(width=105 * width, height=16)
    chart = alt.vconcat(row, drawing.chart, spacing=8).properties(title=title)
    return Drawing(chart, {**drawing.data, "legend": names}).spec()


def themes() -> dict[str, dict[str, Any]]:
    """Vega-Lite config by colour scheme."""
    return {mode: charts.theme(mode) for mode in ("light", "dark")}


def png(spec: dict[str, Any]) -> bytes:
    """Draw a picture in the light theme on white."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(spec, vl_version=vega_version(), scale=1.5, config=_on_white()))


def svg(spec: dict[str, Any], config: Mapping[str, Any] | None = None) -> str:
    """The same as SVG, or with another Vega-Lite ``config``."""
    import vl_convert

    chosen = _on_white() if config is None else dict(config)
    return str(vl_convert.vegalite_to_svg(spec, vl_version=vega_version(), config=chosen))


def _on_white() -> dict[str, Any]:
    return {**charts.theme("light"), "background": charts.INK["light"]["paper"], "padding": 12}


@lru_cache(maxsize=1)
def vega_bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script that sets ``vegaEmbed`` and fetches nothing."""
    import vl_convert

    # Without a snippet the three libraries become globals; the stubs wrongly ask for one.
    bundle = str(vl_convert.javascript_bundle(vl_version=vega_version()))  # type: ignore[call-arg]
    # Inside a script element these end it or change how it is read; in JavaScript strings \x3c is the same.
    return bundle.replace("</script", "\\x3c/script").replace("<!--", "\\x3c!--")


def vega_version() -> str:
    """The Vega-Lite version that altair writes, as vl-convert names it (``6.4``)."""
    import altair

    return ".".join(altair.VEGALITE_VERSION.removeprefix("v").split(".")[:2])


def rendered(template: str, specs: Mapping[str, Any], **values: Any) -> str:
    """A page from one of the templates in ``assets`` and the Vega-Lite specifications of its charts, by their ids."""
    from importlib.resources import files

    import jinja2
    from markupsafe import Markup

    from xtremor import __version__

    assets = files("xtremor.report") / "assets"
    read = {name: (assets / name).read_text(encoding="utf-8") for name in (template, "page.css", "page.js", "sort.js")}
    charts = json.dumps({"themes": themes(), "charts": dict(specs)}).replace("<", "\\u003c")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(read[template]).render(
        css=Markup(read["page.css"]),
        js=Markup(read["page.js"] + read["sort.js"]),
        chart_data=Markup(charts),
        vega=Markup(vega_bundle()),
        colours=COLOURS,
        ink=INK,
        version=__version__,
        **values,
    )

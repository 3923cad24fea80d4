"""The page of `xtremor align`, from ``align.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.report.analysis.page import Page, Section, write
from xtremor.report.charts import Drawing

WIDTH, HEIGHT = 300, 220
# Above this many languages, lines are one colour and the table tells them apart.
NAMED = 7
CAVEATS = (
    "Distances of different layers are compared relative to unrelated rows of the same layer only.",
    "An encoder that was trained on translation pairs (multilingual-e5) was trained to make these distances small.",
    "One model and one seed each: intervals speak of other rows, not of other trainings.",
    "A radius is an upper bound: between the points of the grid an answer may change and change back unseen, and an "
    "attack may miss the shortest way. The grid ends at 4 displacements; what did not change until then is censored.",
    "Every token of a row is shifted by one vector. Real translations differ token by token, so coverage is a model of "
    "what happens, and the table says row by row how good a model: phi is 0 where it tells nothing.",
)


def write_page(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``align.html`` and its charts as SVG; return their paths."""
    sections = [_displacement(result)]
    if result["stability"]:
        sections += [_stability(result), _agreement(result)]
    if result["changes"]:
        sections.append(_changes(result))
    names = ", ".join(f"{name} ({facts['arm']})" for name, facts in result["subjects"].items())
    split = f" {result['split']}" if result["split"] else ""
    about = [f"{result['task']}{split} in {len(result['languages'])} languages beside English; {names}."]
    about += [f"{name}: stability was not measured: {why}." for name, why in result["no_stability"].items()]
    about += result["notes"]
    return write(Page("xtremor align", "How far translations lie", about, sections, CAVEATS), folder, "align")


def _displacement(result: dict[str, Any]) -> Section:
    rows = [
        {
            "Language": cell["language"],
            "Encoder": cell["subject"],
            "Layer": cell["layer"],
            "Relative distance": f"{cell['relative']:.3f}",
            "SE": figure(cell["relative_se"], 3),
            "Cosine": f"{cell['cosine']:.3f}",
            "Unrelated cosine": f"{cell['cosine_unrelated']:.3f}",
            "To English": f"{cell['to_english']:.1f}",
            "From English": f"{cell['from_english']:.1f}",
            "CKA": figure(cell["cka"], 3),
            "Anisotropy": f"{cell['anisotropy']:.3f}",
            "Rows": cell["rows"],
        }
        for cell in result["layers"]
    ]
    text = (
        "Mean distance between the pooled vectors of an English row and of its translation, over that of unrelated "
        "rows: 0 is one place, 1 as far as any other text. To and from English: percent of rows whose nearest "
        "neighbour by cosine is the translation."
    )
    return Section("layers", "Displacement by layer", [text], _layer_chart(result), "Every layer", rows)


def _layer_chart(result: dict[str, Any]) -> Drawing:
    import altair as alt

    languages = result["languages"]
    data = [
        {name: cell[name] for name in ("subject", "language", "layer")}
        | {"relative": round(cell["relative"], 4), "found": round((cell["to_english"] + cell["from_english"]) / 2, 2),
           "low": round(cell["relative"] - 1.96 * (cell["relative_se"] or 0), 4),
           "high": round(cell["relative"] + 1.96 * (cell["relative_se"] or 0), 4)}
        for cell in result["layers"]
    ]  # fmt: skip
    charts = []
    for subject in result["subjects"]:
        base = alt.Chart(alt.NamedData("layers")).transform_filter(alt.datum.subject == subject)
        x = alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1))
        colour: dict[str, Any] = {"detail": "language:N"}
        if len(languages) <= NAMED:
            scale = alt.Scale(domain=languages, range="category")
            colour = {"color": alt.Color("language:N", scale=scale, title=None)}
        tips = [alt.Tooltip("language:N"), alt.Tooltip("layer:Q"), alt.Tooltip("relative:Q"), alt.Tooltip("found:Q")]
        lines = []
        for name, title in (("relative", "relative distance"), ("found", "nearest is the translation, percent")):
            ends = alt.Scale(domain=[0, 100]) if name == "found" else alt.Scale(zero=False)
            y = alt.Y(f"{name}:Q", title=title, scale=ends)
            line = base.mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=1.5, opacity=0.8).encode(
                x=x, y=y, tooltip=tips, **colour
            )
            if name == "relative":
                band = base.mark_rule(opacity=0.35).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q", **colour)
                line = alt.layer(band, line)
            lines.append(line.properties(width=WIDTH, height=HEIGHT, title=subject))
        charts.append(alt.hconcat(*lines))
    return Drawing(alt.vconcat(*charts), {"layers": data})


def _stability(result: dict[str, Any]) -> Section:
    rows = [
        {
            "Language": cell["language"],
            "Run": cell["subject"],
            "Layer": cell["layer"],
            "Displacement": f"{cell['displacement']:.3f}",
            "Radius along it, median": figure(cell["radius_translation"], 3, "not reached"),
            "Never changed": f"{cell['radius_translation_censored']:.1f}",
            "Attack radius, median": figure(cell["radius_attack"], 3, "not reached"),
            "Coverage": interval(cell, "coverage"),
            "Within the attack radius": f"{cell['covered_by_attack']:.1f}",
            "Kept at random": f"{cell['kept_at_random']:.1f}",
            "Answer kept": interval(cell, "kept"),
            "Accuracy": figure(cell["accuracy"], 1),
            "English": figure(cell["english_accuracy"], 1),
            "Rows": cell["rows"],
        }
        for cell in [*result["pooled"], *result["stability"]]
    ]
    text = (
        "Lengths relative to the mean distance of unrelated English rows at the layer. Coverage: percent of rows whose "
        "answer holds along the whole way to the translation's vector. Within the attack radius: rows whose "
        "displacement is shorter than the shortest change that an attack found. Kept at random: rows that keep their "
        "answer when shifted as far in a random direction, what length alone does."
    )
    return Section("coverage", "Stability and coverage", [text], _coverage_chart(result), "Percent", rows)


def _coverage_chart(result: dict[str, Any]) -> Drawing:
    import altair as alt

    cells = result["stability"]
    scored = all(cell["accuracy"] is not None for cell in cells)
    name, title = ("accuracy", "transfer accuracy") if scored else ("kept", "answer kept")
    data = [
        {each: cell[each] for each in ("subject", "language", "layer")}
        | {"coverage": round(cell["coverage"], 2), "value": round(cell[name], 2)}
        for cell in cells
    ]
    subjects = list(dict.fromkeys(cell["subject"] for cell in cells))
    scale = alt.Scale(domain=subjects, range="category")
    charts = []
    for layer in dict.fromkeys(cell["layer"] for cell in cells):
        base = alt.Chart(alt.NamedData("coverage")).transform_filter(alt.datum.layer == layer)
        base = base.encode(
            x=alt.X("coverage:Q", title="coverage, percent", scale=alt.Scale(zero=False)),
            y=alt.Y("value:Q", title=f"{title}, percent", scale=alt.Scale(zero=False)),
            color=alt.Color("subject:N", scale=scale, title=None),
        )
        points = base.mark_circle(size=45, opacity=0.9).encode(
            tooltip=[alt.Tooltip(f"{each}:N") for each in ("subject", "language", "coverage", "value")]
        )
        names = base.mark_text(align="left", dx=6, fontSize=11).encode(text="language:N")
        charts.append(alt.layer(points, names).properties(width=WIDTH, height=HEIGHT, title=f"layer {layer}"))
    return Drawing(alt.concat(*charts, columns=3), {"coverage": data})


def _agreement(result: dict[str, Any]) -> Section:
    rows = [
        {
            "Language": cell["language"],
            "Run": cell["subject"],
            "Layer": cell["layer"],
            "Covered and kept": cell["table"]["both"],
            "Covered, changed": cell["table"]["covered_only"],
            "Not covered, kept": cell["table"]["kept_only"],
            "Neither": cell["table"]["neither"],
            "Coverage is right": interval(cell, "coverage_right"),
            "Constant guess": f"{cell['guess']:.1f}",
            "More than the guess": interval(cell, "margin"),
            "Phi": figure(cell["phi"], 2),
            "Phi, 95%": span(cell["phi_low"], cell["phi_high"], 2),
        }
        for cell in [*result["pooled"], *result["stability"]]
    ]
    text = (
        "Is the answer kept exactly where coverage says so? Row by row: coverage is right where a covered row keeps "
        "its answer in translation, or one that is not covered changes it. The constant guess says the more frequent "
        "of kept and changed for every row. Intervals: 95%, clusters of rows that share text resampled. The rows "
        "of all languages together also differ in their language, of which phi then tells too."
    )
    return Section("agreement", "The test, row by row", [text], None, "Rows, percent, phi", rows)


def _changes(result: dict[str, Any]) -> Section:
    rows = []
    for cell in [*result["pooled_changes"], *result["changes"]]:
        row = {"Language": cell["language"], "Run": cell["subject"], "Since": cell["since"], "Layer": cell["layer"]}
        for name, title in (("coverage", "Coverage"), ("kept", "Answer kept"), ("accuracy", "Accuracy")):
            found = cell.get(name)
            row[title] = "" if found is None else (
                f"{found['estimate']:+.1f} ({found['low']:+.1f} to {found['high']:+.1f})"
            )  # fmt: skip
        rows.append(row)
    text = "Differences on the same rows, resampled together: 95% intervals over rows, for these two models alone."
    return Section("changes", "Since the run named first", [text], None, "Points", rows)


def figure(value: float | None, digits: int, absent: str = "") -> str:
    """A number, or what stands for none."""
    return absent if value is None else f"{value:.{digits}f}"


def span(low: float | None, high: float | None, digits: int) -> str:
    """``12.0 to 15.5``."""
    return "" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def interval(cell: dict[str, Any], name: str) -> str:
    """``14.1 (12.0 to 15.5)``."""
    said = span(cell[f"{name}_low"], cell[f"{name}_high"], 1)
    return figure(cell[name], 1) + (f" ({said})" if said else "")

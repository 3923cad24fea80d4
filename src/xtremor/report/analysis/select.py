"""The page of `xtremor select`, from ``select.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.report.analysis.align import figure
from xtremor.report.analysis.page import Page, Section, write
from xtremor.report.charts import Drawing

WIDTH, ROW = 420, 34
CAVEATS = (
    "A short distance is a hope, not a score: only the check against real scores says whether it means anything.",
    "In 288 budget-matched runs (arXiv 2603.27651) several sources beat one, but ways of choosing them did not differ.",
    "The transfer of a set is the best of its sources' single scores, target by target, which no model need reach.",
    "Sets have different zero-shot targets: a source is left out of its own set's average.",
)


def write_page(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``select.html`` and its charts as SVG; return their paths."""
    settings = result["settings"]
    about = [
        f"{len(result['sources'])} languages that may be labelled, {len(result['targets'])} targets, "
        f"{settings['rows']:,} labelled rows in all, shared alike by the sources of a set.",
        *result["notes"],
    ]
    text = (
        "Chosen: the sources from which the targets are nearest (k-medoids; mean over targets of the distance to the "
        f"nearest source). Random: {settings['draws']:,} sets of as many sources; as good: the share of them that are "
        "no farther. English: English alone, with all the rows."
    )
    sections = [
        Section("choices", "Sources by distance", [text], _choices(result), "Chosen sets", choice_rows(result)),
        Section("coverage", "What the distances rest on", [], None, "Distances", _coverage_rows(result)),
    ]
    if "scores" in result:
        sections.insert(1, _check(result))
    title = f"Source languages for {result['task'] or str(len(result['targets'])) + ' targets'}"
    return write(Page("xtremor select", title, about, sections, CAVEATS), folder, "select")


def choice_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """One line a distance and size, for the page and the terminal."""
    found = []
    for choice in result["choices"]:
        row = {
            "distance": choice["distance"],
            "k": choice["k"],
            "sources": " ".join(choice["sources"]),
            "rows each": min(choice["rows"].values()),
            "mean distance": f"{choice['cost']:.3f}",
            "random": _spread(choice["random"], 3),
            "as good, %": f"{choice['random_as_good']:.1f}",
            "English": figure(choice["english"], 3),
        }
        if "scores" in result:
            transfer = choice.get("transfer")
            spread = transfer and transfer["random"]
            row |= {
                "transfer": "" if transfer is None else f"{transfer['value']:.1f}",
                "transfer, random": _spread(spread, 1) if spread else "",
                "transfer, English": "" if transfer is None else figure(transfer["english"], 1),
                "observed": "" if transfer is None else figure(transfer["observed"], 1),
            }
        found.append(row)
    return found


def _spread(spread: dict[str, float], digits: int) -> str:
    """Mean, and where nine of ten lie."""
    return f"{spread['mean']:.{digits}f} ({spread['low']:.{digits}f} to {spread['high']:.{digits}f})"


def check_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """One line a distance: what real scores say of it."""
    rows = [
        {
            "distance": each["distance"],
            "pairs": each["pairs"],
            "Spearman": figure(each["spearman"], 2),
            "Mantel p": figure(each["p"], 3),
            "within": figure(each["within"], 2),
            "within p": figure(each["within_p"], 3),
            "left-out MAE": figure(each["mae"], 2),
            "naive MAE": figure(each["naive_mae"], 2),
            "regret": figure(each["regret"], 2),
            "random regret": figure(each["random_regret"], 2),
            "English regret": figure(each["english_regret"], 2),
        }
        for each in result["scores"]["check"]
    ]
    others = result["scores"]["chosen_by_others"]
    if others is not None:
        rows.append(dict.fromkeys(rows[0], "") | {"distance": "picked on the others",
                                                      "regret": f"{others['regret']:.2f}"})  # fmt: skip
    return rows


def _check(result: dict[str, Any]) -> Section:
    text = (
        "Spearman: rank correlation of distance and score over pairs of languages (below 0 where near languages "
        "transfer better), with Mantel's permutation test; targets that are hard for every source and far from all are "
        "enough for it. Within: the same with the means of sources and targets taken out, which is what choosing a "
        "source for a target takes. Left-out MAE: error in points when a target's scores are "
        "predicted from the distances and the other targets, beside the naive guess, their mean. Regret: points lost "
        "by the nearest source against the best one. Picked on the others: for each target, the distance that does "
        "best on all others."
    )
    return Section("check", "Do the distances say anything?", [text], None, "Against real scores", check_rows(result))


def _coverage_rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "distance": each["name"],
            "features in common, %": figure(each["mean_coverage"] and 100 * each["mean_coverage"], 1),
            "languages replaced": " ".join(each["replaced"]),
        }
        for each in result["distances"]
    ]


def _choices(result: dict[str, Any]) -> Drawing:
    import altair as alt

    data = []
    for choice in result["choices"]:
        spread = choice["random"]
        where = {"distance": choice["distance"], "k": f"k = {choice['k']}"}
        kinds = {"chosen": choice["cost"], "random": spread["mean"], "English alone": choice["english"]}
        for kind, value in kinds.items():
            if value is not None:
                ends = (spread["low"], spread["high"]) if kind == "random" else (value, value)
                data.append({**where, "kind": kind, "value": round(value, 4), "low": ends[0], "high": ends[1]})
    names = list(dict.fromkeys(choice["distance"] for choice in result["choices"]))
    scale = alt.Scale(domain=["random", "chosen", "English alone"], range="category")
    charts = []
    for k in dict.fromkeys(point["k"] for point in data):
        base = alt.Chart(alt.NamedData("choices")).transform_filter(alt.datum.k == k)
        y = alt.Y("distance:N", sort=names, title=None)
        colour = alt.Color("kind:N", scale=scale, title=None, legend=alt.Legend(orient="top"))
        x = alt.X("value:Q", title="mean distance to the nearest source", scale=alt.Scale(zero=True))
        rule = base.mark_rule(strokeWidth=3, opacity=0.35).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour)
        tips = [alt.Tooltip(f"{each}:N") for each in ("distance", "kind", "value")]
        points = base.mark_circle(size=60, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips)
        charts.append(alt.layer(rule, points).properties(width=WIDTH, height=ROW * len(names), title=k))
    return Drawing(alt.concat(*charts, columns=2), {"choices": data})

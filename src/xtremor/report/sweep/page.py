"""The page of a sweep: ``report/index.html`` with its charts as PNG, and the ordinary report of the chosen trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.console import duration
from xtremor.report.sweep.record import chosen_runs, chosen_trial, read_sweep

PICTURE_WIDTH = 420


def build_sweep_page(folder: Path) -> Path:
    """Write ``folder/report`` from ``folder/sweep.json``; returns the page.

    Raises:
        UserError: as `xtremor.report.sweep.record.read_sweep`; the report may not be written.
    """
    from xtremor.report import drawing
    from xtremor.report.page import build_report, write_files
    from xtremor.report.sweep import charts

    record = read_sweep(folder)
    out = folder / "report"
    scored = "targets" in charts.figures(record)
    if scored:
        build_report(chosen_runs(folder), out / "chosen")
    made = {"index.html": _render(record, scored).encode()}
    for name, spec in _pictures(record).items():
        made[name] = drawing.png(spec)
    write_files(out, made)
    return out / "index.html"


def _render(record: dict[str, Any], scored: bool) -> str:
    from importlib.resources import files

    import jinja2
    from markupsafe import Markup

    from xtremor import __version__
    from xtremor.report import drawing
    from xtremor.report.charts import COLOURS, INK
    from xtremor.report.page import script_json

    assets = files("xtremor.report") / "assets"
    read = {
        name: (assets / name).read_text(encoding="utf-8")
        for name in ("sweep.html.j2", "page.css", "page.js", "sort.js")
    }
    specs, doses, bests = _page_charts(record)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(read["sweep.html.j2"]).render(
        record=record,
        scored=scored,
        choices=[_choice_row(record, method) for method in record["methods"]],
        trials=[_trial_row(each, record) for each in record["trials"]],
        warnings=[(each["method"], each["trial"], text) for each in record["trials"] for text in each["warnings"]],
        swept=_swept(record),
        spreads=spread_sentences(record),
        legend=[(name, index % len(COLOURS["light"])) for index, name in enumerate(record["methods"])],
        doses=doses,
        bests=bests,
        chart_data=Markup(script_json({"themes": drawing.themes(), "charts": specs})),
        css=Markup(read["page.css"]),
        js=Markup(read["page.js"] + read["sort.js"]),
        vega=Markup(drawing.vega_bundle()),
        colours=COLOURS,
        ink=INK,
        version=__version__,
    )


def _page_charts(record: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]:
    """Specifications by element id; id and title of the dose charts, then of those of the expected best."""
    from xtremor.report.sweep import charts

    specs, doses, bests = {}, [], []
    if charts.dose_setting(record) is not None:
        for figure in charts.figures(record):
            specs[f"dose-{figure}"] = charts.dose_chart(record, figure, "container").spec()
            doses.append((f"dose-{figure}", charts.FIGURES[figure]))
    if record["trials_per_method"] > 1:
        for against, title in (("trials", "By trials"), ("cost", "By cost")):
            specs[f"best-{against}"] = charts.best_chart(record, against, "container").spec()
            bests.append((f"best-{against}", title))
    return specs, doses, bests


def _pictures(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """File name -> specification with a legend of its own."""
    from xtremor.report.sweep import charts

    found = {}
    if charts.dose_setting(record) is not None:
        for figure in charts.figures(record):
            found[f"{figure}.png"] = charts.dose_chart(record, figure, PICTURE_WIDTH, legend=True).spec()
    if record["trials_per_method"] > 1:
        found["expected-best.png"] = charts.best_chart(record, "trials", PICTURE_WIDTH, legend=True).spec()
    return found


def _swept(record: dict[str, Any]) -> str:
    """``radius 0.001, 0.003; learning rate from 1e-05 to 0.0001``: what has more than one value."""
    said = []
    for name, found in record["swept"].items():
        if "range" in found:
            said.append(f"{name.replace('_', ' ')} from {_short(found['range'][0])} to {_short(found['range'][1])}")
        elif len(found["values"]) > 1:
            said.append(f"{name.replace('_', ' ')} {', '.join(map(_short, found['values']))}")
    return "; ".join(said)


def spread_sentences(record: dict[str, Any]) -> list[str]:
    """What seeds alone do to a method that was repeated with further ones."""
    found = []
    for method in record["methods"]:
        own = [each for each in record["trials"] if each["method"] == method]
        for number in dict.fromkeys(each["repeats"] for each in own if each["repeats"] is not None):
            alike = [each for each in own if number in (each["trial"], each["repeats"])]
            scores = [score for each in alike for score in each["english_dev"]["values"]]
            found.append(
                f"{method}, trial {number}, scores from {min(scores):.1f} to {max(scores):.1f} on English dev with "
                f"{len(scores)} seeds and nothing else changed: smaller differences may be seeds."
            )
    return found


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _label(trial: dict[str, Any]) -> str:
    """The settings of a trial and its seeds."""
    settings = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in trial["settings"].items())
    seeds = trial["seeds"]
    return "; ".join(filter(None, [settings, f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"]))


def _figure(found: dict[str, Any] | None) -> dict[str, str]:
    if found is None:
        return {"mean": "–", "interval": "", "value": ""}
    interval = "" if found["low"] is None else f"{found['low']:.1f} to {found['high']:.1f}"
    return {"mean": f"{found['mean']:.1f}", "interval": interval, "value": f"{found['mean']:.4f}"}


def _trial_row(trial: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": trial["method"],
        "number": trial["trial"],
        "repeats": trial["repeats"],
        "label": _label(trial),
        "chosen": record["chosen"][trial["method"]] == trial["trial"],
        "dev": _figure(trial["english_dev"]),
        "targets": _figure(trial["targets"]),
        "low": _figure(trial["low_resource"]),
        "passes": f"{trial['passes_relative_to_plain']:.2f}×",
        "cost": f"{trial['training_cost']:.1f}",
        "seconds": duration(sum(trial["training_seconds"])),
    }


def _choice_row(record: dict[str, Any], method: str) -> dict[str, Any]:
    own = [each for each in record["trials"] if each["method"] == method]
    oracle = record["never_used_for_choice"][method]
    found = {**_trial_row(chosen_trial(record, method), record), "oracle": "", "gap": "", "best": ""}
    if oracle is not None:
        best = next(each for each in own if each["trial"] == oracle["oracle_trial"])
        found |= {
            "best": _label(best),
            "oracle": f"{oracle['oracle_targets']:.1f}",
            "gap": f"{oracle['oracle_gap']:.1f}",
        }
    found["all_cost"] = f"{sum(each['training_cost'] for each in own):.1f}"
    found["count"] = len(own)
    return found


def summary_lines(record: dict[str, Any]) -> list[str]:
    """The choice in words for a terminal: one line a method."""
    lines = ["chosen on English dev alone; scores of targets were never used for the choice:"]
    for method in record["methods"]:
        row = _choice_row(record, method)
        targets = f", targets {row['targets']['mean']}, best possible {row['oracle']}" if row["oracle"] else ""
        lines.append(f"  {method}: {row['label']}: English dev {row['dev']['mean']}{targets}")
    return [*lines, *(f"  {sentence}" for sentence in spread_sentences(record))]

"""What the page's template is given: every figure already formatted, so that the template only lays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from xtremor.console import duration
from xtremor.report.charts import COLOURS, INK, display_order
from xtremor.report.collect import Collection
from xtremor.report.groups import SCRIPTS, headline_codes
from xtremor.report.places import Place, pretraining, word
from xtremor.report.records import Run
from xtremor.report.summary import ArmSummary, Contrast, Stratum, Summary
from xtremor.report.verdict import Verdict, estimand, finding, number, signed
from xtremor.stats.intervals import Difference, Estimate, is_english

READING = {
    "up": "higher",
    "down": "lower",
    "fragile": "cannot tell after correction",
    "unclear": "cannot tell",
    "single": "cannot tell from one seed",
    "constant": "no spread between seeds",
    "unpaired": "no shared seed",
}
SCHEMES = {"all": "Overall", "joshi": "Resource class (Joshi et al. 2020)", "script": "Script"}


def context(runs: Collection, places: Mapping[str, Place], summary: Summary, verdict: Verdict) -> dict[str, Any]:
    """Values for ``page.html.j2``."""
    what = word(runs.languages)
    arms = [arm.arm for arm in summary.trained]
    encoder = runs.runs[0].info.get("encoder") or {}
    english = [code for code in runs.languages if is_english(code)]
    return {
        "task": runs.task,
        "split": runs.split,
        "metric": runs.metric,
        "what": what,
        "count": len(headline_codes(runs)),
        "estimand": estimand(runs),
        "encoder": encoder.get("name") or encoder.get("resolved") or "not recorded",
        "made": max((str(run.scored.get("created") or run.info.get("created") or "") for run in runs.runs), default="")[:10],
        "verdict": verdict,
        "contrasts": [contrast_row(each, summary) for each in summary.contrasts],
        "warnings": warnings(runs),
        "notices": runs.notices,
        "notes": data_notes(runs),
        "plain": summary.plain,
        "intervals": any(arm.average.low is not None for arm in summary.trained),
        "arms": [arm_row(arm, places) for arm in summary.arms],
        "legend": [{"arm": arm, "index": index % len(COLOURS["light"])} for index, arm in enumerate(arms)],
        "frozen": summary.frozen.arm if summary.frozen else None,
        "english": bool(english),
        "schemes": schemes(summary, runs),
        "columns": [arm.arm for arm in summary.arms],
        "locales": locale_rows(runs, places, summary),
        "runs": [run_row(run) for run in runs.runs],
        "machines": distinct(runs, "machine"),
        "versions": distinct(runs, "versions"),
        "encoders": distinct(runs, "encoder", ("name", "resolved", "architecture", "parameters", "fingerprint")),
        "training": distinct(runs, "training"),
        "sources": sorted({str((run.info.get("data") or {}).get("source") or "not recorded") for run in runs.runs}),
        "colours": COLOURS,
        "ink": INK,
    }


def interval(found: Estimate | None, sign: bool = False) -> str:
    """``−0.4 to +2.6``, or nothing where there is none."""
    if found is None or found.low is None or found.high is None:
        return ""
    show = signed if sign else number
    return f"{show(found.low)} to {show(found.high)}"


def contrast_row(contrast: Contrast, summary: Summary) -> dict[str, str]:
    """One comparison of the answer."""
    found = contrast.difference
    return {
        "treatment": contrast.treatment,
        "control": contrast.control,
        "scores": f"{number(summary.arm(contrast.treatment).average.mean)} against "
        f"{number(summary.arm(contrast.control).average.mean)}",
        "difference": signed(found.mean) if found else "",
        "interval": interval(found, sign=True) or "none",
        "p": "" if contrast.holm is None else (f"{contrast.holm:.2f}" if contrast.holm >= 0.005 else "< 0.005"),
        "reading": READING[finding(contrast)],
        "kind": finding(contrast),
    }


def arm_row(arm: ArmSummary, places: Mapping[str, Place]) -> dict[str, Any]:
    """One row of the summary table."""
    seeds = len(arm.seeds)
    return {
        "arm": arm.arm,
        "role": arm.role,
        "average": number(arm.average.mean),
        "interval": interval(arm.average) or ("not trained" if arm.role == "frozen" else "none: one seed"),
        "values": seed_values(arm.average) if seeds > 1 else "",
        "english": number(arm.english.mean) if arm.english else "",
        "low": number(arm.low.mean) if arm.low else "",
        "low_interval": interval(arm.low),
        "seeds": "0" if arm.role == "frozen" else str(seeds),
        "improved": f"{arm.improved.part} of {arm.improved.whole}" if arm.improved and arm.role != "frozen" else "",
        "worst": f"{places[arm.worst[0]].name} {number(arm.worst[1])}" if arm.worst else "",
        "passes": f"{arm.passes_ratio:.2f}×" if arm.passes_ratio else "",
        "each": " + ".join(f"{value:g}" for value in (round(each, 2) for each in arm.passes)) if arm.passes else "",
        "time": f"{arm.time_ratio:.2f}×" if arm.time_ratio else "",
        "seconds": duration(arm.seconds) if arm.seconds else "",
    }


def seed_values(found: Estimate) -> str:
    """Each seed's value, in the order of the seeds."""
    return " · ".join(number(value) for value in found.values)


def schemes(summary: Summary, runs: Collection) -> list[dict[str, Any]]:
    """Strata by scheme, with each arm's mean and difference."""
    found = []
    for scheme in dict.fromkeys(stratum.scheme for stratum in summary.strata):
        strata = [stratum for stratum in summary.strata if stratum.scheme == scheme]
        title = SCHEMES.get(scheme) or seen_title(runs)
        found.append({"key": scheme, "title": title, "rows": [stratum_row(each, summary) for each in strata]})
    return found


def seen_title(runs: Collection) -> str:
    """Whose pretraining text "seen" refers to."""
    owner = pretraining(runs.runs[0].info.get("encoder") or {})
    return f"Seen in {owner[1]} pretraining text" if owner else "Seen in the encoder's pretraining text"


def stratum_row(stratum: Stratum, summary: Summary) -> dict[str, Any]:
    """One stratum: its size, and a cell per arm."""
    cells = []
    for arm in summary.arms:
        found: Difference | None = stratum.differences.get(arm.arm)
        cells.append(
            {
                "mean": number(stratum.means[arm.arm].mean),
                "difference": signed(found.mean) if found else "",
                "interval": interval(found, sign=True),
            }
        )
    return {
        "label": stratum.label,
        "languages": len(stratum.codes),
        "codes": ", ".join(stratum.codes),
        "items": f"{stratum.items:,}",
        "cells": cells,
    }


def locale_rows(runs: Collection, places: Mapping[str, Place], summary: Summary) -> list[dict[str, Any]]:
    """One row per locale, English first, then from the highest to the lowest score of the reference arm."""
    rows = []
    order = display_order(runs, summary)
    for code in [*(code for code in runs.languages if code not in order), *order]:
        place = places[code]
        cells = []
        for arm in runs.arms:
            values = [run.scores[code] for run in runs.of(arm)]
            seeds = " · ".join(number(value) for value in values) if len(values) > 1 else ""
            cells.append({"mean": number(fmean(values)), "value": f"{fmean(values):.4f}", "seeds": seeds})
        rows.append(
            {
                "code": code,
                "name": place.name,
                "script": SCRIPTS.get(place.script, place.script),
                "joshi": "" if place.joshi is None else str(place.joshi),
                "items": runs.items(code),
                "cells": cells,
            }
        )
    return rows


def warnings(runs: Collection) -> list[dict[str, str]]:
    """Warnings of runs; one that several runs share is said once."""
    said: dict[str, list[str]] = {}
    for run in runs.runs:
        for text in run.info.get("warnings") or ():
            said.setdefault(str(text), []).append(f"{run.arm} seed {run.seed}")
    return [{"runs": ", ".join(names), "text": text} for text, names in said.items()]


def data_notes(runs: Collection) -> list[str]:
    """Notes of the data that the runs read, each once."""
    notes = [str(note) for run in runs.runs for note in (run.info.get("data") or {}).get("notes") or ()]
    return list(dict.fromkeys(notes))


def run_row(run: Run) -> dict[str, str]:
    """What one run did and cost."""
    info = run.info
    counts, seconds, dev = info.get("counts") or {}, info.get("seconds") or {}, info.get("english_dev") or {}
    spent = seconds.get("evaluation") or run.scored.get("seconds")
    peak, loss = info.get("peak_memory_mb"), info.get("final_training_loss")
    return {
        "arm": run.arm,
        "seed": str(run.seed) if run.role != "frozen" else "",
        "folder": run.folder.name,
        "updates": f"{counts['updates']:,}" if counts.get("updates") else "",
        "tokens": f"{counts['tokens']:,}" if counts.get("tokens") else "",
        "forward": f"{counts['forward']:,}" if counts.get("forward") else "",
        "activations": f"{counts['backward_activations']:,}" if counts.get("backward_activations") else "",
        "weights": f"{counts['backward_weights']:,}" if counts.get("backward_weights") else "",
        "training": duration(seconds["training"]) if seconds.get("training") else "",
        "evaluation": duration(spent) if spent else "",
        "peak": f"{peak:,.0f}" if peak else "",
        "loss": f"{loss:.3f}" if isinstance(loss, int | float) else "",
        "dev": number(dev["score"]) if dev.get("score") is not None else "",
        "command": str(info.get("command") or "not recorded"),
        "settings": settings(info.get("method") or {}),
    }


def settings(values: Mapping[str, Any]) -> str:
    """``radius 0.01, steps 1``; None and nested values are left out."""
    kept = [(key, value) for key, value in values.items() if key != "name" and value is not None]
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in kept if not isinstance(value, dict | list))


def distinct(runs: Collection, part: str, only: Sequence[str] | None = None) -> list[dict[str, str]]:
    """The different values of a part of run.json, and which runs they belong to."""
    found: dict[str, list[str]] = {}
    for run in runs.runs:
        values = {key: value for key, value in (run.info.get(part) or {}).items() if only is None or key in only}
        values = {key: value for key, value in values.items() if key not in ("method", "seed", "encoder", "task")} or values
        if part == "encoder":
            values = {key: _short(key, value) for key, value in (run.info.get(part) or {}).items() if only and key in only}
        found.setdefault(settings({**values, **({"called": values["name"]} if "name" in values else {})}), []).append(run.arm)
    return [{"text": text or "not recorded", "arms": ", ".join(dict.fromkeys(arms))} for text, arms in found.items()]


def _short(key: str, value: Any) -> Any:
    if key == "parameters" and isinstance(value, int):
        return f"{value:,}"
    # The folder that a file lay in is nobody's business; its name may say which model it was.
    return str(value).rstrip("/").rsplit("/", 1)[-1] if key == "resolved" else value

"""What the page's template is given: every figure already formatted, so that the template only lays out."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from xtremor.console import duration
from xtremor.languages import is_english
from xtremor.report.charts import COLOURS, INK, display_order
from xtremor.report.collect import Collection
from xtremor.report.groups import SCRIPTS, headline_codes, uniform
from xtremor.report.places import Place, pretraining, word
from xtremor.report.records import Run
from xtremor.report.summary import ArmSummary, Contrast, Stratum, Summary
from xtremor.report.verdict import Verdict, estimand, finding, listing, number, signed
from xtremor.stats.intervals import Difference, Estimate

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
    return {
        "task": runs.task,
        "split": runs.split,
        "metric": runs.metric,
        "what": what,
        "count": len(headline_codes(runs)),
        "estimand": estimand(runs),
        "encoder": encoder_name(runs),
        "made": max((str(run.scored.get("created") or run.info.get("created") or "") for run in runs.runs), default="")[
            :10
        ],
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
        "english": any(map(is_english, runs.languages)),
        "schemes": schemes(summary, runs),
        "uniform": uniform(runs, places, owner_of(runs)),
        "columns": [arm.arm for arm in summary.arms],
        "locales": locale_rows(runs, places, summary),
        "runs": [run_row(run) for run in runs.runs],
        "machines": distinct(runs, "machine"),
        "versions": distinct(runs, "versions"),
        "encoders": distinct(runs, "encoder"),
        "training": distinct(runs, "training"),
        "sources": sorted({str((run.info.get("data") or {}).get("source") or "not recorded") for run in runs.runs}),
        "colours": COLOURS,
        "ink": INK,
    }


def encoder_name(runs: Collection) -> str:
    """The pretrained encoder, as the user named it."""
    encoder = runs.runs[0].encoder
    return str(encoder.get("name") or encoder.get("resolved") or "not recorded")


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
        "interval": interval(found, sign=True),
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
        "low": number(arm.low.mean) if arm.low else "–",
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
    return f"Seen in {owner_of(runs)} pretraining text"


def owner_of(runs: Collection) -> str:
    """Whose pretraining text the language table speaks of, for the encoder of these runs."""
    found = pretraining(runs.runs[0].encoder)
    return found[1] if found else "the encoder's"


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
    said: dict[str, dict[str, list[str]]] = {}
    for run in runs.runs:
        for text in run.info.get("warnings") or ():
            said.setdefault(str(text), {}).setdefault(run.arm, []).append(str(run.seed))
    return [
        {
            "runs": "; ".join(
                f"{arm}, seed{'s' if len(seeds) > 1 else ''} {listing(seeds)}" for arm, seeds in by.items()
            ),
            "text": text,
        }
        for text, by in said.items()
    ]


def data_notes(runs: Collection) -> list[str]:
    """Notes of the data that the runs read in training and scoring, each once, as sentences."""
    records = [part.get("data") or {} for run in runs.runs for part in (run.info, run.scored)]
    notes = [str(note).strip() for record in records for note in record.get("notes") or ()]
    return [f"{note[:1].upper()}{note[1:].removesuffix('.')}." for note in dict.fromkeys(notes) if note]


def run_row(run: Run) -> dict[str, str]:
    """What one run did and cost."""
    info = run.info
    counts, seconds, dev = info.get("counts") or {}, info.get("seconds") or {}, info.get("english_dev") or {}
    spent = seconds.get("evaluation") or run.scored.get("seconds")
    time = info.get("time_beside_plain") or {}
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
        "beside": f"{time['ratio']:.2f}×" if time.get("updates") else "",
        "peak": f"{peak:,.0f}" if peak else "",
        "loss": f"{loss:.3f}" if isinstance(loss, int | float) else "",
        "dev": number(dev["score"]) if dev.get("score") is not None else "",
        "command": str(info.get("command") or "not recorded"),
        "settings": settings(info.get("method") or {}),
    }


def settings(values: Mapping[str, Any]) -> str:
    """``radius 0.01, steps 1``; what is None or nested is left out, and so is a method's name."""
    kept = [(key, value) for key, value in values.items() if value is not None and not isinstance(value, dict | list)]
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in kept if key != "name")


def distinct(runs: Collection, part: str) -> list[dict[str, str]]:
    """The different contents of a part of run.json in words, each with the arms it belongs to."""
    found: dict[str, list[str]] = {}
    for run in runs.runs:
        values = run.encoder if part == "encoder" else run.info.get(part) or {}
        if part == "encoder":
            text = _encoder(values)
        elif part == "machine":
            text = _machine(values)
        else:
            text = settings({key: value for key, value in values.items() if key not in ("seed", "task", "encoder")})
        found.setdefault(text or "not recorded", []).append(run.arm)
    return [{"text": text, "arms": ", ".join(dict.fromkeys(arms))} for text, arms in found.items()]


def _encoder(values: Mapping[str, Any]) -> str:
    # Of a folder only its own name: where it lay on some machine tells a reader nothing.
    resolved = str(values.get("resolved") or "").rstrip("/").rsplit("/", 1)[-1]
    count = values.get("parameters")
    parts = [str(values.get("name") or ""), str(values.get("architecture") or "")]
    parts.append(resolved if resolved not in parts[0] else "")
    parts.append(f"{count:,} parameters" if isinstance(count, int) else "")
    parts.append(f"fingerprint {str(values['fingerprint'])[:16]}" if values.get("fingerprint") else "")
    return ", ".join(part for part in parts if part)


def _machine(values: Mapping[str, Any]) -> str:
    named = {"cores": "{} cores", "threads": "{} threads used", "memory_gib": "{} GiB memory", "device": "device {}"}
    parts = [named.get(key, "{}").format(value) for key, value in values.items() if value is not None]
    return ", ".join(parts).replace(" 1 threads", " 1 thread").replace(" 1 cores", " 1 core")

"""What a sweep came to: every trial's scores from its run folders, the choice, and what was never used for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xtremor import machine
from xtremor.languages import is_english
from xtremor.report.places import describe
from xtremor.stats.intervals import Estimate, t_interval
from xtremor.sweep.choice import choose, expected_best
from xtremor.sweep.plan import PlannedTrial, Sweep
from xtremor.training.folder import RunFolder, read_json

FORMAT = 1
RULE = (
    "Each method has the same number of trials. The chosen one has the best English dev, the mean over its seeds; ties "
    "go to the smaller radius, then to the cheaper trial. Repeats of a trial with further seeds are not chosen from."
)


@dataclass(frozen=True)
class TargetScores:
    """One run in the target languages: macro means without English and what it was trained on, None without any."""

    mean: float | None
    low_resource: float | None


def english_dev(folder: Path) -> dict[str, Any]:
    """The figure of a finished run on English dev, from ``run.json``."""
    found: dict[str, Any] = RunFolder(folder).read_record()["english_dev"]
    return found


def target_scores(folder: Path) -> TargetScores:
    """The run's scores of target languages, from ``scores.json``."""
    found = read_json(RunFolder(folder).scores)
    trained = found.get("trained_on") or ()
    scores = {
        code: float(cell["score"])
        for code, cell in found["languages"].items()
        if not is_english(code) and code not in trained
    }
    places = describe(list(scores))
    low = [score for code, score in scores.items() if places[code].low_resource]
    return TargetScores(fmean(scores.values()) if scores else None, fmean(low) if low else None)


def summarise(sweep: Sweep, planned: Sequence[PlannedTrial]) -> dict[str, Any]:
    """What goes into ``sweep.json``: trials, choices, oracle gaps and expected best English dev."""
    trials = [_trial(each, sweep.scoring is not None) for each in planned]
    unit = planned[0].training / planned[0].passes * 3
    for each, entry in zip(planned, trials, strict=True):
        entry["training_cost"] = each.training * len(each.runs) / unit
    by_method = {name: [entry for entry in trials if entry["method"] == name] for name in sweep.methods}
    first = planned[0]
    dev = english_dev(first.runs[0].folder)
    return {
        "format": FORMAT,
        "task": first.opened.name,
        "metric": first.opened.card.metric,
        "english_dev_metric": dev.get("metric", "accuracy"),
        "english_dev_rows": dev["items"],
        "encoder": sweep.recipe.encoder,
        "rule": RULE,
        "how": "grid" if sweep.trials is None else "random",
        "draw_seed": None if sweep.trials is None else sweep.draw_seed,
        "swept": {axis.name: {"range" if axis.drawn else "values": list(axis.values)} for axis in sweep.axes},
        "methods": list(sweep.methods),
        "trials_per_method": len(by_method[sweep.methods[0]]),
        "seeds_per_trial": sweep.seeds,
        "trials": trials,
        "chosen": {name: _chosen(entries) for name, entries in by_method.items()},
        "expected_best_english_dev": {
            name: expected_best([_of_point(entry, entries)["english_dev"]["mean"] for entry in entries])
            for name, entries in by_method.items()
        },
        "never_used_for_choice": {name: _oracle(entries) for name, entries in by_method.items()},
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
    }


def _trial(planned: PlannedTrial, scored: bool) -> dict[str, Any]:
    folders = [run.folder for run in planned.runs]
    records = [RunFolder(folder).read_record() for folder in folders]
    found = [target_scores(folder) for folder in folders] if scored else []
    return {
        "method": planned.trial.method,
        "trial": planned.trial.number,
        "settings": dict(planned.trial.point),
        "radius": planned.radius,
        "seeds": list(planned.trial.seeds),
        "repeats": planned.trial.repeats,
        "runs": [folder.name for folder in folders],
        "passes_relative_to_plain": planned.passes / 3,
        "training_seconds": [record["seconds"]["training"] for record in records],
        "english_dev": _estimate([record["english_dev"]["score"] for record in records]),
        "targets": _estimate([each.mean for each in found]),
        "low_resource": _estimate([each.low_resource for each in found]),
        "warnings": list(dict.fromkeys(sentence for record in records for sentence in record["warnings"])),
    }


def _estimate(values: Sequence[float | None]) -> dict[str, Any] | None:
    """Mean and t-interval over seeds as plain values; None where there is nothing to average."""
    known = [value for value in values if value is not None]
    return as_record(t_interval(known)) if known else None


def as_record(found: Estimate) -> dict[str, Any]:
    """An estimate as JSON."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(found).items()}


def _of_point(entry: dict[str, Any], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The trial with the same settings and the common seeds: itself, unless it is a repeat."""
    return next(each for each in entries if each["trial"] == (entry["repeats"] or entry["trial"]))


def _chosen(entries: Sequence[dict[str, Any]]) -> int:
    """Number of the chosen trial of a method."""
    candidates = [entry for entry in entries if entry["repeats"] is None]
    index = choose(
        [entry["english_dev"]["mean"] for entry in candidates],
        [entry["radius"] for entry in candidates],
        [entry["training_cost"] for entry in candidates],
    )
    number: int = candidates[index]["trial"]
    return number


def _oracle(entries: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The trial that is best on the targets and how far the chosen one is below it; None without targets."""
    scored = [entry for entry in entries if entry["targets"] is not None and entry["repeats"] is None]
    if not scored:
        return None
    best = max(scored, key=lambda entry: entry["targets"]["mean"])
    chosen = next(entry for entry in scored if entry["trial"] == _chosen(entries))
    gap = best["targets"]["mean"] - chosen["targets"]["mean"]
    return {"oracle_trial": best["trial"], "oracle_targets": best["targets"]["mean"], "oracle_gap": gap}

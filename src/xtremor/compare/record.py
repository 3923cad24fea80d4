"""A comparison as JSON: every figure unrounded, with what it is over and how it was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from xtremor.compare.comparison import Comparison, Contrast
from xtremor.compare.effects import Effect, Redrawn
from xtremor.compare.sentences import estimand, latex, sentence
from xtremor.stats.shrinkage import Shrunk

FORMAT = 1


def record(comparison: Comparison) -> dict[str, Any]:
    """What ``--json`` prints.

    Returns:
        {"format", "settings", "alpha", "family", "percent", "estimand", "tests" ([task, language] each), "seeds"
        (system -> names), "scores" (system -> seed -> macro mean), "contrasts" (see `_contrast`), "variances"
        (system -> task -> components), "latex", "notes"}.
    """
    scores = comparison.scores
    macro = scores.macro()
    return {
        "format": FORMAT,
        "settings": asdict(comparison.settings),
        "alpha": comparison.alpha,
        "family": comparison.family,
        "percent": comparison.percent,
        "estimand": estimand(comparison, comparison.contrasts[0].main.group),
        "tests": [[test.task, test.language] for test in scores.tests],
        "seeds": {name: list(seeds) for name, seeds in scores.seeds.items()},
        "scores": {
            name: dict(zip(seeds, scores.of(name, macro).tolist(), strict=True)) for name, seeds in scores.seeds.items()
        },
        "contrasts": [_contrast(comparison, each) for each in comparison.contrasts],
        "variances": {
            name: {task: asdict(each) for task, each in tasks.items()} for name, tasks in comparison.variances.items()
        },
        "latex": latex(comparison),
        "notes": list(comparison.notes),
    }


def _contrast(comparison: Comparison, contrast: Contrast) -> dict[str, Any]:
    """One contrast: {"treatment", "control", "sentence", "main", "tasks", "strata", "languages", "shrunk", "power"}."""
    found: dict[str, Any] = {
        "treatment": contrast.main.treatment,
        "control": contrast.main.control,
        "sentence": sentence(comparison, contrast),
        "pairing": asdict(contrast.main.pairing),
        "main": _effect(comparison, contrast.main),
        "tasks": [_effect(comparison, each) for each in contrast.tasks],
        "strata": [_effect(comparison, each) for each in contrast.strata],
        "languages": [_effect(comparison, each) for each in contrast.languages],
        "shrunk": {task: _shrunk(comparison, task, each) for task, each in contrast.shrunk.items()},
        "power": asdict(contrast.seeds) if contrast.seeds else None,
    }
    if contrast.mixed:
        found["mixed_model"] = asdict(contrast.mixed)
    if contrast.unfitted:
        found["mixed_model_refused"] = contrast.unfitted
    return found


def _effect(comparison: Comparison, effect: Effect) -> dict[str, Any]:
    test, group = effect.difference, effect.group
    found: dict[str, Any] = {
        "over": estimand(comparison, group),
        "kind": group.kind,
        "task": group.task,
        "scheme": group.scheme,
        "value": group.value,
        "languages": group.languages,
        "means": list(effect.means),
        "values": [list(each) for each in effect.values],
        "effect": effect.effect,
        "test": {**asdict(test), "name": test.test} if test else None,
        "p_adjusted": effect.adjusted,
        "correction": effect.correction,
        "permutation": asdict(effect.permutation) if effect.permutation else None,
        "bootstrap": _redrawn(effect.bootstrap),
        "bootstrap_over_items_alone": _redrawn(effect.customary),
        "verdict": effect.verdict,
    }
    if effect.equivalence:
        found["equivalence"] = {**asdict(effect.equivalence), "p_adjusted": effect.adjusted_equivalence}
    return found


def _redrawn(found: Redrawn | None) -> dict[str, Any] | None:
    return asdict(found) if found else None


def _shrunk(comparison: Comparison, task: str, found: Shrunk) -> dict[str, Any]:
    codes = [test.language for test in comparison.scores.tests if test.task == task]
    columns: Mapping[str, tuple[float, ...]] = {
        "effect": found.effects, "low": found.low, "high": found.high, "kept": found.weights,
    }  # fmt: skip
    languages = {code: {name: each[place] for name, each in columns.items()} for place, code in enumerate(codes)}
    return {"mean": found.mean, "between_languages": found.tau, "languages": languages}

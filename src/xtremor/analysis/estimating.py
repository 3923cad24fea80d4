"""What is expected of a run in every language, from its answers alone: arithmetic, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.analysis.atc import ESTIMATORS, Expectation, fit_temperature
from xtremor.analysis.confidence import QUANTITIES, Answers
from xtremor.analysis.regression import check, from_others
from xtremor.console import Progress
from xtremor.languages import is_english
from xtremor.tasks.base import TaskCard

if TYPE_CHECKING:
    from xtremor.analysis.expect import ExpectSettings

NAIVE = ("english-dev", "other-languages")
LINES = ("displacement-line", "atc-line")


def estimate(
    dev: Answers,
    others: Mapping[str, Answers],
    card: TaskCard,
    settings: ExpectSettings,
    displacement: Mapping[str, float] | None = None,
    sources: Sequence[str] = ("en",),
) -> dict[str, Any]:
    """Every estimator in every language, and each judged on the languages with labels.

    Estimates from confidence are of accuracy (`confidence.QUANTITIES`). Naive guesses and lines through languages are
    of accuracy, and of the task's own ``score`` where that is another figure.

    Args:
        dev: English.
        others: by language; English and ``sources`` are estimated, and counted in no check.
        card: of the task.
        settings: of the estimates.
        displacement: see `Rows`.
        sources: languages whose labels the run was trained on.
    """
    assert dev.gold is not None
    temperature = fit_temperature(dev.logits, dev.gold) if settings.scale else 1.0
    own = dev.items(temperature)
    expectation = Expectation(own, settings.replicates, settings.seed, settings.level)
    languages: dict[str, dict[str, Any]] = {}
    with Progress("estimating", len(others)) as progress:
        for code, each in others.items():
            languages[code] = _language(expectation, each, temperature)
            progress.advance(1, code)
    away = [code for code in others if not is_english(code) and code not in sources]
    truths = ["accuracy"] if card.metric == "accuracy" else ["accuracy", "score"]
    largest = 100 * float(np.bincount(dev.gold).max()) / len(dev.gold)
    english = {"accuracy": own.accuracy, "score": dev.score, "largest_class": largest}
    checks = []
    for of in truths:
        known = {code: languages[code][of] for code in away if languages[code][of] is not None}
        _from_languages(languages, known, of, english[of], displacement, settings.level)
        names = (*NAIVE, *(ESTIMATORS if of == "accuracy" else ()), *LINES)
        for name in names:
            cells = {code: languages[code]["estimates"].get(f"{name} of {of}") for code in away}
            guesses = {code: (c["estimate"], c["low"], c["high"]) for code, c in cells.items() if c is not None}
            checks.append({"method": name, "of": of, **check(known, guesses)})
    return {
        "quantity": QUANTITIES[card.category],
        "metric": card.metric,
        "temperature": temperature,
        "english_dev": {**english, "items": len(dev.logits), "rows": dev.rows},
        "languages": languages,
        "checks": checks,
        "not_checked": [code for code in others if code not in away],
    }


def _language(expectation: Expectation, each: Answers, temperature: float) -> dict[str, Any]:
    """Estimates from confidence, beside the truth where it is known."""
    items = each.items(temperature)
    found = expectation.of(items)
    return {
        "items": len(each.logits),
        "rows": each.rows,
        "clusters": len(set(each.clusters)),
        "labels": each.gold is not None,
        "accuracy": items.accuracy,
        "score": each.score,
        "estimates": {
            f"{name} of accuracy": {"estimate": cell.estimate, "low": cell.low, "high": cell.high}
            for name, cell in found.items()
        },
    }


def _from_languages(
    languages: dict[str, dict[str, Any]],
    known: Mapping[str, float],
    of: str,
    english: float | None,
    displacement: Mapping[str, float] | None,
    level: float,
) -> None:
    """Add the naive guesses, and the lines through languages whose accuracy is known."""
    codes = list(languages)
    sure = {code: cell["estimates"]["atc-confidence of accuracy"]["estimate"] for code, cell in languages.items()}
    figures = {"other-languages": None, "atc-line": sure}
    if displacement is not None:
        figures["displacement-line"] = dict(displacement)
    for cell in languages.values():
        cell["estimates"][f"english-dev of {of}"] = {"estimate": english, "low": None, "high": None}
    for name, x in figures.items():
        for code, found in from_others(x, known, codes, level).items():
            languages[code]["estimates"][f"{name} of {of}"] = asdict(found)

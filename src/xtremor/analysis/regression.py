"""Accuracy where there are no labels, from what it was in other languages: a line through them, and their mean.

A language is predicted from all others whose accuracy is known: y = a + b x by least squares, x being the displacement
of its translations, or another figure that needs no label. The interval is the usual prediction interval of a new
point, which takes languages as draws around the line with one variance: with few languages it is wide, and rightly so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xtremor.stats.bootstrap import LEVEL

# A line and the spread around it.
FEWEST = 3


@dataclass(frozen=True)
class Predicted:
    """Percent, within 0 and 100.

    Attributes:
        estimate: of the language.
        low, high: ends of its prediction interval.
        languages: that it was learnt from.
    """

    estimate: float
    low: float
    high: float
    languages: int


def predict(x: Sequence[float], y: Sequence[float], new: float | None, level: float = LEVEL) -> Predicted:
    """The prediction at ``new`` of the line through (x, y); with ``new`` None, or x all alike, of the mean of y.

    low and high are t quantiles times s sqrt(1 + 1/n + (new - mean x)^2 / Sxx), with s^2 the residuals' sum of squares
    over n - 2 (of the mean: n - 1).

    Raises:
        ValueError: lengths differ, fewer points than a line with its spread needs (`FEWEST`), or one is not finite.
    """
    from scipy.stats import t

    one, two = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(one) != len(two) or len(two) < FEWEST:
        raise ValueError(f"expected at least {FEWEST} points, got {len(one)} and {len(two)} coordinates")
    if not (np.isfinite(two).all() and (new is None or (np.isfinite(one).all() and math.isfinite(new)))):
        raise ValueError("a coordinate is not finite")
    count, level_of_y = len(two), float(two.mean())
    slope, away, freedom = 0.0, 0.0, count - 1
    if new is not None and (spread := float(((one - one.mean()) ** 2).sum())) > 1e-12:
        slope = float(((one - one.mean()) * (two - level_of_y)).sum()) / spread
        away, freedom = (new - float(one.mean())) ** 2 / spread, count - 2
    middle = level_of_y + (slope * (new - float(one.mean())) if new is not None else 0.0)
    residuals = two - level_of_y - (slope * (one - one.mean()) if slope else 0.0)
    error = math.sqrt(float((residuals**2).sum()) / freedom * (1 + 1 / count + away))
    half = float(t.ppf(0.5 + level / 2, freedom)) * error
    low, estimate, high = (min(100.0, max(0.0, middle + each)) for each in (-half, 0.0, half))
    return Predicted(estimate, low, high, count)


def from_others(
    figures: Mapping[str, float] | None, known: Mapping[str, float], wanted: Sequence[str], level: float = LEVEL
) -> dict[str, Predicted]:
    """Every wanted language from all others whose accuracy is known.

    Args:
        figures: language -> x; None predicts the mean. Languages without one are neither learnt from nor predicted.
        known: language -> accuracy.
        wanted: languages; those of them that are known are left out of what they are predicted from.
        level: of the intervals.

    Returns:
        Those that have enough others.
    """
    found = {}
    for code in wanted:
        if figures is not None and code not in figures:
            continue
        others = [each for each in known if each != code and (figures is None or each in figures)]
        if len(others) < FEWEST:
            continue
        x = [0.0 if figures is None else figures[each] for each in others]
        y = [known[each] for each in others]
        found[code] = predict(x, y, None if figures is None else figures[code], level)
    return found


def check(
    truth: Mapping[str, float], guesses: Mapping[str, tuple[float, float | None, float | None]]
) -> dict[str, float | int | None]:
    """How right guesses (estimate, low, high) were: mean absolute error, mean error, and percent of intervals that hold
    the truth, over the languages that have both; None where there is none."""
    codes = [code for code in guesses if code in truth]
    if not codes:
        return {"languages": 0, "mae": None, "bias": None, "coverage": None}
    errors = np.array([guesses[code][0] - truth[code] for code in codes])
    inside = [
        low - 1e-9 <= truth[code] <= high + 1e-9
        for code in codes
        for _, low, high in [guesses[code]]
        if low is not None and high is not None
    ]
    return {
        "languages": len(codes),
        "mae": float(np.abs(errors).mean()),
        "bias": float(errors.mean()),
        "coverage": 100 * float(np.mean(inside)) if inside else None,
    }

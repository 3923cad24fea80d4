"""A line through languages against statsmodels' and a simulation; who is learnt from; how guesses are judged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xtremor.analysis.regression import check, from_others, predict


def test_against_the_textbook() -> None:
    """Slope, intercept and prediction interval by matrices."""
    draw = np.random.default_rng(0)
    x, y = draw.random(9), 50 + 20 * draw.random(9)
    design = np.stack([np.ones(9), x], axis=1)
    beta, residual, *_ = np.linalg.lstsq(design, y, rcond=None)
    new = np.array([1.0, 0.3])
    error = np.sqrt(residual[0] / 7 * (1 + new @ np.linalg.inv(design.T @ design) @ new))
    half = stats.t.ppf(0.975, 7) * error
    found = predict(x.tolist(), y.tolist(), 0.3)
    assert found.estimate == pytest.approx(new @ beta)
    assert (found.low, found.high) == pytest.approx((new @ beta - half, new @ beta + half)) and found.languages == 9


def test_the_mean_where_nothing_is_said_of_a_language() -> None:
    y = [50.0, 60.0, 70.0, 64.0]
    found, flat = predict([0] * 4, y, None), predict([2.0] * 4, y, 5.0)
    half = stats.t.ppf(0.975, 3) * np.std(y, ddof=1) * np.sqrt(1.25)
    assert found.estimate == pytest.approx(61) and found.high - found.estimate == pytest.approx(half)
    assert flat.estimate == pytest.approx(61) and flat.high == pytest.approx(found.high)


def test_intervals_hold_a_new_language_as_often_as_they_say() -> None:
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(600):
        x = draw.random(7)
        y = 80 - 30 * x + draw.normal(size=7) * 3
        found = predict(x[:6].tolist(), y[:6].tolist(), float(x[6]), 0.8)
        hits += found.low <= y[6] <= found.high
    assert 0.76 <= hits / 600 <= 0.84


def test_a_language_is_never_learnt_from_itself() -> None:
    figures = {"de": 0.1, "sw": 0.5, "tr": 0.3, "ur": 0.4, "yo": 0.9}
    known = {code: 90 - 50 * figures[code] for code in ("de", "sw", "tr", "ur")}
    found = from_others(figures, known, list(figures))
    assert {code: each.languages for code, each in found.items()} == {"de": 3, "sw": 3, "tr": 3, "ur": 3, "yo": 4}
    assert all(each.estimate == pytest.approx(90 - 50 * figures[code]) for code, each in found.items())
    changed = from_others(figures, {**known, "sw": 0.0}, ["sw", "yo"])
    assert changed["sw"].estimate == pytest.approx(65) and changed["yo"].estimate < 30
    # Without a figure there is no prediction, and with too few others none either.
    del figures["tr"]
    assert list(from_others(figures, known, ["tr", "yo"])) == ["yo"]
    assert from_others(None, {"de": 1.0, "sw": 2.0}, ["yo"]) == {}
    assert from_others(None, known, ["yo"])["yo"].estimate == pytest.approx(np.mean(list(known.values())))


def test_predictions_stay_within_percent() -> None:
    found = predict([0, 1, 2, 3], [40.0, 60.0, 80.0, 100.0], 9.0)
    assert found.estimate == found.low == found.high == 100


def test_how_guesses_are_judged() -> None:
    truth = {"de": 70.0, "sw": 50.0, "tr": 60.0}
    guesses = {"de": (72.0, 69.0, 75.0), "sw": (56.0, 52.0, 60.0), "yo": (1.0, 0.0, 2.0)}
    assert check(truth, guesses) == {"languages": 2, "mae": 4.0, "bias": 4.0, "coverage": 50.0}
    assert check(truth, {"de": (60.0, None, None)})["coverage"] is None
    assert check({}, guesses)["languages"] == 0


@pytest.mark.parametrize(
    ("x", "y", "new"), [([1, 2], [1, 2], 1.0), ([1, 2, 3], [1, 2], 1.0), ([1, 2, 3], [1, 2, np.nan], 1.0)]
)
def test_what_cannot_be_fitted(x: list, y: list, new: float) -> None:
    with pytest.raises(ValueError, match=r"expected at least|not finite"):
        predict(x, y, new)

"""Average thresholded confidence on constructed answers whose accuracy is known, and its intervals in a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from xtremor.analysis.atc import (
    ESTIMATORS,
    Items,
    estimates,
    expected,
    fit_temperature,
    items_of,
    share_above,
    thresholds,
)


def ones(*sizes: int) -> tuple[np.ndarray, ...]:
    return tuple(np.ones((1, size)) for size in sizes)


def items(scores: list[float], right: list[int] | None = None) -> Items:
    values = np.array(scores)
    return Items(values, values, None if right is None else np.array(right, bool), [str(n) for n in range(len(scores))])


def calibrated(count: int, draw: np.random.Generator, power: float = 1.0, each_cluster: int = 1) -> Items:
    """Binary answers that are right with the probability that they state; a smaller ``power`` is less sure."""
    sure = 1 - 0.5 * draw.random(count) ** power
    right = draw.random(count) < sure
    logits = np.stack([np.log(sure), np.log1p(-sure)], axis=1)
    return items_of(logits, np.where(right, 0, 1), [f"c{n // each_cluster}" for n in range(count)])


def test_by_hand() -> None:
    """Two of five are wrong: the threshold lies between the second and the third score from below."""
    dev = items([0.9, 0.5, 0.8, 0.6, 0.7], [1, 0, 1, 1, 0])
    found = thresholds(dev.confidence, dev.right, np.ones((1, 5)))
    assert found.at[0] == pytest.approx(0.65) and found.below[0] == 0
    target = items([0.4, 0.6, 0.66, 0.99])
    assert share_above(target.confidence, np.ones((1, 4)), found)[0] == 0.5
    assert estimates(dev, target, ones(5, 4))["atc-confidence"][0] == pytest.approx(50)
    assert estimates(dev, target, ones(5, 4))["average-confidence"][0] == pytest.approx(
        100 * (0.4 + 0.6 + 0.66 + 0.99) / 4
    )


def test_english_dev_itself_gets_its_own_accuracy() -> None:
    """Also with ties, all right, and all wrong; and weighted items as if they stood there so often."""
    draw = np.random.default_rng(0)
    for trial in range(40):
        count = int(draw.integers(1, 30))
        scores = draw.integers(0, 4, count) / 4 if trial % 2 else draw.random(count)
        right = draw.random(count) < (0.0, 0.3, 0.8, 1.0)[trial % 4]
        weights = draw.integers(0, 3, (3, count)).astype(float)
        weights[:, 0] += 1
        found = thresholds(scores, right, weights)
        assert np.allclose(share_above(scores, weights, found), (weights * right).sum(1) / weights.sum(1))
        repeated = np.repeat(np.arange(count), weights[0].astype(int))
        alone = thresholds(scores[repeated], right[repeated], np.ones((1, len(repeated))))
        other = draw.random(50)
        shares = [share_above(other, np.ones((1, 50)), each)[0] for each in (alone, _first(found))]
        assert shares[0] == pytest.approx(shares[1])


def _first(found):
    from xtremor.analysis.atc import Thresholds

    return Thresholds(found.at[:1], found.below[:1])


def test_all_right_and_all_wrong() -> None:
    dev, target = items([0.5, 0.7], [1, 1]), items([0.4, 0.5, 0.6])
    assert estimates(dev, target, ones(2, 3))["atc-confidence"][0] == pytest.approx(200 / 3)
    assert estimates(items([0.5, 0.7], [0, 0]), target, ones(2, 3))["atc-entropy"][0] == 0


def test_a_calibrated_model_under_equal_scores_is_exact_but_for_sampling() -> None:
    draw = np.random.default_rng(1)
    dev, target = calibrated(20_000, draw), calibrated(20_000, draw)
    found = expected(dev, target, 100)
    for name in ESTIMATORS:
        assert found[name].estimate == pytest.approx(target.accuracy, abs=1.0), name
        assert found[name].low <= target.accuracy <= found[name].high, name


def test_less_sure_and_less_right() -> None:
    """Calibrated on both sides: mean confidence is right, and ATC is far nearer than English dev accuracy."""
    draw = np.random.default_rng(2)
    dev, target = calibrated(20_000, draw, 2.0), calibrated(20_000, draw, 0.5)
    assert dev.accuracy - target.accuracy > 14
    whole = estimates(dev, target, ones(20_000, 20_000))
    assert whole["average-confidence"][0] == pytest.approx(target.accuracy, abs=1)
    assert whole["confidence-difference"][0] == pytest.approx(target.accuracy, abs=1)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of a calibrated model under equal scores, with three items a cluster: 80% intervals in 120 draws."""
    draw = np.random.default_rng(3)
    hits = dict.fromkeys(("atc-confidence", "average-confidence"), 0)
    for _ in range(120):
        dev, target = calibrated(300, draw, each_cluster=3), calibrated(300, draw, each_cluster=3)
        # What is estimated is the accuracy that such items have, 75%.
        found = expected(dev, target, 200, level=0.8)
        for name in hits:
            hits[name] += found[name].low <= 75 <= found[name].high
    # Two and a half standard errors around 80%.
    for name, count in hits.items():
        assert 0.70 <= count / 120 <= 0.90, (name, count)


def test_clusters_make_intervals_wider() -> None:
    """Twenty copies of each of fifty items are fifty items."""
    draw = np.random.default_rng(4)
    few = calibrated(50, draw)
    many = Items(
        *(np.repeat(getattr(few, name), 20) for name in ("confidence", "entropy", "right")),
        list(np.repeat(few.clusters, 20)),
    )
    alone = Items(many.confidence, many.entropy, many.right, [str(n) for n in range(1000)])
    dev = calibrated(2000, draw)
    widths = [
        (lambda each: each.high - each.low)(expected(dev, each, 300)["average-confidence"])
        for each in (few, many, alone)
    ]
    assert widths[0] == pytest.approx(widths[1], rel=0.15) and widths[2] < widths[1] / 3


def test_shared_clusters_are_drawn_together() -> None:
    """The language's rows are English dev's own: the difference of confidence is 0 in every replicate."""
    draw = np.random.default_rng(5)
    dev = calibrated(200, draw)
    found = expected(dev, dev, 300)["confidence-difference"]
    accuracy = 200 * [0]
    assert found.estimate == pytest.approx(dev.accuracy) and len(accuracy) == 200
    apart = Items(dev.confidence, dev.entropy, dev.right, [f"other {each}" for each in dev.clusters])
    wider = expected(dev, apart, 300)["confidence-difference"]
    assert found.high - found.low < wider.high - wider.low


def test_temperature() -> None:
    """Logits that are three times too large are brought down; answers stay."""
    draw = np.random.default_rng(6)
    sure = 1 - 0.5 * draw.random(20_000)
    gold = (draw.random(20_000) >= sure).astype(int)
    logits = 3 * np.stack([np.log(sure), np.log1p(-sure)], axis=1)
    found = fit_temperature(logits, gold)
    assert found == pytest.approx(3, rel=0.1)
    scaled, raw = items_of(logits, gold, ["c"] * 20_000, found), items_of(logits, gold, ["c"] * 20_000)
    assert scaled.accuracy == raw.accuracy and raw.confidence.mean() > scaled.confidence.mean()
    assert 100 * scaled.confidence.mean() == pytest.approx(scaled.accuracy, abs=1)


def test_choices_that_are_not_there() -> None:
    """Minus infinity is no choice: two of three are."""
    found = items_of(np.array([[0.0, 0.0, -np.inf], [1.0, 0.0, 0.0]], np.float32), np.array([0, 1]), ["a", "b"])
    assert found.confidence[0] == 0.5 and found.entropy[0] == pytest.approx(-np.log(2)) and found.accuracy == 50


def test_what_cannot_be_estimated() -> None:
    good = items([0.5, 0.6], [1, 0])
    with pytest.raises(ValueError, match="need labels"):
        expected(items([0.5]), good)
    with pytest.raises(ValueError, match="as many scores"):
        Items(np.ones(2), np.ones(2), None, ["a"])
    with pytest.raises(ValueError, match="not finite"):
        items([np.nan, 0.5])
    with pytest.raises(ValueError, match="one at least"):
        items([])

"""Average thresholded confidence on constructed answers whose accuracy is known, and its intervals in a simulation."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from xtremor.analysis import atc
from xtremor.analysis.atc import (
    ESTIMATORS,
    Expectation,
    Items,
    Learnt,
    Thresholds,
    fit_temperature,
    items_of,
    share_above,
    thresholds,
)
from xtremor.stats.bootstrap import Interval


def estimates(dev: Items, target: Items) -> dict[str, np.ndarray]:
    """Of the items themselves."""
    learnt = Learnt.of(dev, np.ones((1, len(dev.confidence))))
    return atc.estimates(learnt, target, np.ones((1, len(target.confidence))))


def expected(dev: Items, target: Items, replicates: int, level: float = 0.95) -> dict[str, Interval]:
    return Expectation(dev, replicates, level=level).of(target)


def items(scores: list[float], right: list[int] | None = None) -> Items:
    values = np.array(scores)
    return Items(values, values, None if right is None else np.array(right, bool), [str(n) for n in range(len(scores))])


def calibrated(count: int, draw: np.random.Generator, power: float = 1.0, each_cluster: int = 1) -> Items:
    """Binary answers that are right with the probability that they state; a smaller ``power`` is less sure."""
    sure = 1 - 0.5 * draw.random(count) ** power
    right = draw.random(count) < sure
    logits = np.stack([np.log(sure), np.log1p(-sure)], axis=1)
    return items_of(logits, np.where(right, 0, 1), [f"c{n // each_cluster}" for n in range(count)])


def elsewhere(items: Items) -> Items:
    """The same without a cluster of another's."""
    return Items(items.confidence, items.entropy, items.right, [f"other {each}" for each in items.clusters])


def test_by_hand() -> None:
    """Two of five are wrong: the threshold lies between the second and the third score from below."""
    dev = items([0.9, 0.5, 0.8, 0.6, 0.7], [1, 0, 1, 1, 0])
    found = thresholds(dev.confidence, dev.right, np.ones((1, 5)))
    assert found.at[0] == pytest.approx(0.65) and found.below[0] == 0
    target = items([0.4, 0.6, 0.66, 0.99])
    assert share_above(target.confidence, np.ones((1, 4)), found)[0] == 0.5
    assert estimates(dev, target)["atc-confidence"][0] == pytest.approx(50)
    assert estimates(dev, target)["average-confidence"][0] == pytest.approx(100 * (0.4 + 0.6 + 0.66 + 0.99) / 4)


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


def _first(found: Thresholds) -> Thresholds:
    return Thresholds(found.at[:1], found.below[:1])


def test_all_right_and_all_wrong() -> None:
    dev, target = items([0.5, 0.7], [1, 1]), items([0.4, 0.5, 0.6])
    assert estimates(dev, target)["atc-confidence"][0] == pytest.approx(200 / 3)
    assert estimates(items([0.5, 0.7], [0, 0]), target)["atc-entropy"][0] == 0


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
    whole = estimates(dev, target)
    assert whole["average-confidence"][0] == pytest.approx(target.accuracy, abs=1)
    assert whole["confidence-difference"][0] == pytest.approx(target.accuracy, abs=1)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of a calibrated model under equal scores, with three items a cluster: 80% intervals in 120 draws."""
    draw = np.random.default_rng(3)
    hits = dict.fromkeys(("atc-confidence", "average-confidence"), 0)
    for _ in range(120):
        dev, target = calibrated(300, draw, each_cluster=3), elsewhere(calibrated(300, draw, each_cluster=3))
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
    assert found.estimate == pytest.approx(dev.accuracy)
    wider = expected(dev, elsewhere(dev), 300)["confidence-difference"]
    assert found.high - found.low < wider.high - wider.low


def test_english_dev_is_drawn_once_for_all_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    """And neither the other languages nor how much is held at a time change a figure."""
    draw = np.random.default_rng(7)
    dev, targets = calibrated(60, draw, each_cluster=2), [elsewhere(calibrated(n, draw)) for n in (1, 40, 90)]
    alone = [expected(dev, each, 200) for each in targets]
    drawn: list[int] = []
    learn = Learnt.of.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Learnt], items: Items, weights: np.ndarray) -> Learnt:
        drawn.append(len(weights))
        found: Learnt = learn(cls, items, weights)
        return found

    monkeypatch.setattr(Learnt, "of", classmethod(counted))
    monkeypatch.setattr(atc, "BLOCK", 1000)
    together = Expectation(dev, 200)
    for target, own in zip(targets, alone, strict=True):
        found = together.of(target)
        assert all(astuple(found[name]) == pytest.approx(astuple(own[name])) for name in ESTIMATORS)
    assert sum(drawn) == 201 and len(drawn) > 10


def test_what_english_dev_says_varies_with_it() -> None:
    """A replicate of its own for every replicate of the language: both spreads are in the interval."""
    draw = np.random.default_rng(8)
    many = elsewhere(calibrated(20_000, draw))
    width = {
        size: (lambda each: each.high - each.low)(expected(calibrated(size, draw), many, 300)["atc-confidence"])
        for size in (100, 10_000)
    }
    assert width[100] > 5 * width[10_000]


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
        Expectation(items([0.5])).of(good)
    with pytest.raises(ValueError, match="as many scores"):
        Items(np.ones(2), np.ones(2), None, ["a"])
    with pytest.raises(ValueError, match="not finite"):
        items([np.nan, 0.5])
    with pytest.raises(ValueError, match="one at least"):
        items([])

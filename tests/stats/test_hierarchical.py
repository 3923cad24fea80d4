"""The bootstrap over seeds and items: against resampled items, closed forms, and its error rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xtremor.scoring.base import Scorer
from xtremor.scoring.registry import scorer
from xtremor.stats import bootstrap as over_items
from xtremor.stats.halves import split_half
from xtremor.stats.hierarchical import (
    Cell,
    cell,
    crossed_difference,
    fixed_difference,
    interval,
    p_value,
    redrawn_difference,
    resample_items,
)

ACCURACY, CHUNKS = scorer("accuracy"), scorer("chunk_f1")


def official(kind: Scorer, sums: np.ndarray) -> np.ndarray:
    """The first figure."""
    return kind.figures(sums)[kind.values[0]]


def accuracy_cell(right: np.ndarray, clusters: list[str]) -> Cell:
    """A cell of (runs, N) right or wrong."""
    rows = [np.column_stack((each, np.ones(len(each)))) for each in right]
    return cell(rows, clusters, lambda sums: official(ACCURACY, sums))


def test_scores_of_a_replicate_are_those_of_resampled_items() -> None:
    draw = np.random.default_rng(0)
    kinds = ["O", "B-PER", "I-PER", "B-LOC"]
    gold = [draw.choice(kinds, draw.integers(1, 7)).tolist() for _ in range(12)]
    runs = [[[t if draw.random() < 0.7 else "O" for t in each] for each in gold] for _ in range(3)]
    clusters = list("aabbccddeeff")
    made = cell([CHUNKS.statistics(gold, each) for each in runs], clusters, lambda sums: official(CHUNKS, sums))
    found = resample_items({"sw": made}, 30, seed=5, stream="panx")["sw"]
    counts = np.concatenate(list(over_items.draws(6, 30, over_items.generator_of(5, "panx", ["sw"]))))
    for replicate, count in enumerate(counts):
        times = dict(zip("abcdef", count, strict=True))
        rows = [row for row, name in enumerate(clusters) for _ in range(times[name])]
        again = [CHUNKS.score([gold[r] for r in rows], [each[r] for r in rows])["f1"] for each in runs]
        assert found[replicate] == pytest.approx(again, rel=1e-6)


def test_the_spread_over_items_is_that_of_one_bootstrap() -> None:
    draw = np.random.default_rng(1)
    right = (draw.random((1, 400)) < 0.6).astype(float)
    clusters = [str(item // 2) for item in range(400)]
    found = resample_items({"sw": accuracy_cell(right, clusters)}, 500, 3, "x")["sw"][:, 0]
    sample = over_items.Sample(np.column_stack((right[0], np.ones(400))), clusters)
    other = over_items.bootstrap({"sw": sample}, ACCURACY.figures, 500, 3, "x")["sw"]["accuracy"].values
    assert found == pytest.approx(other, rel=1e-6)


def test_languages_with_common_clusters_are_drawn_together_and_absent_items_are_nan() -> None:
    draw = np.random.default_rng(2)
    right = (draw.random((2, 50)) < 0.5).astype(float)
    cells = {
        "en": accuracy_cell(right, [str(i) for i in range(50)]),
        "sw": accuracy_cell(1 - right, [str(i) for i in range(50)]),
        "te": accuracy_cell(right[:, :1], ["0"]),
    }
    found = resample_items(cells, 200)
    assert found["en"] + found["sw"] == pytest.approx(np.full((200, 2), 100), rel=1e-5)
    missing = np.isnan(found["te"][:, 0]).mean()
    # A cluster among fifty is not drawn with chance (49/50)^50.
    assert missing == pytest.approx(0.98**50, abs=0.1)
    assert list(resample_items(dict(reversed(cells.items())), 200)) == ["te", "sw", "en"]
    again = resample_items(dict(reversed(cells.items())), 200)
    assert all(np.array_equal(again[code], found[code], equal_nan=True) for code in cells)


def test_items_that_hit_all_runs_alike_cancel() -> None:
    # Both arms err on the same items: no redraw of items can part them.
    draw = np.random.default_rng(3)
    one = (draw.random(300) < 0.5).astype(float)
    scores = resample_items({"sw": accuracy_cell(np.stack([one] * 4), [str(i) for i in range(300)])}, 300)["sw"]
    assert scores.std() > 1 and not fixed_difference(scores[:, :2], scores[:, 2:]).any()
    assert not redrawn_difference(scores[:, :2], scores[:, 2:], paired=True).any()


def test_redrawn_runs_scatter_as_their_standard_error() -> None:
    draw = np.random.default_rng(4)
    one, two = draw.normal(60, 1, 8), draw.normal(60, 2, 8)
    flat = [np.broadcast_to(each, (20_000, 8)) for each in (one, two)]
    free = redrawn_difference(flat[0], flat[1], paired=False)
    expected = np.sqrt((one.var() + two.var()) / 8)
    assert free.std() == pytest.approx(expected, rel=0.02) and free.mean() == pytest.approx(
        one.mean() - two.mean(), abs=0.03
    )
    pairs = redrawn_difference(flat[0], flat[1], paired=True)
    assert pairs.std() == pytest.approx((one - two).std() / np.sqrt(8), rel=0.02)
    assert np.array_equal(free, redrawn_difference(flat[0], flat[1], paired=False))


def test_expanded_percentiles_are_t_intervals_where_only_runs_scatter() -> None:
    draw = np.random.default_rng(5)
    values = draw.normal(0.5, 1 * np.sqrt(1 - 1 / 6), 400_000) / np.sqrt(6)
    found = interval(values, float(values.mean()), runs=(6,))
    half = stats.t.ppf(0.975, 5) / np.sqrt(6)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.02)
    plain = interval(values, 0.0)
    assert plain.high - plain.low < found.high - found.low
    # p-value and interval agree on where 0 lies.
    edge = values - np.quantile(values, 0.5) + half
    p = p_value(edge, (6,))
    assert p == pytest.approx(0.05, abs=0.004)
    assert p_value(np.array([np.nan, np.nan])) is None


@pytest.mark.parametrize("paired", [False, True])
def test_error_rates_of_ten_seeds(paired: bool) -> None:
    """Runs alone scatter: the expanded bootstrap errs in about 5%, the percentile one more often."""
    draw = np.random.default_rng(6)
    hits = {"expanded": 0, "percentile": 0}
    for study in range(600):
        each = draw.normal(0, 1, (2, 6)) + paired * draw.normal(0, 1, (1, 6))
        flat = [np.broadcast_to(arm, (400, 6)) for arm in each]
        found = redrawn_difference(flat[0], flat[1], paired, study)
        for name, runs in (("expanded", (6,) if paired else (6, 6)), ("percentile", ())):
            one = interval(found, 0.0, runs=runs)
            hits[name] += one.low > 0 or one.high < 0
    assert 0.025 <= hits["expanded"] / 600 <= 0.085
    assert hits["percentile"] > hits["expanded"]


def items_of_two_arms(draw: np.random.Generator, taste: float, runs: int, seed_sd: float) -> np.ndarray:
    """(arms, runs, 200 items): scores with noise 1 on every item; ``taste`` is what an arm makes of an item."""
    shape = (2, runs, 200)
    arm, run = draw.normal(0, taste, (2, 1, 200)), draw.normal(0, seed_sd, (2, runs, 1))
    return draw.normal(0, 1, (1, 1, 200)) + arm + run + draw.normal(0, 1, shape)


def both_ways(scores: np.ndarray, seed: int, paired: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Replicates of the difference: both levels resampled, and noise counted once."""
    counts = np.random.default_rng(seed).multinomial(200, np.full(200, 1 / 200), 400) / 200
    drawn = [counts @ arm.T for arm in scores]
    seen = scores[0].mean(1), scores[1].mean(1)
    return redrawn_difference(*drawn, paired, seed), crossed_difference(*drawn, seen, paired, seed)


@pytest.mark.parametrize(("taste", "seed_sd", "paired"), [(0.0, 0.0, False), (0.0, 0.1, True), (1.0, 0.05, False)])
def test_chance_on_items_is_counted_once(taste: float, seed_sd: float, paired: bool) -> None:
    draw = np.random.default_rng(8)
    runs, hits, variances, found = 10, 0, [], []
    for study in range(250):
        scores = items_of_two_arms(draw, taste, runs, seed_sd)
        both, once = both_ways(scores, study, paired)
        variances.append((both.var(), once.var()))
        found.append(scores[0].mean() - scores[1].mean())
        each = interval(once, 0.0, runs=(runs,) if paired else (runs, runs))
        hits += each.low > 0 or each.high < 0
    # Runs' scatter and their noise on items over runs x items, an arm's taste over items; two arms.
    truth = 2 * (seed_sd**2 / runs + 1 / runs / 200 + taste**2 / 200)
    assert np.mean([once for _, once in variances]) == pytest.approx(truth, rel=0.15)
    assert np.var(found) == pytest.approx(truth, rel=0.25)
    assert 0.02 <= hits / 250 <= 0.09
    if not seed_sd:
        assert np.mean([both for both, _ in variances]) > 2.5 * truth


def test_cells_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="items in every run"):
        accuracy_cell(np.zeros((2, 3)), ["a", "b"])
    with pytest.raises(ValueError, match="items in every run"):
        accuracy_cell(np.zeros((2, 0)), [])
    cells = {"a": accuracy_cell(np.zeros((2, 2)), ["x", "y"]), "b": accuracy_cell(np.zeros((3, 2)), ["x", "y"])}
    with pytest.raises(ValueError, match="same runs"):
        resample_items(cells, 100)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=30, max_size=60), st.floats(-10, 10))
def test_intervals_move_with_their_values(values: list[float], shift: float) -> None:
    each = np.array(values)
    one, other = interval(each, 0.0, runs=(5,)), interval(each + shift, shift, runs=(5,))
    assert (other.low, other.high) == pytest.approx((one.low + shift, one.high + shift), abs=1e-9)


def test_halves_of_one_arm() -> None:
    """Runs that scatter more than items can explain: the customary bootstrap is fooled, the others are not."""
    draw = np.random.default_rng(7)
    runs, languages, items = 8, 3, 300
    chance = 0.6 + draw.normal(0, 0.04, (runs, 1)) + draw.normal(0, 0.01, (runs, languages))
    right = (draw.random((runs, languages, items)) < chance[..., None]).astype(float)
    cells = {f"l{code}": accuracy_cell(right[:, code], [f"{code} {i}" for i in range(items)]) for code in range(3)}
    redrawn = np.stack(list(resample_items(cells, 300).values()), axis=2)
    rates = {(each.test, each.compared): each for each in split_half(100 * right.mean(2), redrawn)}
    assert rates["Welch's t-test", "halves of 4"].comparisons == 35
    # Of 35 splits the two most extreme are p <= 0.057; one in 35 is 2.9%.
    assert rates["permutation test", "halves of 4"].mean == pytest.approx(1 / 35)
    assert rates["Welch's t-test", "halves of 4"].mean <= 0.15
    assert rates["bootstrap over items alone (customary)", "single runs"].comparisons == 28
    assert rates["bootstrap over items alone (customary)", "single runs"].mean > 0.3
    assert rates["bootstrap over items alone (customary)", "halves of 4"].mean > 0.3
    assert rates["bootstrap over seeds and items", "halves of 4"].mean <= 0.15
    assert len({each.test for each in split_half(100 * right.mean(2))}) == 2
    some = split_half(100 * right.mean(2)[:7], splits=10)
    assert some[0].comparisons == 10 and some[0].compared == "halves of 3"
    with pytest.raises(ValueError, match="four runs"):
        split_half(np.zeros((3, 2)))

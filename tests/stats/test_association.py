"""Correlation of a gain with a fact about languages: its value, its interval over runs and languages, its limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xtremor.stats.association import Association, association


def drawn(
    seed: int, runs: int = 6, languages: int = 14, slope: float = 0.0, shared: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of treatment and control, and a fact: languages differ in what they gain, runs err in each.

    ``shared`` makes a run's error rise with the fact, as seeds do that bear on far languages alike.
    """
    dice = np.random.default_rng(seed)
    fact = dice.normal(size=languages)
    gain = slope * fact + dice.normal(0, 0.3, languages)
    error = dice.normal(0, 0.6, (runs, languages)) + shared * dice.normal(size=(runs, 1)) * fact
    return gain + error, dice.normal(0, 0.6, (runs, languages)), fact


def found(scores: tuple[np.ndarray, np.ndarray, np.ndarray], paired: bool = True, null: float = 0.0) -> Association:
    count = scores[0].shape[1]
    result = association(scores[0], scores[1], paired, scores[2], range(count), ["t"] * count, null)
    assert result is not None
    return result


def test_the_coefficient_is_spearmans_and_a_mean_over_tasks() -> None:
    one, two, fact = drawn(1)
    own = found((one, two, fact))
    expected = stats.spearmanr(one.mean(0) - two.mean(0), fact).statistic
    assert own.rho == pytest.approx(expected) and (own.languages, own.runs) == (14, (6,))
    assert own.low < own.rho < own.high and found((one, two, fact), False).runs == (6, 6)
    # Monotone changes of the fact, and of the order of test sets, change nothing.
    turn = np.random.default_rng(0).permutation(14)
    again = found((one[:, turn], two[:, turn], np.exp(fact[turn])))
    assert [again.rho, again.low, again.p] == pytest.approx([own.rho, own.low, own.p])
    tasks = ["a"] * 7 + ["b"] * 7
    both = association(one, two, True, fact, [*range(7), *range(7)], tasks)
    halves = [stats.spearmanr((one - two).mean(0)[part], fact[part]).statistic for part in (slice(7), slice(7, 14))]
    assert both is not None and both.rho == pytest.approx(np.mean(halves)) and both.languages == 7


def test_interval_and_test_agree() -> None:
    for seed in range(5):
        own = found(drawn(seed, slope=0.3))
        for end in (own.low, own.high):
            assert found(drawn(seed, slope=0.3), null=end).p == pytest.approx(0.05)


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_it_holds_its_level_where_languages_alone_would_not(shared: float) -> None:
    """Seeds that bear on far languages alike: the p-value over languages is wrong, this one is not."""
    scores = [drawn(seed, shared=shared) for seed in range(150)]
    ours = np.mean([found(each).p < 0.05 for each in scores])
    usual = np.mean([stats.spearmanr((one - two).mean(0), fact).pvalue < 0.05 for one, two, fact in scores])
    assert ours <= 0.08
    assert (usual > 0.12) == (shared > 0)


def test_it_finds_what_is_there() -> None:
    assert np.mean([found(drawn(seed, 10, 30, slope=0.6)).p < 0.05 for seed in range(40)]) > 0.9


def test_none_where_nothing_can_be_said() -> None:
    one, two, fact = drawn(1, languages=5)
    assert association(one, two, True, fact, range(5), ["t"] * 5) is None
    one, two, fact = drawn(1)
    assert association(one[:1], two[:1], True, fact, range(14), ["t"] * 14) is None
    assert association(one, two, True, np.ones(14), range(14), ["t"] * 14) is None
    # Every run and every language say the same: no width is no certainty.
    exact = np.tile(fact, (3, 1))
    assert association(exact, 0 * exact, True, fact, range(14), ["t"] * 14) is None

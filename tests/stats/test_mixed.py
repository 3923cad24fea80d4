"""The mixed model: balanced tables have closed forms; what cannot be fitted is refused in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from xtremor.errors import UserError
from xtremor.stats import mixed
from xtremor.stats.mixed import Score, mixed_model


def table(runs: int, languages: int, arm: float, draw: int, slope: float = 0.5, tasks: int = 1) -> list[Score]:
    """Balanced scores: languages scatter by 15, runs by 0.4, single scores by 0.6."""
    dice = np.random.default_rng(draw)
    rows = []
    for task in range(tasks):
        level, gain = dice.normal(60, 15, languages), arm + dice.normal(0, slope, languages)
        for treated in (False, True):
            for run in range(runs):
                shared = dice.normal(0, 0.4)
                for code in range(languages):
                    score = level[code] + treated * gain[code] + shared + dice.normal(0, 0.6)
                    rows.append(Score(treated, f"{treated} {run}", f"t{task}", f"l{code}", score, "ab"[code % 2]))
    return rows


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'xtremor\[stats\]'"):
        mixed_model(table(4, 6, 0, 0))


def test_tables_that_are_too_small_or_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("statsmodels")
    with pytest.raises(UserError, match="2 runs of an arm in 6 languages"):
        mixed_model(table(2, 6, 0, 0))
    with pytest.raises(UserError, match="4 runs of an arm in 3 languages"):
        mixed_model(table(4, 3, 0, 0))
    monkeypatch.setattr(mixed, "MOST_ROWS", 10)
    with pytest.raises(UserError, match="restrict it with --task"):
        mixed_model(table(4, 6, 0, 0))


def test_a_balanced_table_gives_the_difference_of_means() -> None:
    pytest.importorskip("statsmodels")
    rows = table(6, 8, 1.0, 1)
    found = mixed_model(rows)
    means = [np.mean([row.score for row in rows if row.treated is side]) for side in (True, False)]
    assert found.arm.estimate == pytest.approx(means[0] - means[1], abs=1e-3)
    assert found.sds["residual"] == pytest.approx(0.6, abs=0.12) and found.sds["run"] < 1
    # What the variances say that the error must be.
    sds = found.sds
    error = 2 * sds["run"] ** 2 / 6 + 2 * sds["residual"] ** 2 / 48 + sds["arm in language"] ** 2 / 8
    assert found.arm.error == pytest.approx(np.sqrt(error), rel=0.1)
    assert found.formula == "score ~ arm * stratum + (1 | language) + (0 + arm | language) + (1 | run)"
    assert {"intercept", "arm", "stratum b", "arm in stratum b"} == set(found.terms)


def test_tasks_are_terms_of_their_own() -> None:
    pytest.importorskip("statsmodels")
    found = mixed_model(table(4, 5, 0.0, 2, tasks=2))
    assert found.formula.startswith("score ~ arm * stratum + task + arm:task")
    assert "arm in task t1" in found.terms and "run in task" in found.sds


@pytest.mark.slow
def test_without_an_effect_it_rarely_finds_one() -> None:
    """The run is in the model: false findings stay far from the third that a model without it has."""
    pytest.importorskip("statsmodels")
    found = [mixed_model(table(8, 8, 0.0, draw, slope=0.0)).arm.p <= 0.05 for draw in range(150)]
    assert np.mean(found) < 0.13

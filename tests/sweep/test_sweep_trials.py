"""Equal trials: the same number for every method, none trained twice, and what fills the gaps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.sweep.space import Axis
from xtremor.sweep.trials import Trial, filled, make_trials

RADIUS = Axis("radius", (0.001, 0.003, 0.01))
RATE = Axis("learning_rate", (5e-5, 1e-4))
STEPS = Axis("steps", (1, 3))
DRAWS = Axis("draws", (1, 2, 4))
EPOCHS = Axis("epochs", (1.0, 2.0))
NORM = Axis("norm", ("l2", "linf"))


def axes_of(method: str, chosen: list[Axis]) -> list[Axis]:
    """As methods read them."""
    read = {
        "plain": (RATE, EPOCHS),
        "noise": (RADIUS, NORM, DRAWS, RATE, EPOCHS),
        "pgd": (RADIUS, NORM, STEPS, RATE, EPOCHS),
    }
    return [axis for axis in chosen if axis in read[method]]


subsets = st.lists(st.sampled_from([RADIUS, RATE, STEPS, DRAWS, EPOCHS, NORM]), unique=True, max_size=4)


@given(subsets, st.integers(1, 3), st.none() | st.integers(1, 9), st.integers(0, 5))
def test_every_method_has_as_many_trials_and_none_is_made_twice(
    chosen: list[Axis], seeds: int, count: int | None, draw_seed: int
) -> None:
    axes = {method: axes_of(method, chosen) for method in ("plain", "noise", "pgd")}
    trials = make_trials(axes, seeds, count, draw_seed)
    sizes = {len(own) for own in trials.values()}
    largest = max(math.prod(len(axis.values) for axis in own) for own in axes.values())
    assert sizes == {largest if count is None else count}
    for method, own in trials.items():
        assert [trial.number for trial in own] == list(range(1, len(own) + 1))
        runs = [(trial.point, seed) for trial in own for seed in trial.seeds]
        assert len(set(runs)) == len(runs) == len(own) * seeds
        assert all([name for name, _ in trial.point] == [axis.name for axis in axes[method]] for trial in own)
        for trial in own:
            if trial.repeats is not None:
                first = own[trial.repeats - 1]
                assert first.point == trial.point and first.repeats is None and first.number < trial.number
            elif count is None:
                # Candidates of a grid share their seeds, in all methods.
                assert trial.seeds == tuple(range(1, seeds + 1))


def points(trials: list[Trial]) -> list[dict[str, object]]:
    return [dict(trial.point) for trial in trials]


def test_the_whole_grid_is_there() -> None:
    trials = make_trials({"plain": [RATE], "pgd": [RADIUS, RATE]}, 1)
    assert points(trials["pgd"]) == [
        {"radius": radius, "learning_rate": rate} for radius in RADIUS.values for rate in RATE.values
    ]
    assert points(trials["plain"])[:2] == [{"learning_rate": rate} for rate in RATE.values]


def test_a_method_without_a_radius_gets_values_between_those_of_what_it_reads() -> None:
    plain = make_trials({"plain": [RATE], "pgd": [RADIUS, RATE]}, 2)["plain"]
    rates = [point["learning_rate"] for point in points(plain)]
    assert rates == [5e-5, 1e-4, 7.07e-5, 5.95e-5, 8.41e-5, 5.45e-5]
    assert {trial.seeds for trial in plain} == {(1, 2)}


def test_a_method_that_reads_nothing_gets_further_seeds_which_repeat() -> None:
    trials = make_trials({"plain": [], "pgd": [RADIUS]}, 2)
    assert [trial.seeds for trial in trials["plain"]] == [(1, 2), (3, 4), (5, 6)]
    assert [trial.repeats for trial in trials["plain"]] == [None, 1, 1]
    assert [trial.repeats for trial in trials["pgd"]] == [None] * 3


def test_more_training_is_no_filling() -> None:
    """Epochs between the named ones would change how long plain trains beside the others."""
    plain = make_trials({"plain": [EPOCHS], "pgd": [RADIUS, EPOCHS]}, 1)["plain"]
    assert [point["epochs"] for point in points(plain)] == [1.0, 2.0] * 3
    assert [trial.repeats for trial in plain] == [None, None, 1, 2, 1, 2]
    assert [trial.seeds for trial in plain] == [(1,), (1,), (2,), (2,), (3,), (3,)]


def test_draws_of_one_number_are_alike_in_all_methods() -> None:
    radius, rate = Axis("radius", (0.001, 0.1), True), Axis("learning_rate", (1e-5, 1e-3), True)
    trials = make_trials({"plain": [rate], "noise": [radius, rate], "pgd": [STEPS, radius, rate]}, 2, 5, 3)
    for plain, noise, pgd in zip(*trials.values(), strict=True):
        assert plain.seeds == noise.seeds == pgd.seeds
        assert dict(plain.point).items() <= dict(noise.point).items() <= dict(pgd.point).items()
    assert len({trial.seeds for trial in trials["pgd"]}) == 5
    longer = make_trials({"pgd": [STEPS, radius, rate]}, 2, 7, 3)["pgd"]
    assert longer[:5] == trials["pgd"]


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=5, unique=True), st.integers(2, 20))
def test_filled_keeps_what_was_named_and_stays_inside(values: list[float], wanted: int) -> None:
    found = filled(values, wanted)
    assert found[: len(values)] == tuple(values) and len(found) == max(wanted, len(values))
    assert min(found) == min(values) and max(found) == max(values)


@pytest.mark.parametrize(
    ("values", "wanted", "found"),
    [((0.0, 0.2), 4, (0.0, 0.2, 0.1, 0.05)), ((0.01, 1.0), 3, (0.01, 1.0, 0.1)), ((1.0, 1.0001), 3, None)],
)
def test_filled_values(values: tuple[float, ...], wanted: int, found: tuple[float, ...] | None) -> None:
    made = filled(values, wanted)
    assert len(set(made)) == wanted
    if found is not None:
        assert made == pytest.approx(found)

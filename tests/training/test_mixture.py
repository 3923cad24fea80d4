"""Several tasks at once: the three samplings by hand, and an order that is a function of seed and update."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.training.mixture import MixedOrder, Mixing

UNITS = np.array([900, 90, 10])
SIZES = {"a": 40, "b": 23, "c": 5}
LENGTHS = {task: np.random.default_rng(units).integers(3, 30, units) for task, units in SIZES.items()}
CAPPED = Mixing("capped", cap=10)


def order(mixing: Mixing = CAPPED, seed: int = 1, epochs: float = 6, batch: int = 4) -> MixedOrder:
    return MixedOrder(LENGTHS, mixing, batch, epochs, seed)


def batches(of: MixedOrder, done: int = 0) -> list[list[int]]:
    return [rows.tolist() for rows in of.batches(done)]


@pytest.mark.parametrize(
    ("mixing", "expected"),
    [
        (Mixing(), [0.9, 0.09, 0.01]),
        (Mixing("capped", cap=90), [90 / 190, 90 / 190, 10 / 190]),
        (Mixing("capped", cap=1), [1 / 3] * 3),
        (Mixing("temperature", temperature=2.0), [30 / (30 + 90**0.5 + 10**0.5), None, None]),
        (Mixing("temperature", temperature=1.0), [0.9, 0.09, 0.01]),
        (Mixing("temperature", temperature=1e9), [1 / 3] * 3),
        (Mixing("temperature", temperature=0.001), [1, 0, 0]),
    ],
)
def test_probabilities_by_hand(mixing: Mixing, expected: list[float | None]) -> None:
    found = mixing.probabilities(UNITS)
    assert found.sum() == pytest.approx(1)
    for value, wanted in zip(found, expected, strict=True):
        assert wanted is None or value == pytest.approx(wanted, abs=1e-6)


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=8), st.integers(1, 10**7), st.floats(0.01, 1e6))
def test_probabilities_add_up_and_a_larger_task_is_never_drawn_less(units: list[int], cap: int, t: float) -> None:
    for mixing in (Mixing(), Mixing("capped", cap=cap), Mixing("temperature", temperature=t)):
        found = mixing.probabilities(np.array(units))
        assert found.sum() == pytest.approx(1) and (found >= 0).all()
        assert (np.diff(found[np.argsort(units)]) >= 0).all()


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"sampling": "capt", "cap": 3}, r"unknown sampling 'capt' \(nearest: capped"),
        ({"sampling": "capped"}, "--sampling capped needs --sampling-cap"),
        ({"sampling": "temperature"}, "--sampling temperature needs --sampling-temperature"),
        ({"cap": 3}, "--sampling-cap is read by --sampling capped alone"),
        ({"sampling": "capped", "cap": 3, "temperature": 2.0}, "--sampling-temperature is read by"),
        ({"sampling": "capped", "cap": 0}, "--sampling-cap must be at least 1, not 0"),
        ({"sampling": "temperature", "temperature": 0.0}, "must be a number greater than 0, not 0.0"),
        ({"sampling": "temperature", "temperature": float("inf")}, "not inf"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given_: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Mixing(**given_)


def test_an_epoch_is_as_many_units_as_count() -> None:
    assert order(Mixing(), epochs=1).updates == 17
    assert order(CAPPED, epochs=1).updates == 7
    assert order(Mixing("temperature", temperature=2.0), epochs=2).updates == 34


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    assert batches(order()) == batches(order())
    assert order(seed=1).sequence.tolist() != order(seed=2).sequence.tolist()
    # Of a task that is drawn as often, other rows.
    first, second = (next(rows for rows in batches(order(seed=seed)) if rows[0] < 40) for seed in (1, 2))
    assert first != second


@pytest.mark.parametrize("done", [1, 7, 20, 41, 42])
def test_a_resumed_run_sees_what_it_would_have_seen(done: int) -> None:
    one = order()
    assert one.updates == 42
    assert batches(one, done) == batches(one)[done:]


def test_a_batch_is_of_one_task_and_the_drawn_counts_are_those_made() -> None:
    one = order()
    found = batches(one)
    places = [{"abc"[int(np.searchsorted(one.offsets, unit, side="right")) - 1] for unit in rows} for rows in found]
    assert all(len(place) == 1 for place in places) and len(found) == one.updates
    made = [place.pop() for place in places]
    assert made == [one.about(update)["task"] for update in range(one.updates)]
    assert one.drawn == {task: made.count(task) for task in "abc"} and sum(one.drawn.values()) == one.updates


def test_every_epoch_of_a_task_holds_all_its_rows_once_and_is_shuffled_anew() -> None:
    one = order(epochs=40)
    of_b = [rows for rows in batches(one) if 40 <= rows[0] < 63]
    # 23 units in batches of 4: six a pass.
    epochs = [list(itertools.chain(*of_b[start : start + 6])) for start in range(0, len(of_b) - 5, 6)]
    assert len(epochs) > 5 and all(sorted(epoch) == list(range(40, 63)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def test_tasks_are_drawn_as_often_as_they_should_be() -> None:
    one = MixedOrder({"a": np.ones(3000), "b": np.ones(1000)}, Mixing(), 1, 5, 3)
    share = one.drawn["a"] / one.updates
    assert one.updates == 20_000 and share == pytest.approx(0.75, abs=4 * (0.75 * 0.25 / 20_000) ** 0.5)
    # Not in turns: the same task follows itself as often as chance has it.
    again = np.mean(one.sequence[1:] == one.sequence[:-1])
    assert again == pytest.approx(0.75**2 + 0.25**2, abs=0.02)

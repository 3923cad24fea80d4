"""Batches: every row once an epoch, a function of (seed, epoch), resumable anywhere, rows of like length together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremor.training.batches import batches_from, epoch_batches, length_sorted, parts_of, updates_in

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=120).map(np.array)
SIZES = st.integers(1, 20)
quickly = settings(max_examples=40, deadline=None)


def same(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return len(left) == len(right) and all(map(np.array_equal, left, right))


@quickly
@given(LENGTHS, SIZES, st.integers(0, 9), st.integers(0, 9))
def test_an_epoch_has_every_row_once(lengths: np.ndarray, size: int, seed: int, epoch: int) -> None:
    batches = epoch_batches(lengths, size, seed, epoch)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert sum(len(batch) != size for batch in batches) <= 1
    assert same(batches, epoch_batches(lengths, size, seed, epoch))


def test_epochs_and_seeds_differ() -> None:
    lengths = np.arange(1, 65)
    orders = {
        np.concatenate(epoch_batches(lengths, 8, seed, epoch)).tobytes() for seed in range(3) for epoch in range(3)
    }
    assert len(orders) == 9


@quickly
@given(LENGTHS, SIZES, st.floats(0.1, 3), st.data())
def test_a_resumed_run_sees_what_it_would_have_seen(
    lengths: np.ndarray, size: int, epochs: float, data: st.DataObject
) -> None:
    updates = updates_in(len(lengths), size, epochs)
    whole = list(batches_from(lengths, size, 3, updates))
    assert len(whole) == updates
    done = data.draw(st.integers(0, updates))
    assert same(list(batches_from(lengths, size, 3, updates, done)), whole[done:])


def test_fractional_epochs() -> None:
    """Two and a half epochs of four batches are ten updates, the last two the beginning of the third epoch."""
    lengths = np.arange(1, 17)
    assert updates_in(16, 4, 2.5) == 10
    whole = list(batches_from(lengths, 4, 1, 10))
    for epoch in (0, 1):
        assert same(whole[4 * epoch : 4 * epoch + 4], epoch_batches(lengths, 4, 1, epoch))
    assert same(whole[8:], epoch_batches(lengths, 4, 1, 2)[:2])


@pytest.mark.parametrize(
    ("rows", "size", "epochs", "updates"),
    [(1, 32, 0.01, 1), (33, 32, 1, 2), (70, 1, 0.1, 7), (100, 10, 0.25, 3), (3, 1, 1.1, 4)],
)
def test_numbers_of_updates(rows: int, size: int, epochs: float, updates: int) -> None:
    assert updates_in(rows, size, epochs) == updates


def test_bucketing_by_length_saves_padding() -> None:
    lengths = np.random.default_rng(0).geometric(0.05, 2000)

    def padded(batches: list[np.ndarray]) -> int:
        return sum(int(lengths[batch].max()) * len(batch) for batch in batches)

    shuffled = np.random.default_rng(1).permutation(2000)
    at_random = padded([shuffled[at : at + 32] for at in range(0, 2000, 32)])
    bucketed = padded(epoch_batches(lengths, 32, 1, 0))
    assert at_random > 2.5 * lengths.sum() and bucketed < 1.3 * lengths.sum()


def test_long_and_short_batches_come_in_any_order() -> None:
    lengths = np.arange(1, 1025)
    means = [lengths[batch].mean() for batch in epoch_batches(lengths, 16, 1, 0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


@quickly
@given(LENGTHS, st.integers(1, 300))
def test_sorted_batches_cover_all_rows_within_the_budget(lengths: np.ndarray, budget: int) -> None:
    batches = list(length_sorted(lengths, budget))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= budget
    assert all(lengths[a].min() >= lengths[b].max() for a, b in itertools.pairwise(batches))


def test_no_rows_make_no_batches() -> None:
    assert list(length_sorted(np.array([], dtype=np.int64), 100)) == []


def test_an_update_is_split_by_parts_and_by_tokens() -> None:
    lengths = np.array([4, 4, 9, 1, 30, 2])
    rows = np.arange(6)

    def split(parts: int, tokens: int | None) -> list[list[int]]:
        return [part.tolist() for part in parts_of(rows, lengths, parts, tokens)]

    assert split(1, None) == [[0, 1, 2, 3, 4, 5]] and split(2, None) == [[0, 1, 2], [3, 4, 5]]
    assert split(1, 10) == [[0, 1], [2, 3], [4], [5]]
    assert split(2, 17) == [[0, 1, 2], [3], [4], [5]]
    assert split(1, 100) == [[0, 1, 2, 3, 4, 5]]

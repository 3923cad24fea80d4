"""The orthogonal map: known rotations, scipy's solution, the identity, and what too few rows leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.parallel import WIDTH, cloud, rotation
from scipy.linalg import orthogonal_procrustes

from xtremor.alignment.procrustes import chosen_rows, fit, orthogonal, residual


def test_a_known_rotation_is_recovered() -> None:
    english, turn = cloud(50), rotation()
    found = fit(english @ turn.T, english)
    assert np.allclose(found.matrix, turn, atol=1e-12)
    assert np.allclose(found(english @ turn.T), english, atol=1e-12)
    assert residual(found, english @ turn.T, english) < 1e-12 < residual(None, english @ turn.T, english)


def test_a_rotation_and_a_shift_need_centring() -> None:
    english, turn, shift = cloud(50), rotation(), np.arange(WIDTH)
    other = english @ turn.T + shift
    centred = fit(other, english, "procrustes-centred")
    assert np.allclose(centred.matrix, turn, atol=1e-12) and np.allclose(centred(other), english, atol=1e-12)
    assert residual(fit(other, english), other, english) > 1
    # A shift alone is found by means alone.
    moved = fit(english + shift, english, "centring")
    assert np.array_equal(moved.matrix, np.eye(WIDTH)) and np.allclose(moved(english + shift), english, atol=1e-12)


def test_noisy_rows_give_scipys_solution() -> None:
    draw = np.random.default_rng(3)
    english = cloud(200)
    other = english @ rotation(5).T + draw.normal(size=english.shape)
    matrix, _ = orthogonal_procrustes(other, english)
    assert np.allclose(orthogonal(other, english), matrix, atol=1e-10)
    assert np.allclose(matrix.T @ matrix, np.eye(WIDTH), atol=1e-12)


@pytest.mark.parametrize("rows", [1, 3, WIDTH - 1, 40])
def test_equal_spaces_are_left_alone_however_few_rows(rows: int) -> None:
    same = cloud(rows)
    for kind in ("procrustes", "procrustes-centred"):
        found = fit(same, same, kind)
        assert np.allclose(found.matrix, np.eye(WIDTH), atol=1e-9), kind
        assert found.turned < 1e-8


@pytest.mark.parametrize("rows", [1, 3, 6])
def test_of_all_solutions_the_nearest_to_the_identity(rows: int) -> None:
    """Against any other minimiser: what the rows leave open is turned further by it."""
    english, turn = cloud(rows, off=0.0), rotation()
    other = english @ turn.T
    found = fit(other, english).matrix
    assert np.allclose(found @ found.T, np.eye(WIDTH), atol=1e-10) and np.allclose(other @ found, english, atol=1e-10)
    near = np.linalg.norm(found - np.eye(WIDTH))
    free = np.linalg.svd(other)[2][rows:].T
    for seed in range(20):
        inside = np.linalg.qr(np.random.default_rng(seed).normal(size=(WIDTH - rows, WIDTH - rows)))[0]
        rival = (np.eye(WIDTH) - free @ free.T + free @ inside @ free.T) @ found
        assert np.allclose(other @ rival, english, atol=1e-10)
        assert np.linalg.norm(rival - np.eye(WIDTH)) >= near - 1e-10


def test_an_identity_moves_no_bit() -> None:
    same = np.eye(WIDTH)
    found = fit(same, same)
    vectors = cloud(20).astype(np.float32)
    assert np.array_equal(found.matrix, same) and found(vectors).dtype == np.float32
    assert np.array_equal(found(vectors), vectors)


def test_fewer_rows_are_a_part_of_more() -> None:
    few, many = (set(chosen_rows(100, rows, 4).tolist()) for rows in (10, 40))
    assert len(few) == 10 and few < many and few != set(chosen_rows(100, 10, 5).tolist())
    without = chosen_rows(100, 40, 4, sorted(few))
    assert few.isdisjoint(without.tolist()) and len(without) == 40
    assert len(chosen_rows(100, None, 4, [7])) == 99


@pytest.mark.parametrize(
    ("other", "english", "kind"),
    [
        (cloud(3), cloud(4), "procrustes"),
        (cloud(0), cloud(0), "procrustes"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "centring"),
        (cloud(3), cloud(3), "rotation"),
    ],
)
def test_what_cannot_be_fitted(other: np.ndarray, english: np.ndarray, kind: str) -> None:
    with pytest.raises(ValueError, match=r"expected|finite|no such"):
        fit(other, english, kind)

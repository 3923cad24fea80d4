"""Debiased CKA and anisotropy from sums, against the same from whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.parallel import WIDTH, cloud, rotation

from xtremor.analysis.moments import Moments


def in_memory(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al. 2012, equation 5, from the kernels."""

    def hsic(one: np.ndarray, two: np.ndarray) -> float:
        n = len(one)
        k, m = ((each - each.mean(0)) @ (each - each.mean(0)).T for each in (one, two))
        np.fill_diagonal(k, 0)
        np.fill_diagonal(m, 0)
        cross = k.sum(0) @ m.sum(0)
        return np.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * cross / (n - 2)

    return hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y))


def of(x: np.ndarray, y: np.ndarray, chunk: int = 7) -> Moments:
    found = Moments()
    for start in range(0, len(x), chunk):
        found.add(x[start : start + chunk, None], y[start : start + chunk, None])
    return found


@pytest.mark.parametrize("count", [4, 9, 50])
def test_cka_from_sums_is_that_of_kernels(count: int) -> None:
    x = cloud(count, off=50)
    y = x @ np.random.default_rng(3).normal(size=(WIDTH, 5)) + np.random.default_rng(4).normal(size=(count, 5))
    assert of(x, y).cka()[0] == pytest.approx(in_memory(x, y), rel=1e-8)


def test_anisotropy_from_sums_is_the_mean_over_pairs() -> None:
    x, y = cloud(30), cloud(30, 5, off=-1)
    found = of(x, y).anisotropy()
    for each, value in zip((x, y), found, strict=True):
        unit = each / np.linalg.norm(each, axis=1, keepdims=True)
        pairs = (unit @ unit.T)[~np.eye(30, dtype=bool)]
        assert value[0] == pytest.approx(pairs.mean(), rel=1e-9)


def test_cka_sees_neither_rotation_nor_scale_nor_place() -> None:
    x = cloud(25)
    assert of(x, 3 * x @ rotation() + 8).cka()[0] == pytest.approx(1)


def test_it_is_near_nothing_for_unrelated_rows_in_many_dimensions() -> None:
    """The biased figure would be near 1 where dimensions outnumber rows."""
    draw = np.random.default_rng(0)
    found = [float(of(draw.normal(size=(20, 100)), draw.normal(size=(20, 100))).cka()[0]) for _ in range(40)]
    assert abs(np.mean(found)) < 0.05


def test_three_rows_are_too_few() -> None:
    assert np.isnan(of(cloud(3), cloud(3)).cka()[0])

"""The orthogonal map that takes the vectors of translations onto those of their English originals.

R = argmin over orthogonal R of ||X R - Y||_F = U V^T, where U S V^T is the singular value decomposition of X^T Y
(Schönemann 1966; for word vectors Smith et al. 2017, Artetxe et al. 2016, Conneau et al. 2018). Rows of X are vectors
of the language, those of Y of English.

With fewer rows than dimensions, or in directions in which the rows do not vary, the minimum is reached by many R. Of
those we take the one nearest to the identity in the Frobenius norm: what the rows say nothing about stays where it is,
so that the number of rows can be varied down to none, which is the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# What is fitted: R alone; R between the spaces with their means taken off; the means alone, R the identity, which is
# the control that tells what a rotation adds to a shift (Libovický et al. 2020 take off each language's mean).
KINDS = ("procrustes", "procrustes-centred", "centring")
# Singular values below this share of the largest are rounding of vectors in float32.
NOISE = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Mapping:
    """x -> (x - origin) R + target, for row vectors.

    Attributes:
        matrix: (H, H) float64, orthogonal.
        origin, target: (H,) float64; zeros where nothing is centred.
    """

    matrix: np.ndarray
    origin: np.ndarray
    target: np.ndarray

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """(N, H) -> (N, H), in the precision of ``vectors``."""
        kind = vectors.dtype
        moved = (vectors - self.origin.astype(kind)) @ self.matrix.astype(kind)
        return np.asarray(moved + self.target.astype(kind))

    @property
    def turned(self) -> float:
        """||R - I||_F / sqrt(2 H): 0 where nothing is turned, 1 for directions that are turned at random."""
        width = len(self.matrix)
        return float(np.linalg.norm(self.matrix - np.eye(width)) / np.sqrt(2 * width))


def fit(other: np.ndarray, english: np.ndarray, kind: str = "procrustes") -> Mapping:
    """The map of a language into English.

    Args:
        other: (N, H) vectors of its texts.
        english: (N, H), row i of the text that row i of ``other`` translates.
        kind: one of `KINDS`.

    Raises:
        ValueError: shapes differ, a number is not finite, there is no row, or no such kind.
    """
    x, y = np.asarray(other, np.float64), np.asarray(english, np.float64)
    if x.shape != y.shape or x.ndim != 2 or not len(x):
        raise ValueError(f"expected as many vectors of one width on both sides, got {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a vector is not finite")
    if kind not in KINDS:
        raise ValueError(f"no such kind of map: {kind}")
    if kind == "procrustes":
        zero = np.zeros(x.shape[1])
        return Mapping(orthogonal(x, y), zero, zero)
    origin, target = x.mean(0), y.mean(0)
    matrix = np.eye(x.shape[1]) if kind == "centring" else orthogonal(x - origin, y - target)
    return Mapping(matrix, origin, target)


def orthogonal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(H, H): the orthogonal R that minimises ||X R - Y||_F, of several the one nearest to the identity.

    With U and V parted into directions whose singular value is above rounding (1) and the others (0), minimisers are
    U1 V1^T + U0 Q V0^T for some orthogonal Q, and trace(R) is largest where Q solves the same problem for U0 and V0.
    """
    u, values, vt = np.linalg.svd(x.T @ y)
    known = int((values > NOISE * values[0]).sum()) if values[0] > 0 else 0
    found = u[:, :known] @ vt[:known]
    if known < len(values):
        free, onto = u[:, known:], vt[known:].T
        one, _, two = np.linalg.svd(free.T @ onto)
        found = found + free @ (one @ two) @ onto.T
    return np.asarray(found)


def residual(mapping: Mapping | None, other: np.ndarray, english: np.ndarray) -> float:
    """Root of the mean squared distance of translations, moved where there is a map, from their originals."""
    moved = np.asarray(other, np.float64)
    moved = moved if mapping is None else mapping(moved)
    return float(np.sqrt(((moved - np.asarray(english, np.float64)) ** 2).sum(1).mean()))


def chosen_rows(total: int, rows: int | None, seed: int, left_out: Sequence[int] = ()) -> np.ndarray:
    """Which of ``total`` rows are fitted on: the first of one seeded order of all, those left out skipped.

    Fewer rows are a part of more, and languages that share their rows take the same ones; ascending.
    """
    order = np.random.default_rng([seed, 0xA119]).permutation(total)
    kept = order[~np.isin(order, np.asarray(left_out, dtype=np.int64))]
    return np.sort(kept[:rows])

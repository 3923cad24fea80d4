"""Figures of two clouds of vectors, row by row parallel, from sums over rows: nothing is kept but the sums.

Linear CKA is Kornblith et al. 2019 (arXiv 1905.00414) with the unbiased HSIC of Song et al. 2012 in feature space, so
that independent clouds are near 0 however few rows there are. Anisotropy is the mean cosine of two different rows
(Ethayarajh 2019, arXiv 1909.00512).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Moments:
    """Sums over parallel rows x and y at K layers; float64, taken around the first rows' mean against cancellation.

    Attributes:
        rows: N so far.
    """

    rows: int = 0
    _at: tuple[np.ndarray, np.ndarray] | None = None
    _sums: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Take in (B, K, H) of both."""
        x, y = x.astype(np.float64), y.astype(np.float64)
        units = [each / np.maximum(np.linalg.norm(each, axis=2, keepdims=True), 1e-300) for each in (x, y)]
        if self._at is None:
            self._at = x.mean(axis=0), y.mean(axis=0)
        # (K, B, H): one matrix product a layer.
        x, y = (np.ascontiguousarray((each - at).transpose(1, 0, 2)) for each, at in zip((x, y), self._at, strict=True))
        p, q = (np.einsum("kbh,kbh->kb", each, each) for each in (x, y))
        found = {"x": x.sum(1), "y": y.sum(1), "unit x": units[0].sum(0), "unit y": units[1].sum(0)}
        found |= {"xx": x.transpose(0, 2, 1) @ x, "xy": x.transpose(0, 2, 1) @ y, "yy": y.transpose(0, 2, 1) @ y}
        found |= {"p": p.sum(1), "q": q.sum(1), "pq": (p * q).sum(1), "pp": (p * p).sum(1), "qq": (q * q).sum(1)}
        found |= {f"{name} {of}": np.einsum("kb,kbh->kh", norms, each)
                  for name, norms in (("p", p), ("q", q)) for of, each in (("x", x), ("y", y))}  # fmt: skip
        for name, value in found.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self.rows += len(units[0])

    def cka(self) -> np.ndarray:
        """(K,): debiased linear CKA; NaN with fewer than four rows, or where a cloud is a point."""
        if self.rows < 4:
            return np.full(len(self._sums["p"]), math.nan)
        xy, xx, yy = self._hsic("x", "y"), self._hsic("x", "x"), self._hsic("y", "y")
        with np.errstate(invalid="ignore", divide="ignore"):
            found: np.ndarray = np.where((xx > 0) & (yy > 0), xy / np.sqrt(xx * yy), math.nan)
        return found

    def anisotropy(self) -> tuple[np.ndarray, np.ndarray]:
        """(K,) of x and of y: mean cosine of two different rows."""
        n = self.rows
        x, y = (((self._sums[f"unit {side}"] ** 2).sum(1) - n) / max(1, n * (n - 1)) for side in "xy")
        return x, y

    def _hsic(self, one: str, two: str) -> np.ndarray:
        """(K,): unbiased, but for a factor that cancels in CKA."""
        n, sums = self.rows, self._sums
        mean, other = sums[one] / n, sums[two] / n
        products = sums[one + two] if one + two in sums else sums[two + one].transpose(0, 2, 1)
        centred = products - n * mean[:, :, None] * other[:, None, :]
        total, total_other = self._norms(one, mean), self._norms(two, other)
        return (
            (centred**2).sum((1, 2))
            - n / (n - 2) * self._row_products(one, two, mean, other, products)
            + total * total_other / ((n - 1) * (n - 2))
        )

    def _norms(self, side: str, mean: np.ndarray) -> np.ndarray:
        """(K,): sum over rows of the squared norm of the centred row."""
        return self._sums["p" if side == "x" else "q"] - self.rows * (mean**2).sum(1)

    def _row_products(
        self, one: str, two: str, mean: np.ndarray, other: np.ndarray, products: np.ndarray
    ) -> np.ndarray:
        """(K,): sum over rows of |x - mean|^2 |y - other|^2, by |x - m|^2 = |x|^2 - 2 m x + |m|^2."""
        sums, n = self._sums, self.rows
        a, b = ("p" if side == "x" else "q" for side in (one, two))
        m, k = (mean**2).sum(1), (other**2).sum(1)

        def dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
            found: np.ndarray = np.einsum("kh,kh->k", u, v)
            return found

        both = sums[a + b] if a + b in sums else sums[b + a]
        return (
            both - 2 * dot(other, sums[f"{a} {two}"]) + k * sums[a]
            - 2 * dot(mean, sums[f"{b} {one}"]) + 4 * np.einsum("kh,khj,kj->k", mean, products, other)
            - 2 * k * dot(mean, sums[one])
            + m * sums[b] - 2 * m * dot(other, sums[two]) + n * m * k
        )  # fmt: skip

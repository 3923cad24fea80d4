"""Parallel rows of made-up texts, and vectors for them that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from xtremor.analysis.parallel import ParallelRows
from xtremor.tasks.base import TextExample

WIDTH = 8


def rows_of(count: int, each_cluster: int = 1, language: str = "sw") -> ParallelRows:
    """Texts ``en 0``, ``sw 0``, ...; consecutive rows share a cluster."""
    sides = [
        [TextExample("t", "f", row, f"c{row // each_cluster}", code, (f"{code} {row}",), None) for row in range(count)]
        for code in ("en", language)
    ]
    return ParallelRows(language, *sides)


class Space:
    """Vectors by row: those of English given, those of translations some function of them; passes are counted."""

    def __init__(self, english: np.ndarray, translate: Callable[[np.ndarray], np.ndarray]) -> None:
        self.english, self.translated = english, translate(english)
        self.asked: list[str] = []

    def __call__(self, examples: Sequence[TextExample]) -> np.ndarray:
        """(N, 2, H): twice the same layer, the second ten times as large."""
        found = []
        for each in examples:
            self.asked.append(each.texts[0])
            vector = (self.english if each.language == "en" else self.translated)[each.row]
            found.append(np.stack([vector, 10 * vector]))
        return np.array(found, dtype=np.float32)


def cloud(count: int, seed: int = 0, off: float = 3.0) -> np.ndarray:
    """(N, H) random rows around a point that is not 0, as hidden states are."""
    return np.random.default_rng(seed).normal(size=(count, WIDTH)) + off


def rotation(seed: int = 1) -> np.ndarray:
    """(H, H) orthogonal."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(WIDTH, WIDTH)))[0]

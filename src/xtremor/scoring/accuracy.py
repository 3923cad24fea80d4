"""Accuracy as the XTREME evaluator computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xtremor.scoring.base import Scorer

if TYPE_CHECKING:
    import numpy as np


def _statistics(gold: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
    import numpy as np

    from xtremor.scoring.counting import check_paired

    check_paired(gold, predicted)
    right = [a.strip() == b.strip() for a, b in zip(gold, predicted, strict=True)]
    return np.column_stack((np.array(right, np.float64), np.ones(len(right))))


def _figures(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    from xtremor.scoring.counting import percent

    return {"accuracy": percent(sums[..., 0], sums[..., 1])}


# White space around a label does not count, case does, and a class outside the task's is simply wrong, as officially.
ACCURACY = Scorer("accuracy", ("right", "rows"), ("accuracy",), _statistics, _figures)


def _statistics_of_duplicates(gold: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
    """(N, 5): right, 1; class 1 found, predicted and in the gold standard."""
    import numpy as np

    one = [np.array([each.strip() == "1" for each in labels]) for labels in (gold, predicted)]
    both = _statistics(gold, predicted)
    return np.column_stack((both, one[0] & one[1], one[1], one[0])).astype(np.float64)


def _figures_of_duplicates(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    from xtremor.scoring.counting import f1_figures

    return {**_figures(sums), "f1": f1_figures(sums[..., 2], sums[..., 3], sums[..., 4])["f1"]}


# GLUE's pair of figures for QQP: accuracy, and F1 of the class "1".
QQP = Scorer(
    "qqp",
    ("right", "rows", "found", "predicted", "gold"),
    ("accuracy", "f1"),
    _statistics_of_duplicates,
    _figures_of_duplicates,
)

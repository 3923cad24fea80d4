"""Whether a model is right as often as it says it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

BINS = 15


def expected_calibration_error(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS, equal_mass: bool = False
) -> float:
    """ECE (Guo et al. 2017, arXiv 1706.04599, equation 3): mean over bins of |accuracy - mean confidence|.

    Args:
        confidence: (N,) probability of the predicted class, 0 to 1.
        right: (N,) whether it is the right one.
        bins: number of bins of confidence; an empty one counts nothing.
        equal_mass: bins of equally many items in the order of confidence (Nguyen and O'Connor 2015), where items of
            the same confidence may part; otherwise bins of equal width, each open below and closed above.

    Returns:
        0 to 1; bins are weighted by their items.

    Raises:
        ValueError: lengths differ, or there is no item.
    """
    confidence, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if confidence.shape != hits.shape or confidence.ndim != 1 or not confidence.size:
        raise ValueError(f"expected as many confidences as answers, got {confidence.shape} and {hits.shape}")
    if equal_mass:
        order = np.argsort(confidence, kind="stable")
        parts = np.array_split(order, min(bins, len(order)))
        gaps = [abs(float((hits[part] - confidence[part]).sum())) for part in parts]
        return sum(gaps) / len(order)
    # 0 itself belongs to the first bin.
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    sums = np.bincount(place, hits - confidence, bins)
    return float(np.abs(sums).sum() / confidence.size)


def softmax(logits: Sequence[float] | np.ndarray) -> np.ndarray:
    """(C,) logits -> (C,) probabilities in float64."""
    values = np.asarray(logits, np.float64)
    shares = np.exp(values - values.max())
    return np.asarray(shares / shares.sum())


def calibration(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Language -> ECE and mean confidence in percent, of a predictions table that keeps logits.

    ``ece`` has 15 bins of equal width, ``ece_equal_mass`` 15 of equally many items.

    Raises:
        ValueError: an item has no logits.
    """
    found = {}
    for part in table.partition_by("language", maintain_order=True):
        confidence = np.array([softmax(each).max() for each in part["logits"].to_list()])
        right = (part["gold"].str.strip_chars() == part["predicted"].str.strip_chars()).to_numpy()
        found[str(part["language"][0])] = {
            "ece": 100 * expected_calibration_error(confidence, right),
            "ece_equal_mass": 100 * expected_calibration_error(confidence, right, equal_mass=True),
            "confidence": 100 * float(confidence.mean()),
        }
    return found

"""Mining translation pairs from two lists of sentence vectors, as XTREME's scripts do it for BUCC 2018.

The score of a pair is its cosine over the mean of the cosines to the nearest neighbours of both sentences (the ratio
margin of Artetxe and Schwenk 2019, arXiv 1811.01136). Every sentence proposes its best neighbour, in both directions,
and proposals are taken best first, a sentence once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from xtremor.scoring.nearest import nearest

NEIGHBOURS = 4
Scored = tuple[int, int, float]


def mine(
    sources: np.ndarray, targets: np.ndarray, source_texts: Sequence[str], target_texts: Sequence[str]
) -> list[Scored]:
    """Propose pairs.

    Equal sentences take part once. What is proposed for a sentence that stands more than once is left out: it is
    not known which of its ids is meant.

    Args:
        sources: (S, d) vectors.
        targets: (T, d) vectors.
        source_texts: S sentences.
        target_texts: T sentences.

    Returns:
        (row of a source, row of a target, score above 0), best first.
    """
    left, once_left = _distinct(source_texts)
    right, once_right = _distinct(target_texts)
    if not len(left) or not len(right):
        return []
    x, y = sources[left], targets[right]
    there, cosines_there = nearest(x, y, NEIGHBOURS)
    back, cosines_back = nearest(y, x, NEIGHBOURS)
    mean_there, mean_back = cosines_there.mean(1), cosines_back.mean(1)
    forward = _ratio(cosines_there, mean_there[:, None], mean_back[there])
    backward = _ratio(cosines_back, mean_back[:, None], mean_there[back])
    rows, columns = np.arange(len(left)), np.arange(len(right))
    pairs = np.concatenate(
        [
            np.stack([rows, there[rows, forward.argmax(1)]], axis=1),
            np.stack([back[columns, backward.argmax(1)], columns], axis=1),
        ]
    )
    scores = np.concatenate([forward.max(1), backward.max(1)])
    found: list[Scored] = []
    seen_left, seen_right = np.zeros(len(left), dtype=bool), np.zeros(len(right), dtype=bool)
    for at in np.argsort(-scores, kind="stable"):
        row, column = pairs[at]
        if seen_left[row] or seen_right[column]:
            continue
        seen_left[row] = seen_right[column] = True
        if scores[at] > 0 and once_left[row] and once_right[column]:
            found.append((int(left[row]), int(right[column]), float(scores[at])))
    return found


def best_threshold(mined: Sequence[Scored], gold: Collection[tuple[int, int]]) -> float:
    """The score above which F1 against ``gold`` is highest: midway between the last pair taken and the next.

    0, which takes all, where no pair is right. The scripts stop with an error where the last pair of all is best;
    here that takes all.
    """
    right, best, threshold = 0, 0.0, 0.0
    ordered = sorted(mined, key=lambda each: -each[2])
    for taken, (row, column, score) in enumerate(ordered, start=1):
        right += (row, column) in gold
        # F1 = 2 right / (taken + gold).
        f1 = 2 * right / (taken + len(gold))
        if f1 > best:
            best = f1
            threshold = (score + ordered[taken][2]) / 2 if taken < len(ordered) else 0.0
    return threshold


def _ratio(cosines: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosines over the mean of both neighbourhoods' means; 0 where that is not above 0 (vectors of zeros)."""
    mean = (own + other) / 2
    return np.divide(cosines, mean, out=np.zeros_like(cosines), where=mean > 0)


def _distinct(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Row of the first of each distinct sentence (white space around it aside), and whether it stands once."""
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        rows.setdefault(text.strip(), []).append(row)
    first = np.array([same[0] for same in rows.values()], dtype=np.int64)
    return first, np.array([len(same) == 1 for same in rows.values()], dtype=bool)

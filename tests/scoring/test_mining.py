"""Mined pairs against a slow reference, and the threshold by trying every one."""

from __future__ import annotations

import numpy as np
import pytest

from xtremor.scoring.mining import NEIGHBOURS, best_threshold, mine


def reference(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int, float]]:
    """Every score from the whole matrix; proposals of both sides, best first, a sentence once."""
    cosines = x @ y.T / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    there = [np.argsort(-row)[:NEIGHBOURS] for row in cosines]
    back = [np.argsort(-row)[:NEIGHBOURS] for row in cosines.T]

    def score(i: int, j: int) -> float:
        return float(cosines[i, j] / ((cosines[i, there[i]].mean() + cosines[back[j], j].mean()) / 2))

    proposed = [(i, max(there[i], key=lambda j, i=i: score(i, j))) for i in range(len(x))]
    proposed += [(max(back[j], key=lambda i, j=j: score(i, j)), j) for j in range(len(y))]
    found: list[tuple[int, int, float]] = []
    for i, j in sorted(proposed, key=lambda pair: -score(*pair)):
        if all(i != a and j != b for a, b, _ in found):
            found.append((int(i), int(j), score(i, j)))
    return found


@pytest.mark.parametrize("shape", [(12, 9), (5, 30), (3, 2), (1, 1)])
def test_pairs_are_those_of_the_whole_matrix(shape: tuple[int, int]) -> None:
    draw = np.random.default_rng(sum(shape))
    # Positive entries: cosines as those of a real encoder, far from 0.
    x, y = (draw.random((rows, 6)).astype(np.float32) for rows in shape)
    found = mine(x, y, [f"x{n}" for n in range(shape[0])], [f"y{n}" for n in range(shape[1])])
    expected = reference(x.astype(np.float64), y.astype(np.float64))
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert [each[2] for each in found] == pytest.approx([each[2] for each in expected], rel=1e-5)


def test_a_sentence_that_stands_twice_takes_its_partner_and_is_left_out() -> None:
    vectors = np.eye(3, dtype=np.float32) + 0.1
    assert {each[:2] for each in mine(vectors, vectors, ["a", "b", "c"], ["a", "b", "c"])} == {(0, 0), (1, 1), (2, 2)}
    twice = np.concatenate([vectors, vectors[:1]])
    # The first of the two takes part; nobody knows which of them is meant.
    assert {each[:2] for each in mine(twice, vectors, ["a", "b", "c", "a "], ["a", "b", "c"])} == {(1, 1), (2, 2)}
    assert {each[:2] for each in mine(vectors, twice, ["a", "b", "c"], ["a", "b", "c", "a"])} == {(1, 1), (2, 2)}
    assert mine(vectors[:0], vectors, [], ["a", "b", "c"]) == []


def test_the_threshold_is_midway_behind_the_best_prefix() -> None:
    mined = [(0, 0, 1.4), (1, 1, 1.3), (2, 9, 1.2), (3, 3, 1.1), (4, 9, 1.0)]
    gold = {(0, 0), (1, 1), (3, 3)}
    # F1 after 1 to 5 pairs: 1/2, 4/5, 2/3, 6/7, 3/4.
    assert best_threshold(mined, gold) == pytest.approx(1.05)
    assert best_threshold(mined[:2], gold) == 0.0
    assert best_threshold(mined, {(7, 7)}) == 0.0 and best_threshold([], gold) == 0.0


def test_no_other_threshold_is_better() -> None:
    draw = np.random.default_rng(0)
    mined = [(n, n, float(score)) for n, score in enumerate(draw.random(40))]
    gold = {(n, n) for n, _, score in mined if score + draw.random() * 0.8 > 0.9}

    def f1(threshold: float) -> float:
        taken = {(row, column) for row, column, score in mined if score >= threshold}
        return 2 * len(taken & gold) / (len(taken) + len(gold))

    best = best_threshold(mined, gold)
    assert f1(best) == max(f1(score) for *_, score in mined) and 0 < best < 1

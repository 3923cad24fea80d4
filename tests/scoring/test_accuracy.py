"""Accuracy against figures computed by hand and by the official evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.scoring.accuracy import ACCURACY, QQP

labels = st.sampled_from(["entailment", "neutral", "contradiction"])


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    return ACCURACY.score(gold, predicted)["accuracy"]


pairs = st.lists(st.tuples(labels, labels), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        (["a"], ["a"], 100.0),
        (["a"], ["b"], 0.0),
        (["a", "b", "a", "b"], ["a", "b", "b", "b"], 75.0),
        (["a", "b", "c"], ["a", "c", "b"], 1 / 3 * 100),
    ],
)
def test_by_hand(gold: list[str], predicted: list[str], expected: float) -> None:
    assert accuracy(gold, predicted) == expected


def test_white_space_does_not_count_but_case_and_foreign_classes_do() -> None:
    assert accuracy(["neutral ", "neutral", "neutral"], ["neutral", "Neutral", "other"]) == 1 / 3 * 100


@given(pairs)
def test_it_is_the_share_of_equal_pairs(rows: list[tuple[str, str]]) -> None:
    score = accuracy([gold for gold, _ in rows], [predicted for _, predicted in rows])
    assert 0 <= score <= 100
    assert round(score * len(rows) / 100, 6) == len([1 for gold, predicted in rows if gold == predicted])


@given(pairs, st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str, str]], chance) -> None:
    shuffled = chance.sample(rows, len(rows))
    assert accuracy(*zip(*rows, strict=True)) == accuracy(*zip(*shuffled, strict=True))


def test_lengths_that_differ_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(UserError, match="2 gold rows but 1 predicted"):
        accuracy(["a", "b"], ["a"])
    with pytest.raises(UserError, match="no rows"):
        accuracy([], [])


def test_the_official_mock_data_give_the_official_figure(shared: Path) -> None:
    def read(kind: str, path: Path) -> list[str]:
        return (shared / "official_mock" / kind / "xnli" / path.name).read_text("utf-8").split()

    files = sorted((shared / "official_mock" / "labels" / "xnli").glob("test-*.tsv"))
    scores = [accuracy(read("labels", path), read("predictions", path)) for path in files]
    assert len(scores) == 15
    assert sum(scores) / len(scores) == pytest.approx(30.6667, abs=5e-5)


def test_f1_of_the_class_1_by_hand_and_by_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    gold, predicted = ["1", "0", "1", "1", "0", "1"], ["1", "1", "0", " 1", "0", "other"]
    found = QQP.score(gold, predicted)
    assert found["accuracy"] == pytest.approx(50) and found["f1"] == pytest.approx(100 * 4 / 7)
    told = [["1" if each.strip() == "1" else "0" for each in labels] for labels in (gold, predicted)]
    assert found["f1"] == pytest.approx(100 * f1_score(*told, pos_label="1"))
    assert QQP.score(["0"], ["0"]) == {"accuracy": 100.0, "f1": 0.0}

"""Exact match and F1 by SQuAD's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.scoring.squad import SQUAD, SQUAD2, squad_words

TEXT = st.text("ab .,”。的\u00a0\n", max_size=12)


def one(gold: str | tuple[str, ...], predicted: str | None) -> tuple[float, float]:
    """F1 and exact match of a question."""
    answers = (gold,) if isinstance(gold, str) else gold
    found = SQUAD.score([answers, ("x",)], [predicted, "x"])
    return 2 * found["f1"] - 100, 2 * found["exact_match"] - 100


@pytest.mark.parametrize(
    ("gold", "predicted", "f1", "exact"),
    [
        ("The Panthers", "panthers!", 100, 100),
        ("308", "308。", 0, 0),
        ("der Hund", "Hund", 200 / 3, 0),
        ("a b", "b b", 200 / 3, 0),
        ("red red cat", "red dog", 40, 0),
        ("theory", "the ory", 0, 0),
        ("泰国", "泰 国", 0, 0),
        ("the", "an", 0, 100),
        ("U.S.", "us", 100, 100),
        ("anna", None, 0, 0),
    ],
)
def test_one_answer(gold: str, predicted: str | None, f1: float, exact: float) -> None:
    assert one(gold, predicted) == pytest.approx((f1, exact), abs=1e-9)


def test_the_best_gold_answer_counts_for_each_figure_apart() -> None:
    assert one(("x y z w", "y z"), "y z w") == pytest.approx((600 / 7, 0))
    assert one(("...", "red cat"), "") == pytest.approx((0, 100))


def test_no_gold_answer_is_the_empty_answer() -> None:
    assert one((), "") == (0, 100)
    assert one((), "red") == (0, 0)


def test_the_score_is_the_mean_of_exact_match_and_f1() -> None:
    found = SQUAD.score([("red cat",), ("dog",), ("cow",)], ["cat", "dog", None])
    assert found == pytest.approx({"f1": 500 / 9, "exact_match": 100 / 3, "score": 400 / 9})


def test_gold_without_any_answer_is_refused() -> None:
    with pytest.raises(UserError, match="no question has a gold answer"):
        SQUAD.statistics([(), ()], ["a", "b"])


@given(st.lists(TEXT, min_size=1, max_size=3), TEXT)
def test_bounds(answers: list[str], predicted: str) -> None:
    f1, exact, _ = SQUAD.statistics([answers], [predicted])[0]
    assert 0 <= f1 <= 1
    assert exact == (squad_words(predicted) in {squad_words(each) for each in answers})
    if exact and squad_words(predicted):
        assert f1 == 1
    more = SQUAD.statistics([[*answers, predicted]], [predicted])[0]
    assert more[0] >= f1 and more[1] == 1


@pytest.mark.parametrize(
    ("gold", "predicted", "f1", "exact"),
    [
        ((), "", 100, 100),
        ((), "the", 100, 100),
        ((), "cat", 0, 0),
        (("cat",), "", 0, 0),
        (("cat", "the cat sat"), "cat sat", 100, 100),
        (("a cat", "red cat"), "cat dog", 200 * 0.5 * 1 / 1.5, 0),
        # Nothing is left of "the": it does not count beside another answer, and alone is no answer.
        (("the", "cat"), "", 0, 0),
        (("the",), "", 100, 100),
        (("cat",), None, 0, 0),
    ],
)
def test_questions_that_may_have_no_answer(
    gold: tuple[str, ...], predicted: str | None, f1: float, exact: float
) -> None:
    found = SQUAD2.score([gold], [predicted])
    assert (found["f1"], found["exact_match"]) == (pytest.approx(f1), exact)
    assert found["score"] == pytest.approx((f1 + exact) / 2)


@given(st.lists(st.tuples(st.lists(TEXT, min_size=1, max_size=3), TEXT), min_size=1, max_size=6))
def test_where_every_question_has_answers_both_versions_agree_but_for_empty_ones(rows: list) -> None:
    kept = [(gold, text) for gold, text in rows if squad_words(text) and all(map(squad_words, gold))]
    if kept:
        gold, predicted = zip(*kept, strict=True)
        assert SQUAD2.score(gold, predicted) == SQUAD.score(gold, predicted)

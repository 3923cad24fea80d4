"""Scores per language, averages and strata, by hand on a table small enough to count."""

from __future__ import annotations

import json

import polars as pl
import pytest

from xtremor.errors import UserError
from xtremor.scoring.predictions import schema
from xtremor.scoring.scores import scores_from_predictions
from xtremor.tasks.cards import card

FACTS = {
    "de": {"joshi_class": "5", "script": "Latn"},
    "sw": {"joshi_class": "2", "script": "Latn"},
    "ur": {"joshi_class": "3", "script": "Arab"},
}


def rows(language: str, right: int, wrong: int, **other: object) -> list[dict[str, object]]:
    return [
        {
            "task": "xnli",
            "file": f"xnli/test-{language}.tsv",
            "row": row,
            "cluster": f"xnli/test/{row // 3}",
            "language": language,
            "gold": "neutral",
            "predicted": "neutral" if row < right else "entailment",
            "logits": [0.0, 1.0, 0.0],
            **other,
        }
        for row in range(right + wrong)
    ]


def score(entries: list[dict[str, object]], **other):
    return scores_from_predictions(
        pl.DataFrame(entries, schema=schema()), "accuracy", "test", strata_of=FACTS.__getitem__, **other
    )


@pytest.fixture
def entries() -> list[dict[str, object]]:
    return rows("ur", 1, 2) + rows("en", 3, 1) + rows("de", 1, 1) + rows("sw", 2, 0)


def test_the_whole_form_by_hand(entries: list[dict[str, object]]) -> None:
    third = 1 / 3 * 100
    assert score(entries) == {
        "format": 1,
        "task": "xnli",
        "split": "test",
        "metric": "accuracy",
        "unit": "percent",
        "languages": {
            "ur": {"score": third, "items": 3},
            "en": {"score": 75.0, "items": 4},
            "de": {"score": 50.0, "items": 2},
            "sw": {"score": 100.0, "items": 2},
        },
        # Unweighted, whatever the number of rows, English included.
        "average": (third + 75 + 50 + 100) / 4,
        "average_without_english": (third + 50 + 100) / 3,
        "strata": {
            "joshi_class": {
                "2": {"score": 100.0, "languages": 1, "items": 2},
                "3": {"score": third, "languages": 1, "items": 3},
                "5": {"score": 50.0, "languages": 1, "items": 2},
            },
            "script": {
                "Arab": {"score": third, "languages": 1, "items": 3},
                "Latn": {"score": 75.0, "languages": 2, "items": 4},
            },
        },
    }


def test_languages_keep_the_order_of_the_table_and_the_form_is_json(entries: list[dict[str, object]]) -> None:
    scores = score(entries)
    assert list(scores["languages"]) == ["ur", "en", "de", "sw"]
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_the_card_stands_for_its_metric(entries: list[dict[str, object]]) -> None:
    table = pl.DataFrame(entries, schema=schema())
    assert scores_from_predictions(table, card("xnli"), "test", FACTS.__getitem__) == score(entries)
    with pytest.raises(UserError, match=r"unknown metric 'acuracy' \(nearest: accuracy"):
        scores_from_predictions(table, "acuracy", "test")


def test_english_alone_has_no_average_without_it() -> None:
    scores = score(rows("en", 1, 0) + rows("en-GB", 0, 1))
    assert scores["average"] == 50.0
    assert scores["average_without_english"] is None
    assert scores["strata"] == {}


def test_an_item_that_occurs_twice_is_refused(entries: list[dict[str, object]]) -> None:
    with pytest.raises(UserError, match=r"xnli/test-de\.tsv, line 1 occurs more than once"):
        score([*entries, rows("de", 1, 0)[0]])


def test_the_same_row_of_two_files_is_two_items() -> None:
    assert score(rows("de", 1, 0) + rows("sw", 1, 0))["average"] == 100.0


def test_rows_without_gold_or_prediction_are_refused(entries: list[dict[str, object]]) -> None:
    with pytest.raises(UserError, match=r"2 of 13 rows have no gold label \(first: xnli/test-sw\.tsv, line 8\)"):
        score(entries + rows("sw", 9, 0, gold=None)[7:9])
    with pytest.raises(UserError, match="1 of 12 rows have no prediction"):
        score(entries + rows("sw", 9, 0, predicted=None)[8:9])


def test_nothing_and_several_tasks_are_refused(entries: list[dict[str, object]]) -> None:
    with pytest.raises(UserError, match="no predictions to score"):
        score([])
    with pytest.raises(UserError, match=r"several tasks \(xnli, other\)"):
        score(entries + rows("sw", 1, 0, task="other"))


def test_the_facts_of_the_package_group_the_languages_of_xnli() -> None:
    pytest.importorskip("xtremor.languages")
    table = pl.DataFrame([row for code in card("xnli").languages for row in rows(code, 1, 1)], schema=schema())
    strata = scores_from_predictions(table, card("xnli"), "test")["strata"]
    # Swahili is the one language of Joshi class 2 or below; English is in no stratum.
    assert strata["joshi_class"]["2"] == {"score": 50.0, "languages": 1, "items": 2}
    assert sum(entry["languages"] for entry in strata["script"].values()) == 14

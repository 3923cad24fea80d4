"""Task cards: what every card must state, and what is said about a name that is none."""

from __future__ import annotations

import dataclasses

import pytest

from xtremor.errors import UserError
from xtremor.tasks.cards import all_cards, card


def test_names_are_unique_and_lead_back_to_their_cards() -> None:
    names = [each.name for each in all_cards()]
    assert len(set(names)) == len(names)
    assert all(card(each.name) is each for each in all_cards())
    assert {"intents", "xnli"} <= set(names)


@pytest.mark.parametrize("each", all_cards(), ids=lambda each: each.name)
def test_a_card_states_everything_that_must_travel_with_a_score(each) -> None:
    for field in ("name", "title", "category", "source", "metric", "train", "licence", "citation"):
        assert getattr(each, field).strip(), field
    assert each.notes and all(note.endswith(".") for note in each.notes)
    assert each.splits
    assert len(set(each.languages)) == len(each.languages)
    assert not each.languages or "en" in each.languages
    settings = each.defaults
    assert settings.epochs > 0 and settings.batch_size > 0 and settings.max_length > 8
    assert 0 < settings.learning_rate <= settings.head_learning_rate < 1


def test_xnli_is_the_published_task() -> None:
    xnli = card("xnli")
    assert len(xnli.languages) == 15
    assert xnli.labels == ("entailment", "neutral", "contradiction")
    assert xnli.splits[0] == "test"


def test_a_card_cannot_be_changed_by_a_run() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        card("xnli").name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(("typed", "expected"), [("xnlli", "xnli"), ("XNLI", "xnli"), ("intent", "intents")])
def test_a_misspelt_task_gets_the_nearest_name(typed: str, expected: str) -> None:
    with pytest.raises(UserError, match=f"unknown task '{typed}' .*nearest: {expected}"):
        card(typed)


def test_a_name_like_no_other_gets_the_whole_list() -> None:
    with pytest.raises(UserError, match=r"known: intents, .*xnli"):
        card("qqqqqqqq")

"""Task cards: what every card must state, the lists of both benchmarks, and what is said about a name that is none."""

from __future__ import annotations

import dataclasses

import pytest

from xtremor.errors import UserError
from xtremor.languages import all_languages
from xtremor.tasks.cards import BENCHMARKS, all_cards, card
from xtremor.tasks.category import category, check_trainable, trainable


def test_names_are_unique_and_lead_back_to_their_cards() -> None:
    names = [each.name for each in all_cards()]
    assert len(set(names)) == len(names)
    assert all(card(each.name) is each for each in all_cards())
    assert " ".join(names) == (
        "intents slots xnli pawsx xcopa udpos panx xquad mlqa tydiqa mewslix lareqa tatoeba bucc2018 "
        "mnli anli qqp qnli squad squad2 hellaswag siqa cosmosqa commonsenseqa"
    )


@pytest.mark.parametrize("each", all_cards(), ids=lambda each: each.name)
def test_a_card_states_everything_that_must_travel_with_a_score(each) -> None:
    for field in ("name", "title", "category", "source", "metric", "train", "licence", "citation"):
        assert getattr(each, field).strip(), field
    assert each.notes and all(note.endswith(".") for note in each.notes)
    assert each.splits
    assert len(set(each.languages)) == len(each.languages)
    assert not each.languages or ("en" in each.languages) == (each.name not in ("xcopa", "tatoeba", "bucc2018"))
    settings = each.defaults
    assert settings.epochs > 0 and settings.batch_size > 0 and settings.max_length > 8
    assert 0 < settings.learning_rate <= settings.head_learning_rate < 1
    assert bool(each.benchmarks) == (each.benchmark in BENCHMARKS) == (each.source == "official")
    assert (each.languages == ("en",)) == (each.source == "intermediate")
    if each.source in ("official", "intermediate"):
        assert each.published and each.hub
        assert [line.partition(":")[0] for line in each.exposure] == ["mBERT", "XLM-R", "multilingual-e5"]
    for line in (each.title, each.train, *each.notes, *each.published, *each.exposure, *each.hub):
        assert line.strip() == line and "\n" not in line and "  " not in line


def test_xnli_is_the_published_task() -> None:
    xnli = card("xnli")
    assert len(xnli.languages) == 15
    assert xnli.labels == ("entailment", "neutral", "contradiction")
    assert xnli.splits[0] == "test"


def test_a_card_cannot_be_changed_by_a_run() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        card("xnli").name = "other"  # type: ignore[misc]


# Languages that XTREME-R added to a task of XTREME; written out here, not taken from the cards.
ADDED = {
    "udpos": "lt pl ro uk wo",
    "panx": "az gu lt pa pl qu ro uk",
    "xquad": "ro",
    "tatoeba": "az lt pl ro uk",
}
COUNTS = {
    "xtreme-r": {
        "xnli": 15, "xcopa": 11, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9, "mewslix": 11,
        "lareqa": 11, "tatoeba": 41,
    },
    "xtreme": {
        "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "tatoeba": 36,
        "bucc2018": 4,
    },
}  # fmt: skip


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_each_benchmark_has_its_own_lists(benchmark: str) -> None:
    cards = [each for each in all_cards(benchmark) if benchmark in each.benchmarks]
    assert {each.name: len(each.languages) for each in cards} == COUNTS[benchmark]
    assert all(each.benchmark == benchmark for each in cards)


def test_xtreme_has_the_languages_of_xtreme_r_but_for_those_added_later() -> None:
    for name in COUNTS["xtreme"]:
        later, earlier = card(name).languages, card(name, "xtreme").languages
        assert set(later) - set(earlier) == set(ADDED.get(name, "").split()), name
        assert [code for code in later if code in earlier] == list(earlier)


def test_the_lists_of_xtreme_r_are_those_of_the_language_table() -> None:
    for each in all_cards():
        if "xtreme-r" in each.benchmarks:
            assert set(each.languages) == {row.code for row in all_languages() if each.name in row.tasks}, each.name


def test_a_task_outside_the_benchmark_keeps_its_own_list_and_says_so() -> None:
    assert card("pawsx").benchmark == card("pawsx", "xtreme-r").benchmark == "xtreme"
    assert card("xcopa", "xtreme") == card("xcopa")
    assert any("XTREME-R dropped" in note for note in card("pawsx").notes)
    with pytest.raises(UserError, match=r"unknown benchmark 'xtremer' .*nearest: xtreme"):
        card("xnli", "xtremer")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("XNLI", "xnli"), ("PAWS-X", "pawsx"), ("UD-POS", "udpos"), ("WikiANN-NER", "panx"), ("PAN-X", "panx"),
        ("TyDiQA-GoldP", "tydiqa"), ("Mewsli-X", "mewslix"), ("LAReQA", "lareqa"), ("BUCC 2018", "bucc2018"),
        ("MultiNLI", "mnli"), ("SQuAD 2.0", "squad2"), ("SQuAD 1.1", "squad"), ("Social IQa", "siqa"),
        ("Cosmos QA", "cosmosqa"), ("CSQA", "commonsenseqa"),
    ],
)  # fmt: skip
def test_names_of_the_papers_find_the_card(typed: str, name: str) -> None:
    assert card(typed).name == name


@pytest.mark.parametrize(
    ("typed", "expected"), [("xnlli", "xnli"), ("intent", "intents"), ("tatoba", "tatoeba"), ("panxx", "panx")]
)
def test_a_misspelt_task_gets_the_nearest_name(typed: str, expected: str) -> None:
    with pytest.raises(UserError, match=f"unknown task '{typed}' .*nearest: {expected}"):
        card(typed)


def test_a_name_like_no_other_gets_the_way_to_the_list() -> None:
    with pytest.raises(UserError, match=r"\(there are 24\); `xtremor tasks` lists them"):
        card("qqqqqqqq")


@pytest.mark.parametrize("each", all_cards(), ids=lambda each: each.name)
def test_a_task_can_be_trained_on_or_says_in_words_that_it_cannot(each) -> None:
    assert category(each.category).AUTO_CLASS
    assert trainable(each) == (each.name not in ("tatoeba", "bucc2018"))
    if not trainable(each):
        with pytest.raises(UserError, match=f"{each.name} has no training set: .*xtremor baseline --task {each.name}"):
            check_trainable(each)

"""Which layer, pooling and prefixes are taken where nobody says."""

from __future__ import annotations

import pytest

from xtremor.errors import UserError
from xtremor.tasks.cards import card
from xtremor.tasks.embedding import Embedding, default_embedding

E5 = ("query: ", "passage: ")


@pytest.mark.parametrize(
    ("task", "encoder", "expected"),
    [
        # Index 7 of 12 blocks and 13 of 24, counted from 0, in run_tatoeba.sh.
        ("tatoeba", "mbert", Embedding("mean", "", "", 8)),
        ("tatoeba", "google-bert/bert-base-multilingual-cased", Embedding("mean", "", "", 8)),
        ("tatoeba", "xlm-roberta-large", Embedding("mean", "", "", 14)),
        ("bucc2018", "mbert", Embedding("cls", "", "", 8)),
        ("bucc2018", "xlm-r-large", Embedding("cls", "", "", 20)),
        # No paper used these: the last layer, the mean.
        ("tatoeba", "xlm-r-base", Embedding("mean", "", "")),
        ("lareqa", "mbert", Embedding("mean", "", "")),
        ("tatoeba", "some/folder", Embedding("mean", "", "")),
        ("lareqa", "starter", Embedding("mean", *E5)),
        ("mewslix", "intfloat/multilingual-e5-base", Embedding("mean", *E5)),
        # Two sentences of one kind.
        ("tatoeba", "e5-small", Embedding("mean", E5[0], E5[0])),
        ("bucc2018", "starter", Embedding("mean", E5[0], E5[0])),
    ],
)
def test_defaults(task: str, encoder: str, expected: Embedding) -> None:
    assert default_embedding(card(task), encoder) == expected


def test_a_trained_encoder_gives_its_last_layer() -> None:
    assert default_embedding(card("tatoeba"), "mbert", trained=True) == Embedding("mean", "", "")


def test_what_is_named_replaces_the_default_and_an_empty_prefix_counts() -> None:
    default = Embedding("mean", *E5, 8)
    assert default.changed(None, None, None) == default
    assert default.changed("cls", "", None, 0) == Embedding("cls", "", E5[1], 0)


def test_a_record_of_retrieval_is_read_and_others_have_none() -> None:
    training = {"pooling": "cls", "prefix_query": "q", "prefix_passage": "p", "layer": None, "temperature": 0.01}
    assert Embedding.recorded(training) == Embedding("cls", "q", "p") and Embedding.recorded({"rows": 3}) is None


@pytest.mark.parametrize(
    ("settings", "said"), [({"pooling": "max"}, "--pooling must be one of"), ({"layer": -1}, "--layer")]
)
def test_what_cannot_be_is_refused(settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Embedding(**settings)

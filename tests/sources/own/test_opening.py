"""From what was typed to a task: its name, and which kind its file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.sources.own.kinds import NAMES, Named, kind, kind_of_training
from xtremor.sources.own.opening import OwnFiles, task_name
from xtremor.tasks.category import category


def test_names_of_tasks() -> None:
    assert task_name(OwnFiles(Path("My reviews (1).csv"))) == "My-reviews-1"
    assert task_name(OwnFiles(Path("a.csv"), "stars-2")) == "stars-2"
    for name in ("xnli", "a b", "../a", ""):
        with pytest.raises(UserError):
            task_name(OwnFiles(Path("a.csv"), name))
    with pytest.raises(UserError, match="give yours another name"):
        task_name(OwnFiles(Path("intents.csv")))


@pytest.mark.parametrize(
    ("name", "named", "expected"),
    [
        ("a.csv", Named(), "classification"),
        ("a.csv", Named("x", None, "y", ("a", "b")), "choice"),
        ("a.CONLL", Named(), "tagging"),
        ("a.conllu", Named(None, None, None, ("a", "b")), "tagging"),
    ],
)
def test_the_kind_of_a_file(name: str, named: Named, expected: str) -> None:
    assert kind_of_training(Path(name), named) == expected


def test_every_kind_is_a_category_that_trains() -> None:
    for name in NAMES:
        assert category(name).AUTO_CLASS and kind(name).FILES.suffixes

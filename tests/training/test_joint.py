"""What several cards say together."""

from __future__ import annotations

import pytest

from xtremor.errors import UserError
from xtremor.robust.registry import make
from xtremor.tasks.cards import card
from xtremor.training.config import TrainSettings
from xtremor.training.joint import check_read, joint_card


def test_the_longest_input_and_the_smallest_of_all_else() -> None:
    found = joint_card([card("intents"), card("squad"), card("siqa")])
    assert found.name == "intents,squad,siqa" and found.category == "several"
    settings = found.defaults
    assert (settings.max_length, settings.batch_size, settings.epochs) == (384, 16, 2)
    assert (settings.learning_rate, settings.head_learning_rate, settings.train_rows) == (1e-4, 1e-3, None)


def test_word_substitution_is_for_one_task() -> None:
    with pytest.raises(UserError, match="--method rsda is for a run on one task"):
        check_read(TrainSettings("mnli,qqp", method=make("rsda")))

"""What several cards say together."""

from __future__ import annotations

from xtremor.tasks.cards import card
from xtremor.training.joint import joint_card


def test_the_longest_input_and_the_smallest_of_all_else() -> None:
    found = joint_card([card("intents"), card("squad"), card("siqa")])
    assert found.name == "intents,squad,siqa" and found.category == "several"
    settings = found.defaults
    assert (settings.max_length, settings.batch_size, settings.epochs) == (384, 16, 2)
    assert (settings.learning_rate, settings.head_learning_rate, settings.train_rows) == (1e-4, 1e-3, None)

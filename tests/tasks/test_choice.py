"""Multiple choice: pairs as inputs, items of different sizes, answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.tiny import make_model, make_tokenizer, words

from xtremor.errors import UserError
from xtremor.tasks import choice, texts
from xtremor.tasks.base import ChoiceExample

EN = words("en")
CPU = torch.device("cpu")


def example(row: int, choices: int = 2, question: str = "") -> ChoiceExample:
    offered = tuple(" ".join(EN[row + at : row + at + 1 + at]) for at in range(choices))
    return ChoiceExample(
        "xcopa", "xcopa/t", row, f"c{row}", "et", " ".join(EN[row : row + 3]), question, offered, str(row % choices)
    )


ITEMS = [example(0), example(1, 3), example(2, 5, EN[9]), example(3)]


def test_an_input_is_the_context_and_the_question_against_a_choice() -> None:
    tokenizer = make_tokenizer()
    found = choice.featurize(ITEMS, tokenizer, ("0", "1"), 64)
    assert found.groups.tolist() == [0, 2, 5, 10, 12] and found.targets.tolist() == [[0, 2], [1, 3], [2, 5], [1, 2]]
    assert found.weights.tolist() == [1] * 4 and found.lengths.sum() == len(found.rows.tokens)
    assert found.rows_of(np.array([3, 0])).tolist() == [10, 11, 0, 1]
    row = found.rows.take(np.array([7]))
    expected = tokenizer(f"{ITEMS[2].context} {EN[9]}", ITEMS[2].choices[2])
    assert row.tokens.tolist() == expected["input_ids"] and row.types.tolist() == expected["token_type_ids"]
    plain = tokenizer(ITEMS[0].context, ITEMS[0].choices[1])
    assert found.rows.take(np.array([1])).tokens.tolist() == plain["input_ids"]


def test_long_inputs_are_cut_and_counted_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = choice.featurize(ITEMS, make_tokenizer(), (), 8)
    assert whole.truncated == 5 and whole.rows.lengths.max() == 8
    monkeypatch.setattr(texts, "CHUNK", 1)
    parts = choice.featurize(ITEMS, make_tokenizer(), (), 8)
    assert parts.rows.tokens.tolist() == whole.rows.tokens.tolist() and parts.truncated == 5


@pytest.mark.usefixtures("one_thread")
def test_predictions_are_those_of_each_item_alone() -> None:
    model, tokenizer = make_model(choice.AUTO_CLASS), make_tokenizer()
    items = [example(row % 40, 2 + row % 3) for row in range(30)]
    done: list[float] = []
    table = choice.predict(model, tokenizer, items, ("0", "1"), 64, CPU, done.append)
    assert sum(done) == pytest.approx(1) and table["gold"].to_list() == [item.label for item in items]
    for row, item in zip(table.to_dicts(), items, strict=True):
        pairs = tokenizer([item.context] * len(item.choices), list(item.choices), padding=True, return_tensors="pt")
        with torch.no_grad():
            alone = model.eval()(**{name: value[None] for name, value in pairs.items()}).logits[0]
        assert np.allclose(row["logits"], alone, atol=1e-5) and row["predicted"] == str(int(alone.argmax()))


@pytest.mark.usefixtures("one_thread")
def test_a_model_that_diverged_is_refused() -> None:
    model = make_model(choice.AUTO_CLASS)
    with torch.no_grad():
        model.classifier.bias[0] = torch.inf
    with pytest.raises(UserError, match="not finite for 4 of 4 rows"):
        choice.predict(model, make_tokenizer(), ITEMS, (), 64, CPU)


def test_what_guessing_gives() -> None:
    assert choice.constants(["1", "0", "1"]) == [["1", "1", "1"]]
    features = choice.featurize(ITEMS, make_tokenizer(), (), 64)
    assert choice.guess_loss(features) == pytest.approx(np.log([2, 3, 5, 2]).mean())

"""A new draw in every pass: the order, the features, and what is refused before work starts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import LABELS, XNLI, make_tokenizer

from xtremor.errors import UserError
from xtremor.robust.substitution.settings import Substitution
from xtremor.sources import open_source
from xtremor.sources.base import training_examples
from xtremor.tasks import choice, classification
from xtremor.tasks.base import ChoiceExample
from xtremor.tasks.features import Features
from xtremor.training.batches import Epochs
from xtremor.training.draws import DrawnEpochs, Draws, joined, make_draws

SIZES = [23, 23, 23]


def order(sizes: list[int], passes: float, batch: int = 4) -> DrawnEpochs:
    lengths = np.tile(np.random.default_rng(0).integers(3, 30, max(sizes)), len(sizes))[: sum(sizes)]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return DrawnEpochs(lengths, starts, batch, 1, passes)


@pytest.mark.parametrize("passes", [1.0, 2.0, 2.5, 0.1, 2.99])
def test_equal_passes_have_the_batches_of_a_plain_run(passes: float) -> None:
    found = order(SIZES[: math.ceil(passes)], passes)
    plain = Epochs(found.lengths[:23], 4, 1, passes)
    assert found.updates == plain.updates and found.about(0) == {}
    batches = list(found.batches())
    assert len(batches) == found.updates
    for number, (one, other) in enumerate(zip(batches, plain.batches(), strict=True)):
        assert (one == other + 23 * (number // 6)).all()
    for done in range(found.updates + 1):
        rest = list(found.batches(done))
        assert len(rest) == found.updates - done
        assert all((a == b).all() for a, b in zip(rest, batches[done:], strict=True))


def test_passes_of_different_sizes() -> None:
    """As of question answering, where substitutes may make a further window."""
    found = order([9, 12, 8], 2.5)
    assert found.updates == 3 + 3 + 1
    first, second, third = (list(found.batches())[slice(*at)] for at in ((0, 3), (3, 6), (6, 7)))
    assert sorted(np.concatenate(first)) == list(range(9))
    assert sorted(np.concatenate(second)) == list(range(9, 21))
    assert len(third[0]) == 4 and third[0].min() >= 21


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neighbours") / "near.json"
    words = sorted(make_tokenizer().get_vocab())[:400]
    path.write_text(json.dumps({word: words[at + 1 : at + 6] for at, word in enumerate(words[:-5])}), encoding="utf-8")
    return path


def drawn(data: Path, substitution: Substitution, epochs: float = 2.0, seed: int = 1) -> Draws:
    examples = training_examples(open_source(XNLI, data))

    def featurize(rows: list) -> Features:
        return classification.featurize(rows, make_tokenizer(), LABELS, 64)

    return make_draws(substitution, "unused", examples, epochs, seed, featurize)


def test_every_pass_is_another_draw_and_the_same_one_again(tiny_data: Path, neighbours: Path) -> None:
    settings = Substitution(str(neighbours), protect="none")
    found, again = drawn(tiny_data, settings), drawn(tiny_data, settings)
    assert found.starts.tolist() == [0, 96, 192] and found.passes == 2.0
    assert (found.features.rows.tokens == again.features.rows.tokens).all() and found.record == again.record
    # The first passes of a longer run are those of a shorter one.
    longer = drawn(tiny_data, settings, epochs=3.0).features.rows
    assert (longer.tokens[: len(found.features.rows.tokens)] == found.features.rows.tokens).all()
    other = drawn(tiny_data, settings, seed=2)
    rows = found.features.rows
    passes = [rows.take(np.arange(96)).tokens, rows.take(np.arange(96, 192)).tokens, other.features.rows.tokens]
    sizes = min(map(len, passes))
    assert (passes[0][:sizes] != passes[1][:sizes]).any() and (passes[0][:sizes] != passes[2][:sizes]).any()
    assert (found.features.targets[:96] == found.features.targets[96:]).all()
    record = found.record
    assert record["draws"] == 2 and 0 < record["changed"] < record["known"] <= record["words"]
    assert record["changed_share"] == record["changed"] / record["words"] and record["wordfreq"] is None


@pytest.mark.parametrize(("epochs", "copies", "passes"), [(2.0, 3, 6), (0.5, 3, 2), (0.1, 1, 1), (0.7, 10, 7)])
def test_copies_are_passes(tiny_data: Path, neighbours: Path, epochs: float, copies: int, passes: int) -> None:
    found = drawn(tiny_data, Substitution(str(neighbours), copies=copies), epochs)
    assert len(found.starts) == passes + 1
    assert found.order(8, 1).updates == math.ceil(round(12 * epochs * copies, 6))


def test_groups_are_joined() -> None:
    where = {"task": "t", "file": "f", "cluster": "c", "language": "en", "context": "ba", "question": "", "label": "0"}
    examples = [ChoiceExample(**where, row=n, choices=("ba", "de", "fo")[: 2 + n % 2]) for n in range(5)]
    part = choice.featurize(examples, make_tokenizer(), (), 64)
    both = joined([part, replace(part)])
    assert both.lengths.tolist() == part.lengths.tolist() * 2 and both.rows_of(np.array([5])).tolist() == [12, 13]
    assert (both.targets_of(np.arange(5, 10)) == part.targets).all()


def test_a_file_without_the_words_of_the_text_is_refused(tiny_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    path.write_text('{"absent": ["word"]}', encoding="utf-8")
    with pytest.raises(UserError, match=r"n\.json has no word of the training text; expected English words"):
        drawn(tiny_data, Substitution(str(path)))

"""Finding scorers by name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from xtremor.errors import UserError
from xtremor.scoring.registry import NAMES, scorer

# A right and a wrong item of each.
ITEMS = {
    "accuracy": (["a", "b"], ["a ", "c"]),
    "qqp": (["1", "1"], ["1 ", "0"]),
    "chunk_f1": ([["B-PER"], ["B-PER"]], [["B-PER"], ["O"]]),
    "pos_f1": ([["NOUN"], ["VERB"]], [["NOUN"], ["NOUN"]]),
    "token_accuracy": ([["B-PER"], ["B-PER"]], [["B-PER"], ["O"]]),
    "squad": ([("a1",), ("b1",)], ["a1", None]),
    "squad2": ([("a1",), ("b1",)], ["a1", None]),
    "mlqa": ([("a1",), ("b1",)], ["a1", None]),
    "map@20": ([("a",), ("b",)], [["a"], ["c"]]),
    "mrr@20": ([("a",), ("b",)], [["a"], ["c"]]),
    "bucc_f1": ([("a",), ("b",)], [("a",), ("c",)]),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_scorer_keeps_the_contract(name: str) -> None:
    found = scorer(name, "en")
    gold, predicted = ITEMS[name]
    statistics = found.statistics(gold, predicted)
    assert found.name == name
    assert statistics.shape == (2, len(found.parts)) and statistics.dtype == np.float64
    # Replicates of a bootstrap come as (R, parts).
    many = found.figures(np.stack([statistics.sum(0), statistics[0], np.zeros(len(found.parts))]))
    assert tuple(many) == found.values
    assert all(value.tolist()[1:] == [100, 0] for value in many.values())
    assert {key: value[0] for key, value in many.items()} == pytest.approx(found.score(gold, predicted))
    assert 0 < found.score(gold, predicted)[found.values[0]] < 100
    assert np.array_equal(statistics, np.concatenate([found.statistics([gold[n]], [predicted[n]]) for n in (0, 1)]))


@pytest.mark.parametrize("name", NAMES)
def test_every_scorer_refuses_what_does_not_pair_up(name: str) -> None:
    gold, predicted = ITEMS[name]
    with pytest.raises(UserError, match="expected one prediction for each"):
        scorer(name, "en").statistics(gold, predicted[:1])
    with pytest.raises(UserError, match="to score"):
        scorer(name, "en").statistics([], [])


def test_unknown_names_and_missing_languages_are_said() -> None:
    with pytest.raises(UserError, match=r"unknown metric 'chunkf1' \(nearest: chunk_f1"):
        scorer("chunkf1")
    with pytest.raises(UserError, match="depends on the language"):
        scorer("mlqa")


def test_the_registry_loads_nothing_heavy() -> None:
    code = "import sys, xtremor.scoring.registry; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

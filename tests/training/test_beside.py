"""A plain step beside the method's: what is trained, drawn and counted stays as without it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.problems import make_step, random_features
from helpers.tiny import make_classifier

from xtremor.robust.registry import make
from xtremor.training import beside
from xtremor.training.config import TrainSettings
from xtremor.training.loop import Loop, Totals
from xtremor.training.record import cost_sentence

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()


def train(model: Any, method: str, folder: Path, **more: Any) -> tuple[dict[str, torch.Tensor], Totals, Any]:
    own = copy.deepcopy(model)
    settings = make(method, radius=0.2, steps=2) if method == "pgd" else make(method)
    step = make_step(own, FEATURES, settings)
    folder.mkdir()
    recipe = {"epochs": 3, "batch_size": 4, "learning_rate": 1e-2, **more}
    totals = Loop(step, TrainSettings("any", method=settings, **recipe), [], folder).run()
    return dict(own.state_dict()), totals, step.counts.as_dict()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_nothing_else_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int) -> None:
    model = make_classifier(dropout=0.1)
    monkeypatch.setattr(beside, "SHARE", 0.5)
    measured = train(model, "pgd", tmp_path / "a", accumulate=accumulate)
    monkeypatch.setattr(beside, "MOST", 0)
    monkeypatch.setattr(beside.BesidePlain, "due", lambda *_: False)
    without = train(model, "pgd", tmp_path / "b", accumulate=accumulate)
    for name, weight in without[0].items():
        assert torch.equal(weight, measured[0][name]), name
    assert measured[2] == without[2] and measured[1].tokens == without[1].tokens
    assert len(measured[1].beside) == 4 and not without[1].beside
    assert all(ratio > 0 for ratio in measured[1].beside)


@pytest.mark.parametrize(("updates", "measured"), [(1, 1), (9, 1), (100, 2), (1000, 8), (10**6, 8)])
def test_a_fiftieth_is_measured_at_most_eight_and_spread(updates: int, measured: int) -> None:
    found = beside.BesidePlain(None, make("pgd"), updates).updates  # type: ignore[arg-type]
    assert len(found) == measured and all(0 <= update < updates for update in found)
    assert beside.BesidePlain(None, make("plain"), updates).updates == set()  # type: ignore[arg-type]


def test_plain_is_not_compared_with_itself(tmp_path: Path) -> None:
    assert train(make_classifier(), "plain", tmp_path / "run")[1].beside == []


def test_a_checkpoint_keeps_what_was_measured() -> None:
    totals = Totals(update=3, beside=[1.5, 1.25])
    assert Totals(**json.loads(json.dumps(vars(totals)))) == totals


def test_the_cost_is_told_in_one_sentence_and_of_plain_nothing() -> None:
    counts = {"updates": 1200, "passes_relative_to_plain": 5 / 3}
    told = cost_sentence({"counts": counts, "time_beside_plain": {"ratio": 1.738, "updates": 8}})
    assert told is not None and "1.67 times plain's passes, 1.74 times its time" in told and "8 of 1,200" in told
    assert cost_sentence({"counts": counts, "time_beside_plain": {"ratio": 1.0, "updates": 0}}) is None

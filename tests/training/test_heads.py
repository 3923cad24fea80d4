"""Every head under every method: radius 0, counted passes, gradients by hand, parts of an update, 16 rows by heart."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.heads import HEADS, Head
from helpers.problems import gradients, make_step, padded_inputs
from helpers.tiny import KINDS, MORE_KINDS, make_config

from xtremor.robust.methods.base import Method
from xtremor.robust.registry import METHODS, make
from xtremor.training.config import TrainSettings
from xtremor.training.loop import Loop
from xtremor.training.step import BatchStep

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys()),
]
SAME = {
    "noise": make("noise", radius=0.0),
    "pgd-2": make("pgd", radius=0.0, steps=2),
    "pgd-1 at the block": make("pgd", radius=0.0, site="embeddings"),
    "freelb-1": make("freelb", steps=1, radius=0.3),
    "noise-k1": make("noise-k", steps=1, radius=0.3),
}


def step_of(head: Head, model: Any, method: Method | None = None, rows: int = 12) -> BatchStep:
    return make_step(model, head.features(rows, True), method, category=head.category)


def train(head: Head, model: Any, folder: Path, updates: int, rows: int = 12, **more: Any) -> BatchStep:
    method = more.pop("method", make("plain"))
    step = step_of(head, model, method, rows)
    folder.mkdir()
    recipe = {"epochs": updates * more.get("batch_size", 4) / rows, "batch_size": 4, "learning_rate": 1e-2, **more}
    Loop(step, TrainSettings("any", method=method, **recipe), [], folder).run()
    return step


@pytest.mark.parametrize("method", SAME.values(), ids=SAME.keys())
def test_radius_zero_gives_the_gradients_of_plain_bit_for_bit(head: Head, method: Method) -> None:
    model = head.model(dropout=0.1)
    plain, robust = gradients(step_of(head, model)), gradients(step_of(head, model, method))
    assert plain.keys() == robust.keys() and len(plain) > 30
    for name, gradient in plain.items():
        assert torch.equal(gradient, robust[name]), name


def test_radius_zero_gives_the_weights_of_plain_bit_for_bit(head: Head, tmp_path: Path) -> None:
    model = head.model(dropout=0.1)
    plain = train(head, model, tmp_path / "plain", 5).model.state_dict()
    for name in ("noise", "pgd-2", "freelb-1"):
        robust = train(head, model, tmp_path / name, 5, method=SAME[name]).model.state_dict()
        assert all(torch.equal(weight, robust[key]) for key, weight in plain.items())


@pytest.mark.parametrize("name", METHODS)
def test_counted_passes_are_made_and_the_perturbation_arrives(head: Head, name: str) -> None:
    method = make(name, radius=0.3 if make(name).perturbs else None)
    step = step_of(head, head.model(), method)
    calls = 0

    def count(module: Any, inputs: Any, output: Any) -> None:
        nonlocal calls
        calls += 1

    step.model.base_model.register_forward_hook(count)
    found = gradients(step)
    assert step.counts.total() == method.expected_passes() and calls == step.counts.forward
    plain = gradients(step_of(head, head.model()))
    # These models have no dropout for r-drop to agree about.
    assert torch.allclose(found[head.weight], plain[head.weight], rtol=1e-3) == (name in ("plain", "rsda", "r-drop"))


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_loss_and_gradients_are_those_written_by_hand(head: Head, kind: str) -> None:
    if type(make_config(kind)) not in getattr(transformers, head.category.AUTO_CLASS)._model_mapping:
        pytest.skip("transformers has no such head")
    features, model = head.features(9, kind == "bert"), head.model(kind)
    ordinary = copy.deepcopy(model)
    loss = head.reference(ordinary, features)
    loss.backward()
    step = make_step(model, features, category=head.category)
    found = gradients(step)
    trained, tokens = step.run(np.arange(len(features.lengths)), 0, 0, 1.0)
    assert float(trained) == pytest.approx(loss.item(), rel=1e-5) and tokens == len(features.rows.tokens)
    table = ordinary.get_input_embeddings().weight
    # `gradients` cleared what the run above adds to.
    assert torch.allclose(table.grad[step.table.get_buffer("kept")] * 2, step.table.weight.grad, rtol=1e-3, atol=1e-6)
    for name, parameter in ordinary.named_parameters():
        if parameter is not table and parameter.grad is not None:
            assert torch.allclose(parameter.grad, found[name], rtol=1e-3, atol=1e-6), name


def test_parts_of_an_update_add_up_by_their_targets(head: Head) -> None:
    """Gradients of unequal parts, weighted, are those of the whole batch where nothing is random."""
    if not head.separable:
        pytest.skip("the units of a batch are not apart; --accumulate is refused")
    whole = gradients(step_of(head, head.model(), rows=11))
    step = step_of(head, head.model(), rows=11)
    weights = step.features.weights
    for part, units in enumerate(np.array_split(np.arange(11), 4)):
        step.run(units, 0, part, int(weights[units].sum()) / int(weights.sum()))
    for name, parameter in step.model.named_parameters():
        if parameter.grad is not None:
            assert torch.allclose(parameter.grad, whole[name], rtol=1e-4, atol=1e-6), name


def test_the_loop_weighs_parts_so(head: Head, tmp_path: Path) -> None:
    if not head.separable:
        pytest.skip("the units of a batch are not apart; --accumulate is refused")
    losses = []
    for accumulate in (1, 4):
        folder = tmp_path / str(accumulate)
        train(head, head.model(), folder, 4, rows=11, batch_size=11, accumulate=accumulate, learning_rate=1e-3)
        losses.append([float(line.split('"loss": ')[1].split(",")[0]) for line in (folder / "log.jsonl").open()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3) and len(losses[0]) == 4


def test_sixteen_rows_are_learnt_by_heart(head: Head, tmp_path: Path) -> None:
    step = train(head, head.model(), tmp_path / "run", 120, rows=16, batch_size=16)
    with torch.no_grad():
        outputs = step.model.eval()(**head.category.model_inputs(padded_inputs(step.features)))
    assert head.right(outputs, step.features).all()


def test_guessing_is_above_what_is_learnt_and_near_a_fresh_head(head: Head, tmp_path: Path) -> None:
    features = head.features(16, True)
    guess = head.category.guess_loss(features)
    assert 0.3 < guess < 5
    step = train(head, head.model(), tmp_path / "run", 60, rows=16, batch_size=16)
    assert head.reference(step.model.eval(), features).item() < guess / 2

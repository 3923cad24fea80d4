"""A batch through a tiny BERT: radius 0 is plain bit for bit, and plain is what transformers and torch would do."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import gradients, make_step, random_features, reference_loss
from helpers.tiny import make_classifier

from xtremor.robust.methods.base import Method
from xtremor.robust.registry import make
from xtremor.training.config import TrainSettings
from xtremor.training.loop import Loop
from xtremor.training.step import BatchStep

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()
ROWS = np.arange(len(FEATURES.rows))
# Bit for bit plain: one weight gradient, taken at delta 0.
SAME = {
    "noise": make("noise", radius=0.0),
    "pgd-1": make("pgd", radius=0.0),
    "pgd-3": make("pgd", radius=0.0, steps=3),
    "pgd-1 linf": make("pgd", radius=0.0, norm="linf"),
    "pgd-1 sequence-scaled": make("pgd", radius=0.0, scope="sequence-scaled"),
    "pgd-1 at the block": make("pgd", radius=0.0, site="embeddings"),
    "freelb-1": make("freelb", steps=1, radius=0.3),
    "noise-k1": make("noise-k", steps=1, radius=0.3),
}
# Plain up to rounding: an average of equal gradients.
MEAN = {
    "noise of 3 draws": make("noise", radius=0.0, draws=3),
    "freelb-3": make("freelb", radius=0.0, steps=3),
    "noise-k3": make("noise-k", radius=0.0, steps=3),
}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


@pytest.fixture(scope="module")
def still() -> Any:
    """The same without dropout."""
    return make_classifier(dropout=0.0)


def train(model: Any, method: Method, folder: Path, updates: int = 5, **more: Any) -> BatchStep:
    """Some updates with the real loop."""
    step = make_step(model, FEATURES, method)
    folder.mkdir()
    recipe = {"epochs": updates / 3, "batch_size": 4, "learning_rate": 1e-2, **more}
    settings = TrainSettings("xnli", method=method, **recipe)
    Loop(step, settings, [], folder).run()
    return step


@pytest.mark.parametrize("method", SAME.values(), ids=SAME.keys())
def test_radius_zero_gives_the_gradients_of_plain_bit_for_bit(model: Any, method: Method) -> None:
    plain, robust = gradients(make_step(model, FEATURES)), gradients(make_step(model, FEATURES, method))
    assert plain.keys() == robust.keys() and len(plain) > 30
    for name, gradient in plain.items():
        assert torch.equal(gradient, robust[name]), name
        assert gradient.any(), name


def test_radius_zero_gives_the_weights_of_plain_bit_for_bit(model: Any, tmp_path: Path) -> None:
    plain = train(model, make("plain"), tmp_path / "plain").model.state_dict()
    for name in ("noise", "pgd-1", "pgd-3", "freelb-1"):
        robust = train(model, SAME[name], tmp_path / name).model.state_dict()
        for key, weight in plain.items():
            assert torch.equal(weight, robust[key]), (name, key)


def test_a_radius_gives_other_gradients(model: Any) -> None:
    """The equalities above would also hold for methods that perturb nothing."""
    plain = gradients(make_step(model, FEATURES))["classifier.weight"]
    for name, method in (SAME | MEAN).items():
        if getattr(method, "steps", 0) != 1 or method.name == "pgd":
            robust = gradients(make_step(model, FEATURES, replace(method, radius=0.3)))
            assert not torch.allclose(plain, robust["classifier.weight"], rtol=1e-3), name


@pytest.mark.parametrize("method", MEAN.values(), ids=MEAN.keys())
def test_averages_at_radius_zero_are_plain_to_rounding(still: Any, method: Method) -> None:
    plain, robust = gradients(make_step(still, FEATURES)), gradients(make_step(still, FEATURES, method))
    for name, gradient in plain.items():
        assert torch.allclose(gradient, robust[name], rtol=1e-5, atol=1e-6), name


def test_plain_gradients_are_those_of_the_ordinary_model(still: Any) -> None:
    """Compact table, overridden lookup and ragged batch against transformers' own forward pass and the full table."""
    ordinary = copy.deepcopy(still)
    loss = reference_loss(ordinary, FEATURES)
    loss.backward()
    step = make_step(still, FEATURES)
    found = gradients(step)
    trained, tokens = step.run(ROWS, 0, 0, 1.0)
    assert float(trained) == pytest.approx(loss.item(), rel=1e-6) and tokens == FEATURES.rows.tokens.size
    table = "bert.embeddings.word_embeddings.weight"
    kept = step.table.get_buffer("kept")
    for name, parameter in ordinary.named_parameters():
        if name == table:
            assert torch.allclose(parameter.grad[kept], found[name], rtol=1e-4, atol=1e-7)
            rest = torch.ones(len(parameter), dtype=torch.bool)
            rest[kept] = False
            assert not parameter.grad[rest].any() and rest.sum() > 100
        else:
            assert torch.allclose(parameter.grad, found[name], rtol=1e-4, atol=1e-7), name


def test_shared_dropout_draws_the_same_masks_and_fresh_does_not(model: Any) -> None:
    for dropout in ("shared", "fresh"):
        step = make_step(model, FEATURES, make("pgd", dropout=dropout))
        losses: list[float] = []

        class Twice:
            def step(self, passes: Any) -> torch.Tensor:
                losses.extend(passes.forward(None).item() for _ in range(2))  # noqa: B023
                return torch.zeros(())

        step.runner = Twice()
        step.run(ROWS, 0, 0, 1.0)
        step.run(ROWS, 1, 0, 1.0)
        assert (losses[0] == losses[1]) == (dropout == "shared")
        assert losses[0] != losses[2], "another update draws other masks"


def test_a_perturbation_is_a_function_of_seed_update_and_part(model: Any) -> None:
    step, found = make_step(model, FEATURES, make("noise", radius=0.3)), []
    for update, part in ((0, 0), (0, 0), (1, 0), (0, 1)):
        step.model.zero_grad(set_to_none=True)
        step.run(ROWS, update, part, 1.0)
        found.append(step.model.classifier.weight.grad.clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2]) and not torch.equal(found[0], found[3])


@pytest.mark.parametrize("site", ["word", "embeddings"])
@pytest.mark.parametrize("method", ["pgd", "freelb", "noise-k"])
def test_counted_passes_are_made_passes(still: Any, method: str, site: str) -> None:
    """Hooks on the model count for themselves: forward, backward to the site, and gradients of a weight."""
    settings = make(method, steps=3, radius=0.1, site=site)
    step = make_step(still, FEATURES, settings)
    made = {"forward": 0, "backward_activations": 0, "backward_weights": 0}

    def count(what: str) -> None:
        made[what] += 1

    def watch(module: Any, inputs: Any, output: Any) -> None:
        count("forward")
        hidden = output[0] if isinstance(output, tuple) else output
        hidden.register_hook(lambda gradient: count("backward_activations"))

    step.model.bert.encoder.layer[0].register_forward_hook(watch)
    step.model.bert.encoder.layer[0].output.dense.weight.register_hook(lambda gradient: count("backward_weights"))
    step.run(ROWS, 0, 0, 1.0)
    assert made == step.counts.as_dict() and step.counts.total() == settings.expected_passes()


@pytest.mark.parametrize("site", ["word", "embeddings"])
def test_adversarial_loss_is_above_random_and_plain(still: Any, site: str) -> None:
    losses = {}
    for name in ("plain", "noise", "pgd"):
        chosen = {} if name == "plain" else {"radius": 0.2, "site": site}
        step = make_step(still, FEATURES, make(name, **chosen))
        losses[name] = step.run(ROWS, 0, 0, 1.0)[0].item()
    assert losses["pgd"] > losses["noise"] + 0.01 and losses["pgd"] > losses["plain"] + 0.01
    assert losses["noise"] != losses["plain"]


def test_unit_of_a_relative_radius(still: Any) -> None:
    """The mean norm of the whole table; at the block, of its output."""
    table = still.get_input_embeddings().weight.detach()
    word = make_step(still, FEATURES, make("pgd", radius=0.5))
    assert word.unit == pytest.approx(table.norm(dim=1)[table.norm(dim=1) > 0].mean().item(), rel=1e-6)
    assert word.settings.radius == 0.5
    block = make_step(still, FEATURES, make("pgd", radius=0.5, site="embeddings"))
    # LayerNorm without learnt scale: every vector has norm sqrt(H).
    assert block.unit == pytest.approx(16**0.5, rel=1e-3)
    assert block.model.training


def test_parts_of_an_update_add_up(still: Any, tmp_path: Path) -> None:
    """accumulate = 4 trains as accumulate = 1 where nothing is random."""
    whole = train(still, make("plain"), tmp_path / "one", batch_size=12)
    parts = train(still, make("plain"), tmp_path / "four", batch_size=12, accumulate=4)
    assert parts.counts.forward == 4 * whole.counts.forward
    for name, weight in whole.model.state_dict().items():
        # The gradient of a key's bias is zero but for rounding, which AdamW blows up.
        if not name.endswith("key.bias"):
            assert torch.allclose(weight, parts.model.state_dict()[name], rtol=1e-3, atol=1e-5), name


def test_a_frozen_table_stays_and_perturbs_all_the_same(still: Any) -> None:
    step = make_step(still, FEATURES, make("pgd", radius=0.2), train=False)
    found = gradients(step)
    assert step.table.weight.grad is None and "bert.embeddings.word_embeddings.weight" not in found
    plain = gradients(make_step(still, FEATURES, train=False))
    assert not torch.allclose(plain["classifier.weight"], found["classifier.weight"], rtol=1e-3)

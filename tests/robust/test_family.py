"""Every method through a tiny encoder: counted passes, what it is at size zero, what it trains on, its state."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import gradients, make_step, random_features, reference_loss, run_updates
from helpers.tiny import make_classifier

from xtremor.errors import UserError
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import METHODS, make
from xtremor.training.config import TrainSettings
from xtremor.training.loop import Loop

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()
ROWS = np.arange(len(FEATURES.rows))

# The reference's table: method and settings -> forward, backward to activations, backward to weights.
PASSES = [
    (make("plain"), (1, 1, 1)),
    (make("noise", draws=3), (3, 3, 3)),
    (make("neftune"), (1, 1, 1)),
    (make("neftune-padded"), (1, 1, 1)),
    (make("fgm"), (2, 2, 2)),
    (make("pgd", steps=3), (4, 4, 1)),
    (make("pgd", steps=3, start=0.0, clean=0.5), (4, 4, 2)),
    (make("pgd", steps=3, clean=0.5), (5, 5, 2)),
    (make("noise-norms", steps=2), (3, 3, 1)),
    (make("noise-rise", steps=2, search=4), (9, 3, 1)),
    (make("freelb", steps=3), (3, 3, 3)),
    (make("freelb-code"), (3, 3, 3)),
    (make("freelb++", steps=5), (5, 5, 5)),
    (make("noise-k", steps=3), (3, 3, 3)),
    (make("smart"), (3, 3, 2)),
    (make("smart", steps=2), (4, 4, 2)),
    (make("smart", bregman=1.0), (4, 3, 2)),
    (make("smart-code"), (3, 3, 2)),
    (make("vat", steps=2), (4, 4, 2)),
    (make("alum"), (3, 3, 2)),
    (make("r3f"), (2, 2, 2)),
    (make("r4f"), (2, 2, 2)),
    (make("r-drop"), (2, 2, 2)),
    (make("r-drop-paper"), (2, 2, 2)),
    (make("sam"), (2, 2, 2)),
    (make("awp", steps=2), (4, 4, 2)),
    (make("creat"), (3, 3, 2)),
    (make("creat", steps=3), (5, 5, 2)),
]
# One trained pass at the clean input: plain's gradients bit for bit.
SAME = [
    make("noise", radius=0.0, distribution="sphere"),
    make("noise", radius=0.0, distribution="normal"),
    make("neftune", alpha=0.0),
    make("neftune-padded", alpha=0.0),
    make("pgd", radius=0.0, steps=2, spare_special=True),
    make("noise-norms", radius=0.0),
    make("noise-rise", radius=0.0),
    make("freelb-code", radius=0.0, steps=1),
    make("sam", rho=0.0),
    make("awp", radius=0.0, gamma=0.0, steps=2),
]
# Plain's gradients to rounding with dropout off, times what the losses are added to.
MEAN = [
    (make("fgm", radius=0.0), 2.0),
    (make("pgd", radius=0.0, clean=0.3), 1.0),
    (make("pgd", radius=0.0, clean=0.3, start=0.0), 1.0),
    (make("freelb++", radius=0.0, steps=3), 1.0),
    (make("freelb-code", radius=0.0), 1.0),
    (make("smart", radius=0.0), 1.0),
    (make("smart", radius=0.0, bregman=1.0), 1.0),
    (make("vat", radius=0.0), 1.0),
    (make("alum", radius=0.0), 1.0),
    (make("r3f", radius=0.0), 1.0),
    (make("creat", radius=0.0), 1.0),
    (make("r4f", radius=0.0), 1.0),
    (make("r-drop"), 1.0),
    (make("r-drop-paper"), 2.0),
]


def label(value: Any) -> str | None:
    return value.arm if isinstance(value, Method) else None


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


@pytest.fixture(scope="module")
def still() -> Any:
    """The same without dropout."""
    return make_classifier(dropout=0.0)


def test_the_tables_leave_no_method_out() -> None:
    assert {method.name for method, _ in PASSES} == METHODS.keys() - {"rsda"}
    large = {"smart-code"}  # Its perturbation has no size that could be zero.
    assert {"plain", "noise-k", "freelb", *large} | {m.name for m in SAME} | {m.name for m, _ in MEAN} >= (
        METHODS.keys() - {"rsda"}
    )


@pytest.mark.parametrize(("method", "counts"), PASSES, ids=label)
def test_passes_counted_by_hooks_are_those_of_the_reference(
    model: Any, method: Method, counts: tuple[int, int, int]
) -> None:
    step = make_step(model, FEATURES, method)
    step.run(ROWS, 0, 0, 1.0)
    assert tuple(step.counts.as_dict().values()) == counts
    assert sum(counts) == method.expected_passes() == pytest.approx(step.counts.total())


@pytest.mark.parametrize("method", SAME, ids=label)
def test_at_size_zero_the_gradients_are_plains_bit_for_bit(model: Any, method: Method) -> None:
    step = make_step(model, FEATURES, method)
    plain, robust = gradients(make_step(model, FEATURES)), gradients(step)
    assert plain.keys() == robust.keys()
    for name, gradient in plain.items():
        assert torch.equal(gradient, robust[name]), name
    assert step.counts.total() == method.expected_passes(), "the ascent runs all the same"


@pytest.mark.parametrize(("method", "scale"), MEAN, ids=label)
def test_at_size_zero_without_dropout_the_gradients_are_plains(still: Any, method: Method, scale: float) -> None:
    step = make_step(still, FEATURES, method)
    plain, robust = gradients(make_step(still, FEATURES)), gradients(step)
    for name, gradient in plain.items():
        assert torch.allclose(scale * gradient, robust[name], rtol=1e-5, atol=1e-6), name
    assert step.counts.total() == method.expected_passes(), "the ascent runs all the same"


@pytest.mark.parametrize("method", [method for method, _ in PASSES if method.name != "plain"], ids=label)
def test_a_method_does_something(model: Any, method: Method) -> None:
    """The equalities above would also hold for methods that do nothing."""
    if method.perturbs and "radius" in method.options():
        method = make(**{**method.as_dict(), "radius": 0.3, "relative": True})
    plain = gradients(make_step(model, FEATURES))["classifier.weight"]
    robust = gradients(make_step(model, FEATURES, method))["classifier.weight"]
    scale = 2.0 if method.name in ("fgm", "r-drop-paper") else 1.0
    assert not torch.allclose(scale * plain, robust, rtol=1e-3)


def test_agreement_under_shared_masks_and_no_noise_is_complete(model: Any) -> None:
    """KL of zero: the loss is plain's."""
    plain = make_step(model, FEATURES).run(ROWS, 0, 0, 1.0)[0]
    for name in ("r3f", "smart", "vat", "alum"):
        silent = make_step(model, FEATURES, make(name, radius=0.0, dropout="shared")).run(ROWS, 0, 0, 1.0)[0]
        assert float(silent) == pytest.approx(float(plain), abs=1e-7), name
    fresh = make_step(model, FEATURES, make("r3f", radius=0.0)).run(ROWS, 0, 0, 1.0)[0]
    assert float(fresh) > float(plain) + 1e-4, "at its default R3F is dropout consistency"


def test_the_divergence_is_the_symmetric_kl_of_the_classes(still: Any) -> None:
    """R3F by hand: cross-entropy plus KL both ways against the model with the same noise put into its table output."""
    method = make("r3f", radius=0.3, relative=True, dropout="shared")
    step = make_step(still, FEATURES, method)
    seen: list[torch.Tensor] = []
    step.model.register_forward_hook(lambda module, inputs, output: seen.append(output.logits.detach()))
    loss = float(step.run(ROWS, 0, 0, 1.0)[0])
    p, q = (logits.double().log_softmax(-1) for logits in seen)
    divergence = ((p.exp() - q.exp()) * (p - q)).sum(-1).mean()
    expected = reference_loss(copy.deepcopy(still), FEATURES).item() + divergence.item()
    assert divergence > 1e-6 and loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", ["pgd", "freelb", "noise", "noise-k", "vat", "smart", "fgm", "noise-norms"])
def test_special_tokens_are_spared_and_the_others_moved(still: Any, name: str, norm: str) -> None:
    method = make(name, radius=0.2, relative=True, spare_special=True, norm=norm)
    step = make_step(still, FEATURES, method, special=[2, 3])
    seen: list[torch.Tensor] = []
    inner = step.sited.over

    def spy(*args: Any) -> Any:
        run = inner(*args)

        class Spy:
            def __call__(self, delta: Any) -> Any:
                if delta is not None:
                    seen.append(delta.detach())
                return run(delta)

            finish, states = run.finish, run.states

        return Spy()

    step.sited.over = spy
    step.run(ROWS, 0, 0, 1.0)
    special = torch.isin(torch.from_numpy(FEATURES.rows.tokens.astype(np.int64)), torch.tensor([2, 3]))
    moved = [delta for delta in seen if delta.any()]
    assert moved and all(not delta[special].any() and bool(delta[~special].any(-1).all()) for delta in moved)


@pytest.mark.parametrize(
    "method", [make("smart", bregman=2.0), make("r4f"), make("sam"), make("awp", radius=0.1)], ids=label
)
def test_a_run_with_a_state_resumes_exactly(model: Any, method: Method, tmp_path: Path) -> None:
    settings = TrainSettings("any", method=method, epochs=2.0, batch_size=4, learning_rate=1e-2)
    whole, first, second = (make_step(model, FEATURES, method) for _ in range(3))
    run_updates(whole, settings, tmp_path / "whole")
    run_updates(first, settings, tmp_path / "cut", 3)
    run_updates(second, settings, tmp_path / "cut")
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, second.model.state_dict()[name]), name
    for name, held in whole.runner.state().items():
        assert torch.equal(held, second.runner.state()[name]), name
    assert second.counts.as_dict() == whole.counts.as_dict()


def test_averaged_weights_are_the_moving_average_of_the_updates(model: Any, tmp_path: Path) -> None:
    method = make("smart", bregman=1.0, averaging=0.75)
    step = make_step(model, FEATURES, method)
    loop = Loop(step, TrainSettings("any", method=method, epochs=1, batch_size=4, learning_rate=1e-2), [], tmp_path)
    weight = step.model.classifier.weight
    expected = weight.detach().clone()
    for rows in list(loop._batches()):
        loop._update(rows)
        expected = 0.75 * expected + 0.25 * weight.detach()
    held = step.runner.state()["classifier.weight"]
    assert torch.allclose(held, expected, atol=1e-7) and not torch.allclose(held, weight.detach(), atol=1e-4)


def test_r4f_keeps_the_head_at_spectral_norm_one(model: Any) -> None:
    large = copy.deepcopy(model)
    large.classifier.weight.data *= 100
    step = make_step(large, FEATURES, make("r4f"))
    step.runner.after_update()
    assert float(torch.linalg.matrix_norm(step.model.classifier.weight.detach(), 2)) == pytest.approx(1.0, rel=1e-5)
    assert torch.equal(step.model.bert.pooler.dense.weight, model.bert.pooler.dense.weight), "inside the encoder"


@pytest.mark.parametrize("name", ["pgd", "freelb", "noise", "fgm", "vat", "smart", "r3f", "creat"])
@pytest.mark.parametrize("site", ["layer:1", "layer:2", "last"])
def test_hidden_sites_pass_what_lies_below_once(model: Any, name: str, site: str) -> None:
    method = make(name, site=site, radius=0.1, relative=True)
    step = make_step(model, FEATURES, method)
    step.run(ROWS, 0, 0, 1.0)
    below = {"layer:1": 0.5, "layer:2": 1.0, "last": 1.0}[site]
    assert step.below == below and len(step.model.bert.encoder.layer) == 2
    assert (
        step.counts.total()
        == pytest.approx(method.expected_passes(below))
        == pytest.approx(3 * below + method.cost() * (1 - below))
    )


@pytest.mark.parametrize("site", ["layer:1", "layer:2", "last"])
@pytest.mark.parametrize("method", [make("pgd", radius=0.0, steps=2), make("noise", radius=0.0)], ids=label)
def test_hidden_sites_at_radius_zero_are_plain_bit_for_bit(model: Any, site: str, method: Method) -> None:
    at = make(**{**method.as_dict(), "site": site})
    plain, robust = gradients(make_step(model, FEATURES)), gradients(make_step(model, FEATURES, at))
    assert plain.keys() == robust.keys()
    for name, gradient in plain.items():
        assert torch.equal(gradient, robust[name]), name


def test_a_hidden_perturbation_arrives_and_goes_up(still: Any) -> None:
    losses = {}
    for name in ("plain", "noise", "pgd"):
        method = make(name, **({} if name == "plain" else {"site": "layer:1", "radius": 0.3}))
        losses[name] = float(make_step(still, FEATURES, method).run(ROWS, 0, 0, 1.0)[0])
    assert losses["pgd"] > max(losses["noise"], losses["plain"]) + 0.01 and losses["noise"] != losses["plain"]


def test_prefix_once_gives_the_gradients_of_the_prefix_every_time(still: Any) -> None:
    """FreeLB at a layer: the gradient gathered in the hidden states and sent down once, or with every pass."""
    method = make("freelb", steps=3, site="layer:1", radius=0.3)
    once = make_step(still, FEATURES, method)
    every = make_step(still, FEATURES, method)
    object.__setattr__(every.sited.depth, "below", ())
    one, other = gradients(once), gradients(every)
    for name, gradient in other.items():
        assert torch.allclose(gradient, one[name], rtol=1e-4, atol=1e-6), name
    assert once.counts.total() < every.counts.total() == pytest.approx(9)


def test_the_model_is_whole_after_a_failure(still: Any) -> None:
    step = make_step(still, FEATURES, make("pgd", site="layer:1"))
    names = [name for name, _ in step.model.named_modules()]
    step.category = Broken()
    with pytest.raises(ZeroDivisionError):
        step.run(ROWS, 0, 0, 1.0)
    assert [name for name, _ in step.model.named_modules()] == names


class Broken:
    """A category whose loss fails."""

    def model_inputs(self, inputs: Any) -> Any:
        return inputs

    def loss(self, outputs: Any, targets: Any) -> Any:
        raise ZeroDivisionError


def test_a_site_that_is_not_there_is_refused(still: Any) -> None:
    with pytest.raises(UserError, match="has 2 layers; name layer:1 to layer:2"):
        make_step(still, FEATURES, make("pgd", site="layer:3"))
    with pytest.raises(UserError, match="--site 'layer:0' is none of"):
        make("pgd", site="layer:0")

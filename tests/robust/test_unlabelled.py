"""VAT and ALUM on rows without a label: passes, gradients by hand, nothing at size zero, in a loop of one's own."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
from helpers.heads import HEADS
from helpers.problems import Toy, make_step, padded_inputs, random_features
from helpers.tiny import make_classifier
from torch import Tensor

from xtremor.errors import UserError
from xtremor.robust import ALUM, PGD, VAT, Plain, Robust
from xtremor.robust.methods.unlabelled import Unlabelled, for_unlabelled
from xtremor.robust.passes import Passes
from xtremor.robust.registry import METHODS, make
from xtremor.tasks.features import Features

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES, OTHERS = random_features(), random_features(9, seed=5)
ROWS = np.arange(len(OTHERS.lengths))
BATCH = {**padded_inputs(FEATURES), "labels": torch.from_numpy(FEATURES.targets)}
BARE = padded_inputs(OTHERS)
ABLE = {"vat": make("vat", radius=0.3, steps=2), "alum": make("alum", radius=0.3, relative=True, norm="l2", steps=2)}
able = pytest.mark.parametrize("method", ABLE.values(), ids=ABLE.keys())


@pytest.fixture(scope="module")
def still() -> Any:
    return make_classifier(dropout=0.0)


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


def alone(model: Any, method: Any, features: Features = OTHERS) -> tuple[float, dict[str, Tensor], Any]:
    """The step over rows without a label: its loss, its gradients and the step."""
    step = make_step(model, features, method)
    loss, _ = step.over(features, np.arange(len(features.lengths)), method.step_unlabelled, ("unlabelled", 0, 0), 1.0)
    return float(loss), {name: each.grad for name, each in step.model.named_parameters() if each.grad is not None}, step


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", ["vat", "alum"])
def test_counted_passes_are_2k_and_4(model: Any, name: str, steps: int) -> None:
    method = make(name, steps=steps)
    counts = alone(model, method)[2].counts
    assert tuple(counts.as_dict().values()) == (steps + 2, steps + 1, 1)
    assert counts.total() == method.cost_unlabelled() == 2 * steps + 4


@pytest.mark.parametrize("name", ["vat", "alum"])
def test_at_a_layer_what_lies_below_is_passed_once(model: Any, name: str) -> None:
    method = make(name, site="layer:1", radius=0.1, relative=True)
    counts = alone(model, method)[2].counts
    assert counts.total() == pytest.approx(3 * 0.5 + method.cost_unlabelled() * 0.5)


@pytest.mark.parametrize("dropout", ["still", "model"])
@pytest.mark.parametrize("name", ["vat", "alum"])
def test_at_radius_zero_with_shared_masks_nothing_is_trained(
    name: str, dropout: str, request: pytest.FixtureRequest
) -> None:
    method = make(name, radius=0.0, dropout="shared")
    loss, found, _ = alone(request.getfixturevalue(dropout), method)
    assert loss == pytest.approx(0, abs=1e-7) and len(found) > 30
    for name, gradient in found.items():
        assert torch.allclose(gradient, torch.zeros_like(gradient), atol=1e-6), name


@able
def test_labels_change_nothing(model: Any, method: Any) -> None:
    other = Features(OTHERS.rows, np.full_like(OTHERS.targets, -1), 0)
    (loss, one, _), (same, two, _) = alone(model, method), alone(model, method, other)
    assert loss == same > 1e-4
    assert all(torch.equal(gradient, two[name]) for name, gradient in one.items())


class Rows(Toy):
    """The toy's rows as classes: logits (B, H) in float64."""

    def logits(self, delta: Tensor | None) -> Tensor:
        given = torch.zeros_like(self.vectors) if delta is None else delta
        self.deltas.append(given.detach().double().clone())
        moved = torch.tanh((self.vectors + given.double()) @ self.weight)
        return torch.zeros(self.segments.count, self.width, dtype=torch.float64).index_add(
            0, self.segments.row_of_token, moved
        )

    def value(self, delta: Tensor) -> Tensor:
        """KL from the answers without a delta, held fixed, both ways where ``both``."""
        kept = list(self.deltas)
        p, q = self.logits(None).detach().log_softmax(-1), self.logits(delta).log_softmax(-1)
        self.deltas = kept
        found = (p.exp() * (p - q)).sum(-1) + self.both * (q.exp() * (q - p)).sum(-1)
        return found.mean()

    both = 0.0

    def over(self) -> Passes:
        generator = torch.Generator().manual_seed(3)
        return Passes(
            self.segments, self.width, self.logits, lambda outputs: outputs.sum() * torch.nan, generator, 1,
            distributions=lambda outputs: [outputs],
        )  # fmt: skip


@pytest.mark.parametrize("scope", ["token", "sequence", "sequence-scaled"])
def test_vat_trains_the_divergence_in_the_direction_in_which_it_grows_fastest(scope: str) -> None:
    """Against central differences in float64; the loss that needs labels is not a number and is never asked."""
    toy = Rows()
    loss = VAT(radius=0.3, relative=False, scope=scope, probe=1.0, consistency=2.0).step_unlabelled(toy.over())
    clean, probe, trained = toy.deltas
    assert not clean.any() and probe.any()
    gradient = toy.numeric_gradient(probe)
    units = gradient.split(1 if scope == "token" else toy.segments.lengths.tolist())
    room = [0.3 * (len(unit) ** 0.5 if scope == "sequence-scaled" else 1) for unit in units]
    expected = torch.cat([size * unit / unit.norm() for size, unit in zip(room, units, strict=True)])
    assert torch.allclose(trained, expected, rtol=1e-3, atol=1e-5)
    assert float(loss) == pytest.approx(2 * float(toy.value(trained)), rel=1e-4)
    assert torch.allclose(toy.weight.grad, 2 * toy.weight_gradient(trained), rtol=1e-3, atol=1e-6)


def test_alum_trains_the_symmetric_divergence_from_answers_held_fixed() -> None:
    toy = Rows()
    toy.both = 1.0
    method = ALUM(radius=10.0, relative=False, norm="l2", start=0.01, step_size=0.05, consistency=3.0)
    loss = method.step_unlabelled(toy.over())
    _, start, trained = toy.deltas
    gradient = toy.numeric_gradient(start)
    expected = start + 0.5 * gradient / gradient.norm(dim=1, keepdim=True)
    assert torch.allclose(trained, expected, rtol=1e-3, atol=1e-5)
    assert float(loss) == pytest.approx(3 * float(toy.value(trained)), rel=1e-4)
    assert torch.allclose(toy.weight.grad, 3 * toy.weight_gradient(trained), rtol=1e-3, atol=1e-6)


def test_every_other_method_is_refused() -> None:
    able = {name for name, kind in METHODS.items() if issubclass(kind, Unlabelled)}
    assert able == {"vat", "alum"}
    for name in METHODS.keys() - able:
        with pytest.raises(UserError, match=re.escape(f"'{name}' needs labels; text without labels can join vat and")):
            for_unlabelled(make(name))


def of_loop(model: Any, method: Any, **more: Any) -> tuple[float, dict[str, Tensor], Robust]:
    own = copy.deepcopy(model).train()
    torch.manual_seed(7)
    robust = Robust(own, method)
    loss = robust.step(BATCH, **more)
    return float(loss), {name: each.grad for name, each in own.named_parameters() if each.grad is not None}, robust


@able
def test_in_a_loop_of_ones_own_the_divergence_is_added(still: Any, method: Any) -> None:
    """Whatever labels the second batch has are not looked at; what the first trains is as if alone."""
    without, with_ = of_loop(still, method), of_loop(still, method, unlabelled=BARE)
    labelled = of_loop(still, method, unlabelled={**BARE, "labels": torch.zeros(len(ROWS), dtype=torch.long)})
    assert with_[0] > without[0] + 1e-4 and labelled[0] == with_[0]
    name = "classifier.weight"
    assert not torch.allclose(without[1][name], with_[1][name], atol=1e-4)
    assert torch.equal(labelled[1][name], with_[1][name])
    assert with_[2].counts.total() == method.cost() + method.cost_unlabelled()
    assert with_[2].steps == without[2].steps == 1
    halved = of_loop(still, method, unlabelled=BARE, scale=0.5)
    assert torch.allclose(2 * halved[1][name], with_[1][name], rtol=1e-5)


@pytest.mark.parametrize("name", ["vat", "alum"])
def test_at_radius_zero_the_second_batch_changes_nothing(model: Any, name: str) -> None:
    method = make(name, radius=0.0, dropout="shared")
    without, with_ = of_loop(model, method), of_loop(model, method, unlabelled=BARE)
    for key, gradient in without[1].items():
        assert torch.allclose(gradient, with_[1][key], atol=1e-6), key


def test_a_loop_with_a_method_that_needs_labels_is_refused_before_anything_is_passed(still: Any) -> None:
    for method in (Plain(), PGD()):
        own = copy.deepcopy(still)
        with pytest.raises(UserError, match="needs labels"):
            Robust(own, method).step(BATCH, unlabelled=BARE)
        assert all(each.grad is None for each in own.parameters())


@pytest.mark.parametrize("head", ["tagging", "spans", "choice"])
def test_other_heads_in_a_loop_of_ones_own(head: str) -> None:
    found = HEADS[head]
    model = found.model().train()
    features = found.features(6, True)
    batch = found.category.model_inputs(padded_inputs(features))
    if head == "tagging":
        shape = batch["input_ids"].shape
        labelled = {**batch, "labels": torch.zeros(shape, dtype=torch.long)}
    elif head == "spans":
        labelled = {**batch, "start_positions": torch.zeros(6, dtype=torch.long),
                    "end_positions": torch.ones(6, dtype=torch.long)}  # fmt: skip
    else:
        batch = {name: value[:6].view(3, 2, -1) for name, value in padded_inputs(features).items()}
        labelled = {**batch, "labels": torch.tensor([0, 1, 1])}
    losses = []
    for more in (None, batch):
        own = copy.deepcopy(model)
        losses.append(float(Robust(own, VAT(radius=0.3)).step(labelled, unlabelled=more)))
        assert all(bool(each.grad.isfinite().all()) for each in own.parameters() if each.grad is not None)
    assert losses[1] > losses[0]

"""Drift controls: their gradients by hand, what stays as it was bit for bit, the distance that a run reports."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.commands import finish, read_json, start, train_command
from helpers.heads import HEADS, Head
from helpers.problems import make_step, random_features
from helpers.tiny import make_classifier

from xtremor.cli.recipe import TrainOptions
from xtremor.encoders.layers import layer_names, part_of
from xtremor.errors import UserError
from xtremor.jobs import flags
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import make
from xtremor.training.adapt import Adaptation, frozen_names
from xtremor.training.config import TrainSettings
from xtremor.training.controls import Controls
from xtremor.training.drift import L2SP, Pretrained
from xtremor.training.loop import Loop

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features()
FRESH = ["classifier.weight", "classifier.bias"]
METHODS = {name: make(name, **({"radius": 0.1} if name != "plain" else {})) for name in ("plain", "pgd", "freelb")}


def train(folder: Path, controls: Controls, updates: int = 6, model: Any = None, **more: Any) -> tuple[Any, dict, Loop]:
    """Some updates with the real loop, from the same model; the trained model, what a record says, and the loop."""
    model = make_classifier(dropout=0.1) if model is None else copy.deepcopy(model)
    method, fresh = more.pop("method", make("plain")), more.pop("fresh", FRESH)
    features, category = more.pop("features", FEATURES), more.pop("category", None)
    recipe = {"epochs": updates / 3, "batch_size": 4, "learning_rate": 1e-2, **more}
    settings = TrainSettings("any", method=method, controls=controls, **recipe)
    frozen = frozen_names(model, settings)
    step = make_step(
        model, features, method, train=not frozen and not settings.freeze_embeddings,
        **({} if category is None else {"category": category}),
    )  # fmt: skip
    adaptation = Adaptation(step.model, settings, fresh, frozen)
    folder.mkdir()
    loop = Loop(step, settings, fresh, folder, penalty=adaptation.penalty)
    loop.run()
    return step.model, adaptation.finish(), loop


def begun(model: Any = None) -> dict[str, torch.Tensor]:
    """Weights before training, the table compact."""
    return make_step(make_classifier(dropout=0.1) if model is None else model, FEATURES).model.state_dict()


def test_l2_sp_adds_the_gradient_of_its_penalty() -> None:
    """Against autograd on the penalty as the paper writes it, on weights that moved."""
    step = make_step(make_classifier(), FEATURES)
    step.model.bert.pooler.requires_grad_(False)
    named = dict(step.model.named_parameters())
    moving = [name for name, parameter in named.items() if parameter.requires_grad]
    pretrained = Pretrained(step.model, FRESH, moving, on_device=True)
    with torch.no_grad():
        for parameter in named.values():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    start = begun(make_classifier())
    penalty = sum(
        0.3 / 2 * ((parameter - start[name]) ** 2).sum() if name not in FRESH else 0.7 / 2 * (parameter**2).sum()
        for name, parameter in named.items()
        if parameter.requires_grad
    )
    expected = dict(zip(moving, torch.autograd.grad(penalty, [named[name] for name in moving]), strict=True))
    for parameter in named.values():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    L2SP(step.model, pretrained.start, FRESH, 0.3, 0.7).add_gradient()
    for name in moving:
        assert torch.allclose(named[name].grad - 1, expected[name], rtol=1e-4, atol=1e-6), name
    assert step.table.weight.grad.shape == (len(step.table.get_buffer("kept")), 16)
    assert all(parameter.grad is None for parameter in step.model.bert.pooler.parameters())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_one_update_with_l2_sp_is_one_on_the_penalised_loss(method: Method, tmp_path: Path) -> None:
    """The gradient is added once an update, whatever the parts and the passes, and before clipping."""
    norms = {}
    for name, controls, more in (
        ("none", Controls(), {}),
        ("head", Controls(l2_sp=1e-9, l2_sp_head=2.0), {}),
        ("parts", Controls(l2_sp=1e-9, l2_sp_head=2.0), {"accumulate": 4}),
    ):
        model = make_classifier()
        with torch.no_grad():
            model.classifier.weight.fill_(30.0)
        train(tmp_path / name, controls, 1, model, method=method, batch_size=12, epochs=1, **more)
        norms[name] = float((tmp_path / name / "log.jsonl").read_text().split('"gradient_norm": ')[1].split(",")[0])
    # The classes' weights are alike, so that the loss pulls them with little; the penalty with 2 x 30 each.
    assert norms["head"] == pytest.approx(60 * 48**0.5, rel=0.02) and norms["head"] > 10 * norms["none"]
    assert norms["parts"] == pytest.approx(norms["head"], rel=1e-3)


def test_a_stronger_pull_stays_closer(tmp_path: Path) -> None:
    far = [train(tmp_path / f"{alpha}", Controls(l2_sp=alpha), 12)[1]["drift"]["l2"] for alpha in (1e-9, 0.1, 10.0)]
    assert far[0] > far[1] > far[2] > 0


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_frozen_layers_stay_bit_for_bit_and_the_rest_moves(method: Method, tmp_path: Path) -> None:
    model, said, _ = train(tmp_path / "run", Controls(freeze_layers=1), method=method)
    start, layers = begun(), layer_names(model)
    for name, parameter in model.named_parameters():
        below = part_of(name, layers) in ("embeddings", "layer 1")
        assert torch.equal(parameter, start[name]) == below, name
        assert parameter.requires_grad != below
    parts = said["drift"]["parts"]
    assert parts["embeddings"]["l2"] == parts["layer 1"]["l2"] == 0 < parts["layer 2"]["l2"]


def test_interpolation_is_exact_at_both_ends_and_between(tmp_path: Path) -> None:
    start = begun()
    trained = train(tmp_path / "plain", Controls())[0].state_dict()
    for share in (0.0, 0.25, 1.0):
        found, said, _ = train(tmp_path / str(share), Controls(interpolate=share))
        for name, parameter in found.named_parameters():
            if name in FRESH or share == 1:
                assert torch.equal(parameter, trained[name]), name
            elif share == 0:
                assert torch.equal(parameter, start[name]), name
            else:
                assert torch.allclose(parameter, 0.75 * start[name] + 0.25 * trained[name], atol=1e-6), name
        assert (said["drift"]["l2"] == 0) == (share == 0)


def test_drift_is_the_distance_from_the_pretrained_weights(tmp_path: Path) -> None:
    start = begun()
    model, said, _ = train(tmp_path / "run", Controls(), freeze_embeddings=True)
    encoder = {name: value.detach() for name, value in model.named_parameters() if name not in FRESH}
    moved = torch.cat([(value - start[name]).flatten() for name, value in encoder.items()])
    whole = torch.cat([start[name].flatten() for name in encoder])
    drift = said["drift"]
    assert drift["l2"] == pytest.approx(float(moved.norm()), rel=1e-4)
    assert drift["relative"] == pytest.approx(float(moved.norm() / whole.norm()), rel=1e-4)
    assert list(drift["parts"]) == ["embeddings", "layer 1", "layer 2", "other"]
    second = [name for name in encoder if ".layer.1." in name]
    by_hand = torch.cat([(encoder[name] - start[name]).flatten() for name in second]).norm()
    assert drift["parts"]["layer 2"]["l2"] == pytest.approx(float(by_hand), rel=1e-4)
    assert drift["l2"] ** 2 == pytest.approx(sum(part["l2"] ** 2 for part in drift["parts"].values()))


def probed(folder: Path, method: Method, model: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """A run of 3 updates of probing and 6 after them; its step at the end, and the weights where probing ended."""
    recipe = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2, "controls": Controls(probe_epochs=1)}
    step, between = make_step(model, FEATURES, method), {}
    folder.mkdir()
    loop = Loop(step, TrainSettings("any", method=method, **recipe), FRESH, folder)
    end = loop._end_probe

    def look() -> None:
        between.update({name: value.detach().clone() for name, value in step.model.named_parameters()})
        end()

    loop._end_probe = look  # type: ignore[method-assign]
    assert loop.run().update == loop.updates == 9
    return step, between


def test_probing_trains_the_head_alone_and_plainly(tmp_path: Path) -> None:
    """It ends in the same head for every method, the encoder untouched; nothing goes back through it."""
    start, model = begun(), make_classifier(dropout=0.1)
    heads = {}
    for name, method in METHODS.items():
        step, heads[name] = probed(tmp_path / name, method, model)
        assert step.counts.total() == 3 + 6 * method.expected_passes()
    for name, value in heads["plain"].items():
        assert torch.equal(value, start[name]) == (name not in FRESH), name
        assert torch.equal(value, heads["pgd"][name]) and torch.equal(value, heads["freelb"][name])


def test_after_probing_comes_the_schedule_of_a_run_without_it(tmp_path: Path) -> None:
    """From the probed head, the same batches, masks, rates and a fresh optimizer: bit for bit a run of its own."""
    pgd, model = METHODS["pgd"], make_classifier(dropout=0.1)
    step, between = probed(tmp_path / "probed", pgd, model)
    with torch.no_grad():
        for name in FRESH:
            model.get_parameter(name).copy_(between[name])
    alone, _, _ = train(tmp_path / "alone", Controls(), 6, model, method=pgd)
    assert all(torch.equal(value, step.model.state_dict()[name]) for name, value in alone.state_dict().items())


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_controls_go_with_every_head(head: Head, tmp_path: Path) -> None:
    model = head.model(dropout=0.1)
    # Retrieval has no head that could be probed.
    bare = head.category.AUTO_CLASS == "AutoModel"
    fresh = [name for name, _ in model.named_parameters() if name.startswith(head.weight.split(".")[0]) and not bare]
    probe = None if bare else 1
    controls = Controls(l2_sp=0.1, l2_sp_head=0.1, probe_epochs=probe, freeze_layers=1, interpolate=0.5)
    _, said, loop = train(
        tmp_path / "run", controls, 6, model, method=METHODS["pgd"], fresh=fresh,
        features=head.features(12, True), category=head.category,
    )  # fmt: skip
    assert loop.totals.update == (6 if bare else 9) and np.isfinite(loop.totals.final_loss)
    assert said["drift"]["parts"]["layer 1"]["l2"] == 0 < said["drift"]["parts"]["layer 2"]["l2"]


@pytest.mark.usefixtures("own_cache")
def test_a_run_in_bf16_is_pulled_back_and_labelled(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """In processes of their own: accelerate keeps the first precision of a process."""
    drifts = []
    for alpha in ("1e-9", "1"):
        options = ("--precision", "bf16", "--method", "pgd", "--l2-sp", alpha)
        assert finish(start(train_command(tiny_data, tiny_encoder, tmp_path / alpha, *options), tmp_path / "log")) == 0
        record = read_json(tmp_path / alpha / "run.json")
        assert record["training"]["l2_sp"] == float(alpha) and record["arm"] == f"pgd-1-l2sp{float(alpha):g}"
        drifts.append(record["drift"]["parts"]["embeddings"]["l2"])
    assert drifts[0] > drifts[1] > 0


def test_the_grid_hands_every_option_on() -> None:
    options = TrainOptions(l2_sp=0.5, probe_epochs=1.0, freeze_layers=2, lora=4, lora_targets="query,key")
    assert flags(options) == [
        "--l2-sp", "0.5", "--probe-epochs", "1.0", "--freeze-layers", "2", "--lora", "4", "--lora-targets", "query,key",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"l2_sp": 0.0}, "--l2-sp must be a number greater than 0, not 0.0"),
        ({"l2_sp": float("nan")}, "--l2-sp must be"),
        ({"l2_sp_head": 0.1}, "name --l2-sp too"),
        ({"probe_epochs": -1.0}, "--probe-epochs must be a number greater than 0"),
        ({"freeze_layers": 0}, "--freeze-layers must be at least 1, not 0"),
        ({"interpolate": 1.5}, "--interpolate is the share of the trained weights, from 0 to 1, not 1.5"),
        ({"interpolate": float("nan")}, "--interpolate is the share"),
    ],
)
def test_refusals_name_the_option(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Controls(**setting)


def test_probing_without_a_new_tensor_is_refused() -> None:
    settings = TrainSettings("any", controls=Controls(probe_epochs=1))
    with pytest.raises(UserError, match="its checkpoint brought all that is trained"):
        Adaptation(make_step(make_classifier(), FEATURES).model, settings, [], [])


def test_records_and_labels() -> None:
    plain, all_on = TrainSettings("any"), Controls(0.1, 0.01, 1.5, 6, 0.5)
    held = TrainSettings("any", controls=all_on, method=make("pgd"))
    assert not set(Controls.names()) & set(plain.as_dict()) and plain.arm == "plain" and "lora" not in plain.as_dict()
    assert held.arm == "pgd-1-l2sp0.1-head0.01-probe1.5-frozen6-interpolated0.5"
    for settings in (plain, held):
        assert TrainSettings.from_dict(settings.as_dict()).as_dict() == settings.as_dict()
    assert TrainSettings.from_dict(held.as_dict()).controls == all_on

"""One encoder with several heads: the parts are one, and each batch trains what a model of its own would train."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from helpers.heads import HEADS
from helpers.problems import OnCpu, gradients, make_step, random_features
from helpers.tiny import KINDS, LABELS, MORE_KINDS, make_config, make_model

from xtremor.robust.counter import PassCounter, PassCounts
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import METHODS, make
from xtremor.tasks import classification
from xtremor.training.config import TrainSettings
from xtremor.training.embeddings import compact, expand
from xtremor.training.loop import Loop
from xtremor.training.mixture import MixedOrder, Mixing
from xtremor.training.shared import MixedStep, SharedEncoder
from xtremor.training.step import BatchStep

pytestmark = pytest.mark.usefixtures("one_thread")
TASKS = {
    "pairs": (classification, {"num_labels": len(LABELS)}),
    # Retrieval has no head and is trained on alone.
    **{n: (h.category, h.config) for n, h in HEADS.items() if n != "retrieval"},
}


def features_of(task: str, types: bool, rows: int = 9) -> Any:
    return random_features(rows, types=types) if task == "pairs" else HEADS[task].features(rows, types)


def has_head(kind: str, task: str) -> bool:
    return type(make_config(kind)) in getattr(transformers, TASKS[task][0].AUTO_CLASS)._model_mapping


def models(kind: str) -> dict[str, Any]:
    """A model for every head that transformers has, all with the encoder of the first."""
    found: dict[str, Any] = {}
    for task, (category, config) in TASKS.items():
        if has_head(kind, task):
            found[task] = make_model(category.AUTO_CLASS, kind, seed=len(found), **config)
    first = next(iter(found.values())).base_model.state_dict()
    for model in found.values():
        model.base_model.load_state_dict({k: v for k, v in first.items() if "pooler" not in k}, strict=False)
    return found


def shared_of(alone: dict[str, Any]) -> SharedEncoder:
    shared = SharedEncoder()
    for task, model in alone.items():
        shared.add(task, copy.deepcopy(model))
    return shared


def mixed(alone: dict[str, Any], types: bool, method: Method | None = None, rows: int = 9) -> MixedStep:
    """A step over copies of ``alone``."""
    shared = shared_of(alone)
    features = {task: features_of(task, types, rows) for task in alone}
    tokens = np.concatenate([each.rows.tokens for each in features.values()])
    full, table = compact(shared, tokens, 0, True)
    counts = PassCounts()
    steps = [
        BatchStep(
            shared.of(task), table, each, TASKS[task][0], method or make("plain"), 1, 0, OnCpu(), full.weight, (),
            counts,
        )
        for task, each in features.items()
    ]  # fmt: skip
    PassCounter(shared.of(next(iter(alone))), counts)
    return MixedStep(shared, steps)


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_a_batch_trains_what_a_model_of_its_own_would_train(kind: str) -> None:
    alone, types = models(kind), kind == "bert"
    step = mixed(alone, types)
    table = step.model.get_input_embeddings()
    for place, (task, model) in enumerate(alone.items()):
        single = make_step(model, features_of(task, types), category=TASKS[task][0])
        wanted = gradients(single)
        step.model.zero_grad(set_to_none=True)
        units = np.arange(step.offsets[place], step.offsets[place + 1])
        step.run(units, 0, 0, 1.0)
        own = step.model.of(task)
        found = {name: each.grad for name, each in own.named_parameters() if each.grad is not None}
        word = next(name for name, each in own.named_parameters() if each is table.weight)
        assert found.keys() == wanted.keys()
        for name, gradient in wanted.items():
            if name != word:
                assert torch.equal(gradient, found[name]), (task, name)
        rows = table.rows(single.table.get_buffer("kept"))
        assert torch.equal(found[word][rows], wanted[word])
        # No other head moves.
        trained = {id(each) for each in own.parameters()}
        assert all(each.grad is None for each in step.model.parameters() if id(each) not in trained)


@pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])
def test_there_is_one_encoder_and_it_can_be_taken_out(kind: str) -> None:
    alone = models(kind)
    shared = shared_of(alone)
    before = {name: each.clone() for name, each in next(iter(alone.values())).base_model.state_dict().items()}
    full, table = compact(shared, np.arange(5, 20), 0, True)
    assert all(model.get_input_embeddings() is table for model in shared.models.values())
    expand(shared, full, table)
    shared.share()
    assert all(model.get_input_embeddings() is full for model in shared.models.values())
    encoder = shared.encoder_tensors()
    assert encoder and not any("pooler" in name for name in encoder)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.items())
    for task, model in alone.items():
        head = shared.head_tensors(task)
        own = model.base_model.state_dict()
        prefix = f"{model.base_model_prefix}."
        bare = {name.removeprefix(prefix) for name in head if name.startswith(prefix)}
        assert head and all("pooler" in name for name in bare)
        # Together they are the whole model.
        assert {n.removeprefix(prefix) for n, _ in model.named_parameters()} <= encoder.keys() | bare | head.keys()
        assert own.keys() - encoder.keys() == {name for name in own if "pooler" in name}


def run(folder: Path, method: Method | None = None, **more: Any) -> tuple[MixedStep, MixedOrder, Loop]:
    """A run of three heads on a tiny BERT."""
    alone = {task: model for task, model in models("bert").items() if task != "tagging"}
    step = mixed(alone, True, method, rows=12)
    settings = TrainSettings("any", epochs=4, method=method or make("plain"), **{"batch_size": 4, **more})
    lengths = {task: each.lengths for task, each in zip(alone, step.steps, strict=True)}
    order = MixedOrder(lengths, Mixing(), settings.batch_size, settings.epochs, settings.seed)
    folder.mkdir()
    loop = Loop(step, settings, [], folder, order=order)
    loop.run()
    return step, order, loop


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_and_its_passes_are_counted_once(name: str, tmp_path: Path) -> None:
    method = make(name, radius=0.01 if make(name).perturbs else None)
    step, order, _ = run(tmp_path / "run", method)
    assert step.counts.total() == method.expected_passes() * order.updates
    assert all(each.counts is step.counts for each in step.steps)


def test_parts_of_an_update_add_up_to_the_whole(tmp_path: Path) -> None:
    losses = []
    for parts in (1, 4):
        run(tmp_path / str(parts), accumulate=parts, learning_rate=1e-3)
        lines = [json.loads(line) for line in (tmp_path / str(parts) / "log.jsonl").open(encoding="utf-8")]
        losses.append([line["loss"] for line in lines])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3) and len(losses[0]) > 10
    assert {line["task"] for line in lines} == {"pairs", "spans", "choice"}


def test_a_head_that_is_never_drawn_does_not_move(tmp_path: Path) -> None:
    alone = {task: model for task, model in models("bert").items() if task in ("pairs", "spans")}
    step = mixed(alone, True)
    before = {name: each.clone() for name, each in step.model.of("spans").qa_outputs.named_parameters()}
    lengths = {task: each.lengths for task, each in zip(alone, step.steps, strict=True)}
    order = MixedOrder(lengths, Mixing("temperature", temperature=1e-3), 4, 2, 1)
    order.sequence[:] = 0
    settings = TrainSettings("any", epochs=2, batch_size=4, weight_decay=0.1)
    Loop(step, settings, [], tmp_path, order=order).run()
    for name, each in step.model.of("spans").qa_outputs.named_parameters():
        assert torch.equal(each, before[name])

"""What makes large encoders fit a GPU, as far as the CPU can tell: nothing of it changes a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from helpers.commands import call, read_json, train_command
from helpers.problems import gradients, make_step, random_features
from helpers.tiny import make_classifier
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

from xtremor.encoders import within_rows
from xtremor.encoders.packing import FOUND, PackedRows, packed
from xtremor.encoders.within_rows import Groups, attend_in_groups, attend_varlen
from xtremor.robust.registry import make
from xtremor.training.ragged import padded_view

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
CPU = torch.device("cpu")


@pytest.mark.parametrize("lengths", [(5, 3, 9), (4,), (2, 0, 7)])
def test_attention_without_padding_is_that_in_groups(lengths: tuple[int, ...]) -> None:
    """The path that GPUs take: values and gradients."""
    torch.manual_seed(0)
    given = [torch.randn(1, 2, sum(lengths), 8).requires_grad_() for _ in range(3)]
    groups = Groups.of(lengths, CPU)
    found, wanted = (way(groups, *given, scaling=0.3) for way in (attend_varlen, attend_in_groups))
    assert torch.allclose(found, wanted, atol=1e-6)
    up = torch.randn_like(wanted)
    for one, two in zip(torch.autograd.grad(found, given, up), torch.autograd.grad(wanted, given, up), strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_a_whole_step_on_that_path(monkeypatch: pytest.MonkeyPatch) -> None:
    features, model = random_features(), make_classifier()
    found = []
    for works in (False, True):
        monkeypatch.setattr(within_rows, "varlen_works", lambda device, dtype, works=works: works)
        step = make_step(model, features, make("pgd", radius=0.1))
        with packed(step.model):
            found.append(gradients(step))
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-5), name


def test_never_taken_on_the_cpu() -> None:
    assert not within_rows.varlen_works(CPU, torch.float32)


class Asked(TorchDispatchMode):
    """Operations whose result a GPU would have to be waited for."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "repeat_interleave.Tensor")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        waits = any(each in name for each in self.WAITS)
        if waits and not (kwargs or {}).get("output_size"):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["plain", "pgd", "freelb", "smart", "noise", "sam", "r-drop"])
def test_no_pass_asks_the_device_for_anything(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made on the host before the first pass may; the passes of a step may not."""
    features = random_features()
    step = make_step(make_classifier(), features, make(name))
    with packed(step.model):
        step.run(np.arange(12), 0, 0, 1.0)
        view = padded_view(features.rows, 0, CPU)
        # As the first pass leaves it: the rows in groups lie with the mask.
        groups = PackedRows.of(view.inputs["attention_mask"]).groups
        groups.places(cast(Any, step.model).config.num_attention_heads, CPU)
        monkeypatch.setattr("xtremor.training.step.padded_view", lambda *_: view)
        with Asked() as asked:
            step.run(np.arange(12), 1, 0, 1.0)
    assert asked.seen == []


def test_rows_are_found_once_a_batch() -> None:
    view = padded_view(random_features().rows, 0, CPU)
    mask = view.inputs["attention_mask"]
    first = PackedRows.of(mask)
    assert PackedRows.of(mask) is first and getattr(mask, FOUND) is first
    other = PackedRows.of(mask.clone())
    assert other is not first and other.lengths == first.lengths and torch.equal(other.flat, first.flat)


@pytest.mark.parametrize("method", [("plain",), ("pgd", "--steps", "2"), ("freelb", "--site", "layer:1"), ("smart",)])
def test_layers_that_are_computed_again_train_as_others(
    method: tuple[str, ...], tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """To rounding, dropout included; the passes that are made again are counted."""
    options = ("--method", *method, "--train-rows", "16", "--radius", "0.1")[: None if method != ("plain",) else 4]
    weights, records = [], []
    for more in ((), ("--gradient-checkpointing",)):
        run = tmp_path / f"run{len(more)}"
        assert call(train_command(tiny_data, tiny_encoder, run, *options, *more)) == 0
        weights.append(load_file(run / "model" / "model.safetensors"))
        records.append(read_json(run / "run.json"))
    for key, weight in weights[0].items():
        assert torch.allclose(weight, weights[1][key], atol=1e-6), key
    assert "gradient_checkpointing" not in records[0]["training"] and records[1]["training"]["gradient_checkpointing"]
    assert records[1]["counts"]["forward"] > records[0]["counts"]["forward"]


def test_the_plan_of_a_run(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", "--plan")
    assert call(command) == 0
    said = capsys.readouterr().out
    assert "planned memory:" in said and "largest micro-batch:" in said
    assert not (tmp_path / "run").exists()
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--plan", "--task", "xnli,mnli")) == 2

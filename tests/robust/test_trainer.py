"""Under transformers.Trainer: Plain is the stock Trainer bit for bit, resuming is exact."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.problems import padded_inputs, random_features
from helpers.tiny import make_classifier
from transformers import Trainer, TrainingArguments

from xtremor.robust import PGD, SMART, FreeLB, Plain, RobustTrainer

pytestmark = pytest.mark.usefixtures("one_thread")
FEATURES = random_features(rows=16)


class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """All rows padded alike, as a dataset."""

    def __init__(self) -> None:
        self.inputs = {**padded_inputs(FEATURES), "labels": torch.from_numpy(FEATURES.targets)}

    def __len__(self) -> int:
        return len(FEATURES.targets)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {name: value[row] for name, value in self.inputs.items()}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


def trainer(model: Any, folder: Path, kind: type = RobustTrainer, robust: Any = None, **more: Any) -> Any:
    arguments = TrainingArguments(
        str(folder), per_device_train_batch_size=2, learning_rate=1e-2, report_to=[], disable_tqdm=True, use_cpu=True,
        **{"max_steps": 4, "save_strategy": "no", "logging_steps": 1, **more},
    )  # fmt: skip
    own = {} if robust is None else {"robust": robust}
    return kind(model=copy.deepcopy(model), args=arguments, train_dataset=Rows(), **own)


def weights(found: Any) -> dict[str, torch.Tensor]:
    return dict(found.model.state_dict())


@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("method", [Plain(), PGD(radius=0.0)], ids=lambda method: method.arm)
def test_at_size_zero_it_is_the_stock_trainer_bit_for_bit(
    model: Any, method: Any, accumulate: int, tmp_path: Path
) -> None:
    stock = trainer(model, tmp_path / "a", Trainer, gradient_accumulation_steps=accumulate)
    loss = stock.train().training_loss
    # The Trainer seeds torch when it is made.
    ours = trainer(model, tmp_path / "b", robust=method, gradient_accumulation_steps=accumulate)
    assert ours.train().training_loss == loss
    for name, weight in weights(stock).items():
        assert torch.equal(weight, weights(ours)[name]), name


def test_a_method_trains_otherwise_and_its_passes_are_logged(model: Any, tmp_path: Path) -> None:
    plain = trainer(model, tmp_path / "a", robust=Plain())
    robust = trainer(model, tmp_path / "b", robust=FreeLB(radius=0.3, steps=3))
    for each in (plain, robust):
        each.train()
    assert not torch.allclose(weights(plain)["classifier.weight"], weights(robust)["classifier.weight"])
    logged = [line["robust_passes"] for line in robust.state.log_history if "loss" in line]
    assert logged == pytest.approx([9, 18, 27, 36])
    assert robust.evaluate(Rows())["eval_loss"] > 0


@pytest.mark.parametrize("method", [PGD(radius=0.1), SMART(bregman=1.0)], ids=lambda method: method.arm)
def test_resuming_is_exact(model: Any, method: Any, tmp_path: Path) -> None:
    whole = trainer(model, tmp_path / "whole", robust=method)
    whole.train()
    first = trainer(model, tmp_path / "cut", robust=method, save_strategy="steps", save_steps=2)
    first.train()
    assert (tmp_path / "cut" / "checkpoint-2" / "robust_method.safetensors").is_file()
    later = trainer(model, tmp_path / "cut", robust=method)
    later.train(resume_from_checkpoint=str(tmp_path / "cut" / "checkpoint-2"))
    for name, weight in weights(whole).items():
        assert torch.equal(weight, weights(later)[name]), name


def test_bf16_autocast_runs(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    # The Trainer leaves its precision in the environment and in accelerate, for every later run of this process.
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    try:
        found = trainer(model, tmp_path, robust=PGD(radius=0.1), bf16=True)
        assert found.train().training_loss > 0
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)

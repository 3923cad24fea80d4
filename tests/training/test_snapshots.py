"""Snapshots: where they lie, that they are the models that training would have ended in, averages, resumed runs."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.commands import call, finish, read_json, start, train_command
from helpers.tiny import WIDTH, write_panx
from safetensors.torch import load_file, save_file
from torch import Tensor

from xtremor.encoders.load import load_task_model, skeleton
from xtremor.errors import UserError
from xtremor.training.config import TrainSettings
from xtremor.training.folder import RunFolder
from xtremor.training.loop import Loop
from xtremor.training.snapshots import IDS, ROWS, Snapshots, moments, planned_mb

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
XNLI = "AutoModelForSequenceClassification"
# 12 updates: snapshots after 4, 8 and 12, linear probing aside.
OPTIONS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "smart, averaged weights": ("--method", "smart", "--bregman", "1"),
    "adapters": ("--lora", "2"),
    "adapters, interpolated": ("--lora", "2", "--interpolate", "0.3", "--freeze-embeddings"),
    "interpolated": ("--interpolate", "0.5", "--l2-sp", "0.1"),
    "a probe first": ("--probe-epochs", "0.5"),
    "frozen layers": ("--freeze-layers", "1"),
    "rewritten texts": ("--method", "rsda", "--neighbours", "embeddings", "--min-similarity", "0"),
}


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def model_at(run: Path, *updates: int) -> dict[str, Tensor]:
    """The run's model with the average of snapshots in it."""
    model, _ = load_task_model(str(run / "model"), XNLI)
    Snapshots(run / "snapshots").put(updates, model)
    return model.state_dict()


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() >= expected.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name


@pytest.fixture(scope="module")
def kept(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twelve updates with three snapshots; not to be written to."""
    home = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        assert call(train_command(tiny_data, tiny_encoder, home / "run", "--snapshots", "3")) == 0
    return home / "run"


def test_moments_are_even_and_end_with_the_last_update() -> None:
    assert moments(12, 3) == (4, 8, 12) and moments(10, 4) == (2, 5, 7, 10)
    assert moments(7, 1) == (7,) and moments(5, 5) == (1, 2, 3, 4, 5)
    with pytest.raises(UserError, match="--snapshots 6 is more than the 5 updates of this run; name 5 or fewer"):
        moments(5, 6)


def test_without_the_option_a_run_is_what_it_was(
    kept: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Neither identity nor folder change without it, and the weights do not with it."""
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run")) == 0
    config = read_json(tmp_path / "run" / "config.json")
    assert "snapshots" not in config["settings"] and "snapshots" not in read_json(tmp_path / "run" / "run.json")
    assert sorted(os.listdir(tmp_path / "run")) == ["config.json", "log.jsonl", "model", "run.json"]
    told = read_json(kept / "config.json")
    assert told["settings"].pop("snapshots") == 3 and told == config
    assert_equal(weights(kept), weights(tmp_path / "run"))
    assert TrainSettings.from_dict(read_json(kept / "config.json")["settings"]).snapshots == 3
    assert sorted(os.listdir(kept)) == ["config.json", "log.jsonl", "model", "run.json", "snapshots"]
    assert sorted(os.listdir(kept / "snapshots")) == [f"{update:09}.safetensors" for update in (4, 8, 12)]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_a_snapshot_is_the_model_that_would_have_been_finished_there(
    options: tuple[str, ...], tiny_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: also the last one, which is the model itself."""
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--snapshots", "3", *options)) == 0
    record = read_json(tmp_path / "run" / "run.json")
    updates = [each["update"] for each in record["snapshots"]]
    probe = record["counts"]["updates"] - 12
    assert updates == [probe + 4, probe + 8, probe + 12] and record["snapshots"][-1]["english_dev"] is not None
    assert record["snapshots"][-1]["english_dev"] == record["english_dev"]
    assert_equal(model_at(tmp_path / "run", updates[2]), weights(tmp_path / "run"))
    batches = Loop._batches

    def first(loop: Loop) -> Iterator[Any]:
        return itertools.islice(batches(loop), updates[1])

    monkeypatch.setattr(Loop, "_batches", first)
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "stopped", *options)) == 0
    assert_equal(model_at(tmp_path / "run", updates[1]), weights(tmp_path / "stopped"))
    # English dev was that of those weights.
    assert record["snapshots"][1]["english_dev"] == read_json(tmp_path / "stopped" / "run.json")["english_dev"]


def test_an_average_is_the_mean_of_the_models(kept: Path) -> None:
    models = [model_at(kept, update) for update in (4, 8, 12)]
    found = model_at(kept, 4, 8, 12)
    for name, last in models[2].items():
        by_hand = ((models[0][name].double() + models[1][name].double() + last.double()) / 3).float()
        assert torch.equal(found[name], by_hand), name
    assert_equal(model_at(kept, 12), weights(kept))
    assert any(not torch.equal(found[name], weight) for name, weight in weights(kept).items())


def test_snapshots_hold_what_was_trained_alone(kept: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    found = load_file(kept / "snapshots" / "000000004.safetensors")
    assert len(found[ROWS]) == len(found[IDS]) < weights(kept)["bert.embeddings.word_embeddings.weight"].shape[0]
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", "--snapshots", "2", "--freeze-layers", "2")
    assert call(command) == 0
    found = load_file(tmp_path / "run" / "snapshots" / "000000006.safetensors")
    assert set(found) == {
        "weight/bert.pooler.dense.weight", "weight/bert.pooler.dense.bias", "weight/classifier.weight",
        "weight/classifier.bias",
    }  # fmt: skip


def test_killed_and_resumed_the_snapshots_are_the_same(
    kept: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    command = train_command(tiny_data, tiny_encoder, run, "--snapshots", "3", "--checkpoint-seconds", "0")
    for moment in (
        ("000000004.safetensors", 1, "before"),
        ("checkpoint.safetensors", 5, "after"),
        ("000000012.safetensors", 1, "before"),
        ("english_dev.json", 2, "after"),
    ):
        assert finish(start(command, log, moment)) == -signal.SIGKILL, moment
    assert finish(start(command, log)) == 0, log.read_text(encoding="utf-8")
    for update in (4, 8, 12):
        name = f"snapshots/{update:09}.safetensors"
        assert (run / name).read_bytes() == (kept / name).read_bytes(), update
    assert sorted(os.listdir(run / "snapshots")) == sorted(os.listdir(kept / "snapshots"))
    assert read_json(run / "run.json")["snapshots"] == read_json(kept / "run.json")["snapshots"]
    assert_equal(weights(run), weights(kept))


def test_a_run_that_is_resumed_misses_what_was_deleted(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    command = train_command(tiny_data, tiny_encoder, run, "--snapshots", "3", "--checkpoint-seconds", "0")
    assert finish(start(command, log, ("checkpoint.safetensors", 6, "after"))) == -signal.SIGKILL
    (run / "snapshots" / "000000004.safetensors").unlink()
    assert call(command) == 2
    assert "000000004.safetensors is missing; put it back, or train the run again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--snapshots", "13"), "--snapshots 13 is more than the 12 updates of this run"),
        (("--snapshots", "0"), "--snapshots must be at least 1, not 0"),
        (("--snapshots", "2", "--no-keep-model"), "--no-keep-model keeps no model; leave one out"),
        (("--snapshots", "2", "--weight-decay", "0.1", "--decay-embeddings"), "of which --snapshots keep some"),
        (("--snapshots", "2", "--task", "xnli,panx"), "--snapshots is for a run on one task"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    options: tuple[str, ...], said: str, tiny_data: Path, tiny_encoder: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data = tiny_data
    if "xnli,panx" in options:
        data = tmp_path / "data"
        write_panx(data, languages=("en",))
        (data / "xnli").symlink_to(tiny_data / "xnli")
    assert call(train_command(data, tiny_encoder, tmp_path / "run", *options)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error and not (tmp_path / "run").exists()


def test_files_that_are_no_snapshots_of_the_run_are_named(kept: Path, tmp_path: Path) -> None:
    model, _ = load_task_model(str(kept / "model"), XNLI)
    there = Snapshots(tmp_path)
    with pytest.raises(UserError, match=r"000000004.safetensors is missing"):
        there.put([4], model)
    there.path(4).write_bytes(b"no tensors")
    with pytest.raises(UserError, match="not a snapshot of this run: it cannot be read"):
        there.put([4], model)
    held = load_file(kept / "snapshots" / "000000004.safetensors")
    changes: list[tuple[dict[str, Tensor], str]] = [
        ({"weight/other": torch.zeros(2)}, "its tensor other does not fit the model"),
        ({"weight/classifier.bias": torch.zeros(2)}, "its tensor classifier.bias does not fit the model"),
        ({ROWS: held[ROWS][:, :3].contiguous()}, "its word embeddings do not fit the model"),
    ]
    for change, said in changes:
        save_file({**held, **change}, there.path(4))
        with pytest.raises(UserError, match=said):
            there.put([4], model)
    save_file(held, there.path(8))
    with pytest.raises(UserError, match=r"000000008.safetensors: .* it has other tensors than the one before it"):
        there.average([4, 8])
    save_file({**held, IDS: held[IDS] + 1}, there.path(4))
    with pytest.raises(UserError, match="it has other word embeddings than the one before it"):
        there.average([4, 8])


def test_an_interpolated_run_leaves_the_snapshots_behind(
    kept: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    command = ["interpolate", str(kept), "--alpha", "0.5", "--output", str(tmp_path / "half"), "--data", str(tiny_data)]
    assert call([*command, "--threads", "1"]) == 0
    straight = train_command(tiny_data, tiny_encoder, tmp_path / "straight", "--interpolate", "0.5")
    assert call(straight) == 0
    assert_equal(weights(tmp_path / "half"), weights(tmp_path / "straight"))
    assert read_json(tmp_path / "half" / "config.json") == read_json(tmp_path / "straight" / "config.json")
    assert "snapshots" not in RunFolder(tmp_path / "half").read_record()["training"]


@pytest.mark.parametrize(
    "options", [(), ("--lora", "2"), ("--freeze-layers", "1"), ("--lora", "2", "--freeze-embeddings")]
)
def test_their_size_is_planned(options: tuple[str, ...], tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    more = ("--snapshots", "1", "--train-rows", "16", *options)
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", *more)) == 0
    settings = TrainSettings.from_dict(read_json(tmp_path / "run" / "config.json")["settings"])
    held = load_file(next((tmp_path / "run" / "snapshots").iterdir()))
    ids = held.pop(IDS, torch.empty(0))
    size = sum(tensor.numel() * tensor.element_size() for tensor in held.values())
    # The model without weights has two classes where the task has three.
    head = 4 * (WIDTH + 1)
    assert planned_mb(skeleton(str(tiny_encoder), XNLI), settings, len(ids)) * 1e6 == pytest.approx(size - head)
    assert planned_mb(skeleton(str(tiny_encoder), XNLI), settings, 1e9) * 1e6 >= size - head

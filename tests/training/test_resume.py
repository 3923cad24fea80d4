"""Killed and resumed runs end in the weights of an uninterrupted one, bit for bit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.commands import assert_resumes, finish, start, train_command, wait_for
from safetensors.torch import load_file

pytestmark = pytest.mark.usefixtures("own_cache")
OPTIONS = ("--method", "pgd", "--steps", "2", "--accumulate", "2", "--epochs", "2", "--checkpoint-seconds", "0")
LONG = ("--method", "freelb", "--epochs", "40", "--checkpoint-seconds", "0")
KILLED = -signal.SIGKILL


def lines(folder: Path) -> list[dict]:
    path = folder / "log.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def run_to_end(command: list[str], log: Path) -> None:
    assert finish(start(command, log)) == 0, log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def straight(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Uninterrupted runs; that of ``LONG`` with its checkpoints a minute apart."""
    home = tmp_path_factory.mktemp("straight")
    for name, options in (("short", OPTIONS), ("long", LONG[:-2])):
        run_to_end(train_command(tiny_data, tiny_encoder, home / name, *options), home / "log")
    return {name: home / name for name in ("short", "long")}


def assert_same_run(found: Path, expected: Path) -> None:
    """Weights and log equal bit for bit, counts equal, nothing left behind."""
    weights, others = load_file(found / "model/model.safetensors"), load_file(expected / "model/model.safetensors")
    assert weights.keys() == others.keys()
    for name, weight in weights.items():
        assert torch.equal(weight, others[name]), name
    assert lines(found) == lines(expected)
    assert [line["update"] for line in lines(found)] == list(range(1, len(lines(found)) + 1))
    records = [json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in (found, expected)]
    for key in ("counts", "final_training_loss", "english_dev"):
        assert records[0][key] == records[1][key]
    assert sorted(os.listdir(found)) == ["config.json", "log.jsonl", "model", "run.json"]


def test_killed_around_every_file_that_it_writes(
    straight: dict[str, Path], tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", *OPTIONS)
    moments = [
        ("config.json", 1, "before"),
        ("config.json", 1, "after"),
        ("checkpoint.safetensors", 1, "before"),
        ("checkpoint.safetensors", 1, "after"),
        ("checkpoint.safetensors", 5, "before"),
        ("checkpoint.safetensors", 8, "after"),
        ("model", 1, "before"),
        ("model", 1, "after"),
        ("run.json", 1, "before"),
    ]
    for moment in moments:
        assert finish(start(command, tmp_path / "log", moment)) == KILLED, moment
    run_to_end(command, tmp_path / "log")
    assert_same_run(tmp_path / "run", straight["short"])
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert "resuming after update 1 of 24" in said and "resuming after update 13 of 24" in said


def test_killed_at_any_time(straight: dict[str, Path], tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Also while a checkpoint or a log line is being written: they are most of what this run does."""
    folder, draw = tmp_path / "run", random.Random(5)
    command = train_command(tiny_data, tiny_encoder, folder, *LONG)
    kills = 0
    for _ in range(4):
        before = len(lines(folder))
        process = start(command, tmp_path / "log")
        wait_for(lambda: len(lines(folder)) > before + 5 or not process.is_alive())  # noqa: B023
        wait_for(lambda: draw.random() < 0.05)
        process.kill()
        # On a busy machine a run may come to its end before we look again.
        if finish(process) == 0:
            break
        assert process.exitcode == KILLED
        kills += 1
    run_to_end(command, tmp_path / "log")
    assert (tmp_path / "log").read_text(encoding="utf-8").count("resuming after update") == kills > 0
    assert_same_run(folder, straight["long"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_after_the_update_and_goes_on(
    number: signal.Signals, straight: dict[str, Path], tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Ctrl-C in a process begun from a shell; the other signal in a forked one."""
    folder, log = tmp_path / "run", tmp_path / "log"
    command = train_command(tiny_data, tiny_encoder, folder, *LONG[:-2])
    if number == signal.SIGINT:
        with open(log, "wb") as opened:
            process = subprocess.Popen([sys.executable, "-m", "xtremor", *command], stdout=opened, stderr=opened)
        wait_for(lambda: len(lines(folder)) > 3)
        process.send_signal(number)
        code = process.wait(30)
    else:
        forked = start(command, log)
        wait_for(lambda: len(lines(folder)) > 3)
        forked.terminate()
        code = finish(forked)
    said = log.read_text(encoding="utf-8")
    assert code == 130, said
    done = len(lines(folder))
    assert f"stopped after update {done} of 480; the same command goes on from here" in said
    assert "Traceback" not in said and (folder / "checkpoint.safetensors").exists()
    run_to_end(command, log)
    assert_same_run(folder, straight["long"])


def test_a_run_that_keeps_no_model_is_scored_from_its_last_checkpoint(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Killed between training and evaluation, it is not trained again; its scores are those of a kept model."""
    options = ("--evaluate", "--languages", "en,sw")
    for name, more, kills in (
        ("kept", (), []),
        ("lost", ("--no-keep-model",), [("predictions.parquet", 1, "before"), ("scores.json", 1, "before")]),
    ):
        command = train_command(tiny_data, tiny_encoder, tmp_path / name, *options, *more)
        for moment in kills:
            assert finish(start(command, tmp_path / "log", moment)) == KILLED
        run_to_end(command, tmp_path / "log")
    assert "resuming after update 12 of 12" in (tmp_path / "log").read_text(encoding="utf-8")
    assert sorted(os.listdir(tmp_path / "lost")) == [
        "config.json", "log.jsonl", "predictions.parquet", "run.json", "scores.json",
    ]  # fmt: skip
    import polars

    kept, lost = (polars.read_parquet(tmp_path / name / "predictions.parquet") for name in ("kept", "lost"))
    assert kept.equals(lost)


# Probing takes the first 6 of 18 updates: killed in it, at its last update, and at the first after it.
HELD = {
    "all but a probe": (("--l2-sp", "0.1", "--l2-sp-head", "0.01", "--freeze-layers", "1", "--interpolate", "0.5"), 5),
    "in the probe": (("--probe-epochs", "0.5"), 3),
    "at the end of the probe": (("--probe-epochs", "0.5"), 6),
    "after the probe": (("--probe-epochs", "0.5", "--l2-sp", "0.1"), 7),
}


@pytest.mark.parametrize(("options", "update"), HELD.values(), ids=HELD.keys())
def test_controls_of_drift_resume_exactly(
    options: tuple[str, ...], update: int, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    more = (*options, "--method", "pgd", "--checkpoint-seconds", "0")
    assert_resumes(lambda run: train_command(tiny_data, tiny_encoder, run, *more), tmp_path, update)
    records = [
        json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8")) for name in ("straight", "killed")
    ]
    assert records[0]["drift"] == records[1]["drift"] and records[0]["counts"] == records[1]["counts"]

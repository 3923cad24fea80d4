"""Several processes that train one run end in the weights of one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import crew_processes
from helpers.commands import call, read_json, wait_for
from helpers.tiny import write_encoder, write_panx, write_xnli
from safetensors.torch import load_file

from xtremor.errors import Elsewhere, UserError
from xtremor.ranks import check_command, launched
from xtremor.robust.segments import Part, Segments
from xtremor.training.crew import Crew

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


def environment(folder: Path) -> dict[str, str]:
    places = os.pathsep.join([str(Path(crew_processes.__file__).parents[1]), *sys.path])
    return {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1", "XTREMOR_CACHE": str(folder / "cache")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of two tasks and an encoder without dropout."""
    found = tmp_path_factory.mktemp("crew")
    write_xnli(found / "data", languages=("en", "sw"))
    write_panx(found / "data")
    write_encoder(found / "encoder", dropout=0.0)
    (found / "two").mkdir()
    return found


@pytest.fixture(scope="module")
def two(home: Path) -> Path:
    """What two processes wrote together."""
    folder = home / "two"
    command = [sys.executable, crew_processes.__file__, str(folder), str(home / "data"), str(home / "encoder")]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=400)
    logs = "".join((folder / f"log-{rank}").read_text() for rank in (0, 1))
    assert done.returncode == 0, done.stderr + logs
    return folder


@pytest.mark.parametrize("name", crew_processes.NAMES)
def test_two_processes_train_as_one(home: Path, two: Path, name: str, tmp_path: Path) -> None:
    command = crew_processes.command(name, str(tmp_path), str(home / "data"), str(home / "encoder"))
    assert call(command) == 0
    alone, together = (load_file(folder / name / "model" / "model.safetensors") for folder in (tmp_path, two))
    start = load_file(home / "encoder" / "model.safetensors")
    for key, weight in alone.items():
        # A key's bias has gradient 0 but for rounding, which Adam blows up to a full step.
        if not key.endswith("key.bias"):
            assert torch.allclose(weight, together[key], atol=1e-4), (key, (weight - together[key]).abs().max())
    moved = [key for key, weight in start.items() if key in alone or f"bert.{key}" in alone]
    assert any((alone.get(key, alone.get(f"bert.{key}")) - start[key]).abs().max() > 1e-3 for key in moved)
    records = [read_json(folder / name / "run.json") for folder in (tmp_path, two)]
    for key in ("updates", "examples", "tokens", "forward", "backward_weights"):
        assert records[0]["counts"][key] == pytest.approx(records[1]["counts"][key]), key
    assert [record["processes"] for record in records] == [1, 2]
    logs = [
        [json.loads(line) for line in (folder / name / "log.jsonl").read_text().splitlines()]
        for folder in (tmp_path, two)
    ]
    for one, other in zip(*logs, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-4) and one["tokens"] == other["tokens"]


def test_the_first_of_two_processes_keeps_snapshots(home: Path, two: Path, tmp_path: Path) -> None:
    assert call(crew_processes.command("snapshots", str(tmp_path), str(home / "data"), str(home / "encoder"))) == 0
    for path in sorted((tmp_path / "snapshots" / "snapshots").iterdir()):
        alone, together = load_file(path), load_file(two / "snapshots" / "snapshots" / path.name)
        assert alone.keys() == together.keys()
        for key, weight in alone.items():
            if not key.endswith("key.bias"):
                assert torch.allclose(weight, together[key], atol=1e-4), (path.name, key)
    record = read_json(two / "snapshots" / "run.json")
    assert [each["update"] for each in record["snapshots"]] == [4, 8]
    assert len(list((two / "snapshots" / "trackers" / "tensorboard").iterdir())) == 1


def test_one_speaks(two: Path) -> None:
    said = [(two / f"log-{rank}").read_text(encoding="utf-8") for rank in (0, 1)]
    assert said[1] == ""
    assert said[0].count("training: done") == len(crew_processes.NAMES)
    assert said[0].count("error: ") == 1 and "seed: 1 there, 7 here" in said[0]


LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "xtremor")


def test_a_killed_process_ends_the_other_and_the_run_goes_on(home: Path, two: Path, tmp_path: Path) -> None:
    """Under torchrun; resumed, the run ends in the weights of one that was never stopped."""
    command = crew_processes.command("pgd", str(tmp_path), str(home / "data"), str(home / "encoder"))
    folder = tmp_path / "pgd"
    held = environment(home)
    process = subprocess.Popen(
        [*LAUNCH, *command, "--checkpoint-seconds", "0"], env=held, stderr=subprocess.PIPE, text=True
    )
    # A worker of this very run, by what the launcher gave it to do; not the launcher.
    wait_for(lambda: (folder / "checkpoint.safetensors").exists() or process.poll() is not None, 200)
    workers = children(process.pid)
    if process.poll() is None and len(workers) == 2:
        os.kill(workers[1], signal.SIGKILL)
        _, said = process.communicate(timeout=120)
        assert process.returncode != 0, said
        assert not any(alive(pid) for pid in workers)
        assert not (folder / "run.json").exists()
    done = subprocess.run([*LAUNCH, *command], env=held, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "resuming after update" in done.stderr
    expected = load_file(two / "pgd" / "model" / "model.safetensors")
    for key, weight in load_file(folder / "model" / "model.safetensors").items():
        assert torch.equal(weight, expected[key]), key


def children(pid: int) -> list[int]:
    """Processes that one started and that have not ended."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    time.sleep(0.1)
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_shares_are_the_whole() -> None:
    weights = np.array([1, 0, 2, 1, 1, 3, 1])
    batch = np.array([6, 0, 3, 2, 4])
    shares = [Crew(rank, 3).share(batch, weights) for rank in range(3)]
    assert [share.units.tolist() for share in shares] == [[6, 0], [3, 2], [4]]
    assert [share.first for share in shares] == [0, 2, 4] and all(share.counts for share in shares)


def test_who_has_nothing_goes_along() -> None:
    """A batch of fewer units than processes, and a share without a target."""
    weights = np.array([0, 2, 5])
    assert Crew(1, 2).share(np.array([1]), weights) == (np.array([1]), 0, False)
    found = Crew(0, 2).share(np.array([0, 2]), weights)
    assert found.units.tolist() == [2] and found.first == 1 and not found.counts


def test_draws_are_those_of_the_whole_batch() -> None:
    lengths = torch.tensor([3, 1, 4, 2])
    whole, own = Segments(lengths), Segments(lengths[2:], part=Part(2, 4, 4, 10))

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    assert torch.equal(whole.normal(5, seeded())[4:], own.normal(5, seeded()))
    assert torch.equal(whole.uniform(5, seeded())[4:], own.uniform(5, seeded()))
    assert torch.equal(whole.uniform_rows(seeded())[2:], own.uniform_rows(seeded()))


def test_commands_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    check_command(["evaluate"])
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_command(["train", "--output", "x"])
    with pytest.raises(UserError, match="2 processes were started for `xtremor evaluate`"):
        check_command(["evaluate"])
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(Elsewhere):
        check_command(["evaluate"])
    for rank, size in (("x", "2"), ("2", "2")):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", size)
        assert launched() == (0, 1)

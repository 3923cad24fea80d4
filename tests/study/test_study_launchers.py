"""Where runs are made: processes that divide a machine, jobs of submitit's, a Ray cluster that loses a node."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.commands import call, wait_for
from helpers.studies import finished, write_study

from xtremor.errors import UserError
from xtremor.study.files import StudyFolder
from xtremor.study.launchers import check_launcher, local, make_launcher, slurm
from xtremor.study.launchers.base import Launcher, Unit
from xtremor.study.launchers.local import Local
from xtremor.study.launchers.options import options_of
from xtremor.study.results import results

SCORES = ["system", "task", "language", "seed", "stage2_seed", "score"]


def unit(name: str = "one") -> Unit:
    return Unit(name, ("k",), (), 1.0, 1)


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def ends(launcher: Launcher, seconds: float = 60) -> Any:
    found: list[Any] = []
    wait_for(lambda: found.extend(launcher.ended()) or found, seconds)
    return found[0]


def test_processes_and_how_they_end() -> None:
    launcher = Local(3, 1, workers=2)
    assert launcher.slots == 2 and "2 side by side" in launcher.words
    launcher.start(unit(), python("print('error: too bad'); raise SystemExit(2)"))
    ended = ends(launcher)
    assert (ended.unit.name, ended.code, ended.said) == ("one", 2, "too bad")
    launcher.start(unit(), python("import os; os.kill(os.getpid(), 9)"))
    ended = ends(launcher)
    assert ended.code == -9 and ended.said.startswith("it was ended by signal 9")
    launcher.start(unit(), python("import os; print(os.environ['OMP_NUM_THREADS'])"))
    assert ends(launcher).said == "1"
    launcher.start(unit(), python("import time; time.sleep(600)"))
    process = launcher._running[0][1]
    launcher.stop()
    assert process.returncode == -15 and not launcher.ended()


def test_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    from xtremor import launch

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(launch, "_free_gib", lambda: 100.0)
    assert Local(100, 1).slots == 8 and Local(100, 3).slots == 2 and Local(100, 16).slots == 1
    assert Local(3, 1).slots == 3 and Local(100, 3, workers=5).slots == 5 and Local(100, 4, gpus=4).slots == 4


def test_every_worker_is_given_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Endless:
        returncode = None

        def poll(self) -> None:
            return None

    monkeypatch.setattr(
        local, "start_process", lambda _, __, env: seen.append(env["CUDA_VISIBLE_DEVICES"]) or Endless()
    )
    launcher = Local(8, 1, gpus=2)
    for _ in range(launcher.slots):
        launcher.start(unit(), [])
    assert seen == ["0", "1"]


def test_what_is_no_launcher_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import importlib.util

    with pytest.raises(UserError, match=r"unknown launcher 'locl' \(nearest: local"):
        check_launcher("locl")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for name, package in (("ray", "ray"), ("slurm", "submitit")):
        with pytest.raises(UserError, match=f"needs the package {package}: pip install 'xtremor.{name}.'"):
            check_launcher(name)
    with pytest.raises(UserError, match="--cluster is for --launcher ray and slurm"):
        make_launcher("local", 1, 1, tmp_path, None, ("gpus=1",))
    for text, said in (("gpus", "is no option; write KEY=VALUE"), ("=1", "is no option"), ("a=1,a=2", "names a twice")):
        with pytest.raises(UserError, match=said):
            options_of(text.split(","))
    assert options_of(["a=1", "b=0.5", "c=x"]) == {"a": 1, "b": 0.5, "c": "x"}


def test_slurm_by_submitit_s_local_executor(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="needs the extra slurm")
    launcher = make_launcher("slurm", 3, 1, tmp_path, None, ("cluster=local", "minutes=5"))
    launcher.start(unit("good"), python("print('fine')"))
    launcher.start(unit("bad"), python("print('error: too bad'); raise SystemExit(2)"))
    found: dict[str, Any] = {}
    wait_for(lambda: found.update({each.unit.name: each for each in launcher.ended()}) or len(found) == 2, 120)
    assert found["good"].code == 0 and (found["bad"].code, found["bad"].said) == (2, "too bad")
    launcher.start(unit("long"), python("import time; time.sleep(600)"))
    launcher.stop()
    assert launcher.ended() == []
    with pytest.raises(UserError, match="--launcher slurm: "):
        make_launcher("slurm", 1, 1, tmp_path, None, ("cluster=local", "nonsense=5"))


def test_a_job_that_left_slurm_s_queue_without_a_result_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("submitit", reason="needs the extra slurm")
    launcher: Any = make_launcher("slurm", 3, 1, tmp_path, None, ("cluster=local", "minutes=5"))
    launcher._queue = slurm.Queue()
    queue: list[str] | None = None
    monkeypatch.setattr(slurm, "LOOK", 0.0)
    monkeypatch.setattr(slurm, "_jobs", lambda: None if queue is None else set(queue))
    launcher.start(unit("good"), python("print('fine')"))
    (_, good), number = launcher._running[0], launcher._running[0][1].job_id
    found: list[Any] = []
    # Slurm does not answer; the result is there all the same.
    wait_for(lambda: found.extend(launcher.ended()) or bool(found), 120)
    assert found[0].code == 0 and good.job_id == number
    launcher.start(unit("dead"), python("import time; time.sleep(600)"))
    (_, dead) = launcher._running[0]
    assert launcher.ended() == []
    queue = [dead.job_id]
    assert launcher.ended() == []
    queue = []
    # A result may be late on a file system that others write.
    assert launcher.ended() == []
    monkeypatch.setattr(slurm, "PATIENCE", 0.0)
    (lost,) = launcher.ended()
    assert lost.code < 0 and f"job {dead.job_id} left the queue without a result" in lost.said
    assert launcher.ended() == []
    dead.cancel()


def test_what_slurm_says_of_its_queue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for said, code, found in (("12\n7\n", 0, {"12", "7"}), ("", 0, set()), ("", 1, None)):
        (tmp_path / "squeue").write_text(f"#!/bin/sh\nprintf '{said}'\nexit {code}\n")
        (tmp_path / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert slurm._jobs() == found
    (tmp_path / "squeue").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm._jobs() is None


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache", "one_thread")
def test_a_study_on_submitit_s_local_executor(study_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="needs the extra slurm")
    file = write_study(tmp_path, study_data, tiny_encoder, ("seeds = 2", "seeds = 1"))
    scores = []
    for launcher in (["--launcher", "slurm", "--cluster", "cluster=local"], []):
        folder = tmp_path / f"s{len(launcher)}"
        assert call(["study", "run", str(file), "-o", str(folder), "--workers", "2", *launcher]) == 0
        scores.append(results(StudyFolder(folder)).select(SCORES))
    assert scores[0].equals(scores[1])


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache", "one_thread")
def test_ray_loses_a_node(study_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Two nodes on this machine; the one that works is killed while it does."""
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    from ray.cluster_utils import Cluster

    file = write_study(tmp_path, study_data, tiny_encoder, ("seeds = 2", "seeds = 1"))
    assert call(["study", "run", str(file), "-o", str(tmp_path / "plain"), "--workers", "2"]) == 0
    options = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**options, "include_dashboard": False})
    other = cluster.add_node(**options)
    cluster.wait_for_nodes()
    try:
        killed = _run_and_kill(file, tmp_path / "s", cluster, other)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert killed
    tables: list[pl.DataFrame] = [results(StudyFolder(tmp_path / name)).select(SCORES) for name in ("plain", "s")]
    assert tables[0].equals(tables[1])


def _run_and_kill(file: Path, folder: Path, cluster: Any, node: Any) -> bool:
    import threading

    killed: list[Callable[..., Any] | bool] = []

    def kill() -> None:
        wait_for(lambda: len(finished(folder)) >= 1, 300)
        time.sleep(1.0)
        cluster.remove_node(node, allow_graceful=False)
        killed.append(True)

    thread = threading.Thread(target=kill)
    thread.start()
    options = ["--launcher", "ray", "--cluster", f"address={cluster.address}", "--checkpoint-seconds", "0"]
    code = call(["study", "run", str(file), "-o", str(folder), *options])
    thread.join(300)
    assert code == 0
    return bool(killed)

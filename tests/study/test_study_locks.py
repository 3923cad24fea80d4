"""At most one owner at any time, whoever comes, dies or sleeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from xtremor.study import locks
from xtremor.study.locks import StageLock, alive, owners, running, whoami

KEY = "a" * 32


def lock(folder: Path, lost: Any = lambda: None, lease: float = 60.0) -> StageLock:
    return StageLock(folder, KEY, lost, lease)


def put(folder: Path, age: float = 0.0, **told: Any) -> Path:
    """A lock file of somebody else, last touched ``age`` seconds ago."""
    path = folder / f"{KEY}.other"
    path.write_text(json.dumps({**whoami(), **told}), encoding="utf-8")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_the_second_comes_too_late(tmp_path: Path) -> None:
    first, second = lock(tmp_path), lock(tmp_path)
    assert first.acquire() and not second.acquire() and first.held()
    assert running(tmp_path)[KEY]["pid"] == os.getpid()
    first.release()
    assert not owners(tmp_path, KEY) and running(tmp_path) == {}
    assert second.acquire()
    second.release()


def test_another_machine_is_dead_when_its_lease_is_over(tmp_path: Path) -> None:
    other = put(tmp_path, age=30, machine="another", host="node7")
    assert not lock(tmp_path).acquire() and running(tmp_path)[KEY]["host"] == "node7"
    other = put(tmp_path, age=61, machine="another", host="node7")
    assert running(tmp_path) == {}
    mine = lock(tmp_path)
    assert mine.acquire() and not other.exists()
    mine.release()


def test_a_dead_process_of_this_machine_is_known_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    # Its id may even be in use again: by a process that began at another time.
    for told in ({"pid": process.pid, "started": "1"}, {"started": "1"}):
        path = put(tmp_path, **told)
        assert not alive(path)
        mine = lock(tmp_path)
        assert mine.acquire()
        mine.release()


def test_an_owner_that_has_just_begun_to_write_is_alive(tmp_path: Path) -> None:
    path = tmp_path / f"{KEY}.other"
    path.touch()
    assert alive(path) and not lock(tmp_path).acquire()
    then = time.time() - 6
    os.utime(path, (then, then))
    assert not alive(path)


def test_who_lost_a_lock_learns_it(tmp_path: Path) -> None:
    told = threading.Event()
    mine = lock(tmp_path, told.set, lease=0.2)
    assert mine.acquire()
    mine.path.unlink()
    assert told.wait(10) and not mine.held()
    mine.release()


def test_heartbeats_keep_a_lock_beyond_its_lease(tmp_path: Path) -> None:
    mine = lock(tmp_path, lease=0.4)
    assert mine.acquire()
    before = mine.path.stat().st_mtime_ns
    time.sleep(0.5)
    assert mine.path.stat().st_mtime_ns > before
    mine.release()


def test_releasing_is_no_loss(tmp_path: Path) -> None:
    told = threading.Event()
    mine = lock(tmp_path, told.set, lease=0.04)
    assert mine.acquire()
    mine.release()
    time.sleep(0.05)
    assert not told.is_set()


def test_of_many_that_come_at_once_one_stays_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads stand for machines: every look at a lock file judges it by its age alone."""
    monkeypatch.setattr(locks, "_machine", lambda: f"{threading.get_ident()}")
    inside, most, won = 0, 0, 0
    guard = threading.Lock()

    def contend() -> None:
        nonlocal inside, most, won
        for _ in range(25):
            each = lock(tmp_path)
            if not each.acquire():
                continue
            with guard:
                inside += 1
                most = max(most, inside)
                won += 1
            time.sleep(0.001)
            with guard:
                inside -= 1
            each.release()

    threads = [threading.Thread(target=contend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1 and won > 0 and not owners(tmp_path, KEY)

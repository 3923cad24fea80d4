"""Several runs side by side: they run, a failure is told, and nobody outlives who started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.commands import wait_for

from xtremor import console, launch
from xtremor.console import Progress
from xtremor.errors import UserError
from xtremor.launch import Job, last_words, run_jobs, share_of_run, share_said, worker_count

# Prints the ids of its workers; each waits for a run.json that is a pipe which nobody writes to.
PARENT = """
import sys
from pathlib import Path
from xtremor import launch

begin = launch._start
def told(job, logs):
    process = begin(job, logs)
    print(process.pid, flush=True)
    return process
launch._start = told
run = sys.argv[1]
jobs = [launch.Job(name, ("evaluate", run), 1.0, lambda: 0.0) for name in ("one", "two")]
launch.run_jobs(jobs, 2, Path(sys.argv[2]), "waiting")
"""


def job(name: str, *arguments: str) -> Job:
    return Job(name, arguments, 1.0, lambda: 0.0)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_jobs_run_and_leave_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_jobs([job("all methods", "methods"), job("version", "--version")], 1, tmp_path / "logs", "listing")
    assert "freelb" in (tmp_path / "logs" / "all-methods.log").read_text()
    assert "xtremor 0." in (tmp_path / "logs" / "version.log").read_text()
    assert "2 of 2 runs" in capsys.readouterr().err


def test_jobs_side_by_side_are_told_their_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[tuple[list[tuple[str, ...]], int, Path, str]] = []
    monkeypatch.setattr(launch, "run_jobs", lambda jobs, *rest: ran.append(([j.arguments for j in jobs], *rest)))
    monkeypatch.setattr(launch.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(launch, "_free_gib", lambda: 100.0)
    jobs = [job("one", "train", "--seed", "1"), job("two", "train")]
    launch.run_side_by_side(jobs, tmp_path, "sweep", "two runs", None, None)
    launch.run_side_by_side(jobs, tmp_path, "sweep", "two runs", 1, 3)
    wanted = [("train", "--seed", "1", "--threads", "4"), ("train", "--threads", "4")]
    assert ran[0] == (wanted, 2, tmp_path / "logs", "sweep")
    assert ran[1][0][1] == ("train", "--threads", "3") and ran[1][1] == 1
    assert "two runs; runs side by side: 2, threads each: 4\n" in capsys.readouterr().err


def test_a_failing_job_is_told_and_ends_the_others(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    jobs = [job("waits", "evaluate", str(tmp_path)), job("fails", "tasks", "xnly"), job("never", "methods")]
    with pytest.raises(UserError, match=r"^fails: unknown task 'xnly' \(nearest: xnli.*\(log: .*fails.log\)"):
        run_jobs(jobs, 2, tmp_path / "logs", "working")
    assert not (tmp_path / "logs" / "never.log").exists()


def test_a_job_ended_by_a_signal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = launch._start

    def killed(each: Job, logs: Path) -> subprocess.Popen[bytes]:
        process = begin(each, logs)
        process.kill()
        return process

    monkeypatch.setattr(launch, "_start", killed)
    with pytest.raises(UserError, match=r"it was ended by signal 9 \(memory may have run out; try --workers 1\)"):
        run_jobs([job("one", "methods")], 1, tmp_path / "logs", "working")


def test_a_job_waits_for_those_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a free worker all the time; a job that waits does not hold up those behind it."""
    begun, running = [], set()

    class Instant:
        returncode = 0

        def __init__(self, name: str) -> None:
            self.name, self.asked = name, 0

        def poll(self) -> int | None:
            # The first job is slow.
            self.asked += 1
            if self.name == "first" and self.asked < 3:
                return None
            running.discard(self.name)
            return 0

    def begin(each: Job, logs: Path) -> Instant:
        assert not running & set(each.after)
        begun.append(each.name)
        running.add(each.name)
        return Instant(each.name)

    monkeypatch.setattr(launch, "_start", begin)
    monkeypatch.setattr(launch, "POLL_SECONDS", 0.0)
    jobs = [job("first"), replace(job("needs it"), after=("first",)), job("free"), job("free too")]
    run_jobs(jobs, 2, tmp_path / "logs", "working")
    assert begun == ["first", "free", "free too", "needs it"]
    with pytest.raises(ValueError, match="needs it waits for a job that does not come before it"):
        run_jobs(jobs[1:], 2, tmp_path / "logs", "working")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look for processes")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path), str(tmp_path / "logs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        # Both have come to the pipe that keeps them waiting.
        wait_for(lambda: all(map(_waits, workers)))
        parent.kill()
    try:
        wait_for(lambda: not any(map(alive, workers)), 10)
    finally:
        for pid in filter(alive, workers):
            os.kill(pid, signal.SIGKILL)


def _waits(pid: int) -> bool:
    """Asleep, with Python up and the watching thread begun."""
    assert alive(pid), "a worker ended before its parent did"
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S" and len(os.listdir(f"/proc/{pid}/task")) > 1


def test_share_of_a_run(tmp_path: Path) -> None:
    done = share_of_run(tmp_path, updates=10, training=0.8)
    assert done() == 0.0
    lines = [json.dumps({"update": update}) for update in (1, 2, 5)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + '\n{"upd')
    assert done() == pytest.approx(0.4)
    (tmp_path / "scores.json").write_text("{}")
    assert done() == 1.0


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(launch, "_free_gib", lambda: 100.0)
    assert worker_count(13, None) == (8, 1) and worker_count(2, None) == (2, 4) and worker_count(13, 3) == (3, 2)
    monkeypatch.setattr(launch, "_free_gib", lambda: 4.0)
    assert worker_count(13, None) == (2, 4)
    monkeypatch.setattr(launch, "_free_gib", lambda: 0.5)
    assert worker_count(13, None) == (1, 8)
    with pytest.raises(UserError, match="--workers must be at least 1"):
        worker_count(3, 0)


def test_gpus_are_given_out_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four runs on two GPUs: two share each; a worker sees one."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    monkeypatch.setattr(launch, "_free_gib", lambda: 100.0)
    monkeypatch.setattr(launch, "POLL_SECONDS", 0.01)
    assert launch.gpus() == ["3", "5"] and worker_count(9, None)[0] <= 2 and worker_count(9, 4)[0] == 4
    seen: list[str | None] = []

    class Done:
        returncode = 0

        def poll(self) -> int:
            return 0

    def begin(each: Job, logs: Path) -> Done:
        seen.append(each.gpu)
        return Done()

    monkeypatch.setattr(launch, "_start", begin)
    run_jobs([job(str(number)) for number in range(4)], 4, tmp_path, "working")
    assert seen == ["3", "5", "3", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert launch.gpus() == []
    run_jobs([job("alone")], 1, tmp_path, "working")
    assert seen[-1] is None


def test_what_a_log_says_last(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_words(log) == ""
    log.write_text("begun\nerror: it failed\nmore\n")
    assert last_words(log) == "it failed"
    log.write_text("begun\nKilled\n\n")
    assert last_words(log) == "Killed"


def test_the_share_that_a_log_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "LOG_EVERY_SECONDS", 0.0)
    with Progress("scoring xnli in 15 languages", 200, live=False) as progress:
        progress.advance(7)
        progress.advance(93, "a note, 3% of something")
        said = capsys.readouterr().err
    log = tmp_path / "log"
    assert share_said(log, 0.0) == 0.0
    log.write_text("begun\n")
    assert share_said(log, 0.0) == 0.0
    log.write_text("begun\n" + said + "note: something else\n")
    assert share_said(log, 0.0) == 0.5
    os.utime(log, (1000, 1000))
    assert share_said(log, 999.0) == 0.5
    assert share_said(log, 1001.0) == 0.0, "of an attempt that was stopped"

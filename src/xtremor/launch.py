"""Several runs side by side on one machine: one process each, cores divided, progress over all of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xtremor.console import Progress, say, share_in
from xtremor.errors import UserError

# A worker with the starter encoder peaks below this; fewer workers are started where memory is short.
WORKER_GIB = 1.6
POLL_SECONDS = 0.5
WATCH = "XTREMOR_STOP_WITH_PARENT"


@dataclass(frozen=True)
class Job:
    """One command of ours.

    Attributes:
        name: for people and for the log file.
        arguments: of the command line, without the program.
        work: its cost beside the other jobs', in any unit; used for the time left.
        done: share of the work that is finished, asked again and again.
        after: names of the jobs that must have succeeded before this one starts; they come before it in the list.
        gpu: the one that it sees; None leaves it those that this process has.
    """

    name: str
    arguments: tuple[str, ...]
    work: float
    done: Callable[[], float]
    after: tuple[str, ...] = ()
    gpu: str | None = None


def worker_count(jobs: int, asked: int | None) -> tuple[int, int]:
    """How many processes to run side by side, and how many threads each gets."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked is not None and asked < 1:
        raise UserError(f"--workers must be at least 1, not {asked}")
    fitting = min(cores, max(1, int(_free_gib() / WORKER_GIB)), jobs)
    # Runs that share a GPU share its memory too, which only the user can judge.
    workers = asked or min(fitting, len(gpus()) or fitting)
    return workers, max(1, cores // workers)


def gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them; none where there is no driver."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    with contextlib.suppress(OSError):
        return [str(number) for number in range(len(os.listdir("/proc/driver/nvidia/gpus")))]
    return []


def _least_used(running: Iterable[str | None]) -> str | None:
    """The GPU that the fewest running jobs are on; None where there is no GPU."""
    taken = list(running)
    return min(gpus(), key=taken.count, default=None)


def run_side_by_side(
    jobs: Sequence[Job], output: Path, what: str, news: str, workers: int | None, threads: int | None
) -> None:
    """Run all jobs as `run_jobs` does, as many at a time as the machine bears, with their logs in ``output/logs``.

    A job whose folder is finished ends at once; it is run again all the same, so that changed options are noticed.

    Args:
        jobs: none of them says ``--threads`` yet.
        output: folder of the whole.
        what: the name of the work, for the progress.
        news: what is run, in words; said before the first job starts.
        workers: processes side by side; None is what cores and memory allow.
        threads: of each; None divides the cores.

    Raises:
        UserError: ``workers`` is no such number, or a job failed.
    """
    count, own = worker_count(len(jobs), workers)
    own = own if threads is None else threads
    say(f"{news}; runs side by side: {count}, threads each: {own}")
    told = [replace(job, arguments=(*job.arguments, "--threads", str(own))) for job in jobs]
    run_jobs(told, count, output / "logs", what)


def run_jobs(jobs: Sequence[Job], workers: int, logs: Path, what: str) -> None:
    """Run all jobs, ``workers`` at a time; returns when all have succeeded.

    A worker ends when this process does, however this one ends. On the first failure the others are stopped (they
    keep their checkpoints) and the failing job's last line is raised.

    Raises:
        UserError: a job failed.
    """
    logs.mkdir(parents=True, exist_ok=True)
    waiting = list(jobs)
    for number, job in enumerate(jobs):
        if not set(job.after) <= {each.name for each in jobs[:number]}:
            raise ValueError(f"{job.name} waits for a job that does not come before it")
    running: dict[Job, subprocess.Popen[bytes]] = {}
    before = sum(job.work * job.done() for job in jobs)
    finished: set[str] = set()
    try:
        with Progress(what, sum(job.work for job in jobs), before) as progress:
            while waiting or running:
                ready = [job for job in waiting if finished.issuperset(job.after)]
                for job in ready[: workers - len(running)]:
                    waiting.remove(job)
                    placed = replace(job, gpu=_least_used(each.gpu for each in running))
                    running[placed] = _start(placed, logs)
                time.sleep(POLL_SECONDS)
                for job, process in list(running.items()):
                    if process.poll() is not None:
                        del running[job]
                        if process.returncode != 0:
                            raise _failure(job, logs, process.returncode)
                        finished.add(job.name)
                now = sum(job.work * (1.0 if job.name in finished else job.done()) for job in jobs)
                names = f", now {', '.join(job.name for job in running)}" if running else ""
                progress.advance(max(0.0, now - progress.done), f"{len(finished)} of {len(jobs)} runs{names}")
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(job: Job, logs: Path) -> subprocess.Popen[bytes]:
    place = {} if job.gpu is None else {"CUDA_VISIBLE_DEVICES": job.gpu}
    with open(_log(job, logs), "wb") as log:
        # Standard input stays open as long as this process lives: its end is how a worker learns of our death.
        return subprocess.Popen(
            [sys.executable, "-m", "xtremor", *job.arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **place, WATCH: "1"},
            start_new_session=True,
        )


def stop_with_parent() -> None:
    """In a worker: end this process when the one that started it is gone. Does nothing elsewhere."""
    if os.environ.pop(WATCH, None) is None:
        return

    def watch() -> None:
        # Not through sys.stdin: its lock, held by a waiting thread, aborts the interpreter when the command is done.
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _log(job: Job, logs: Path) -> Path:
    return logs / f"{job.name.replace(' ', '-')}.log"


def _failure(job: Job, logs: Path, code: int) -> UserError:
    path = _log(job, logs)
    reason = last_words(path) or "it printed nothing"
    if code < 0:
        reason = f"it was ended by signal {-code} (memory may have run out; try --workers 1)"
    return UserError(f"{job.name}: {reason} (log: {path}); the same command goes on with what is left")


def last_words(log: Path) -> str:
    """The reason of a failure, from the end of a log; empty where it holds none."""
    lines = [line for line in _end(log, 20_000) if line.strip()]
    said = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), None)
    return said or (lines[-1] if lines else "")


def share_of_run(folder: Path, updates: int, training: float) -> Callable[[], float]:
    """Share of a run that is finished, from its log; ``training`` is the share that training is of the whole."""

    def done() -> float:
        if (folder / "scores.json").exists():
            return 1.0
        return training * min(1.0, _last_update(folder / "log.jsonl") / max(1, updates))

    return done


def share_said(log: Path, since: float) -> float:
    """Share that the last line of progress in a log tells; 0 where none does, or where it was written before ``since``.

    Args:
        log: of a process of ours.
        since: seconds since the epoch.
    """
    try:
        if log.stat().st_mtime < since:
            return 0.0
    except OSError:
        return 0.0
    told = (share_in(line) for line in reversed(_end(log)))
    return next((share for share in told if share is not None), 0.0)


def _last_update(log: Path) -> int:
    for line in reversed(_end(log)):
        try:
            return int(json.loads(line)["update"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0


def _end(log: Path, size: int = 4096) -> list[str]:
    """Lines of the last bytes of a file; none where there is no such file."""
    try:
        with open(log, "rb") as opened:
            opened.seek(0, os.SEEK_END)
            opened.seek(max(0, opened.tell() - size))
            return opened.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return []


def _free_gib() -> float:
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable"):
                    return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return 8.0

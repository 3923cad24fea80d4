"""Studies on the tiny task: in this process, or driven by a process of their own that can be killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any

from helpers.commands import _kill_at, _server

from xtremor.study.launchers.base import Ended, Unit

Kill = tuple[str, int, str]
TEXT = """
name = "tiny"
encoder = "{encoder}"
data = "{data}"
intermediate = ["xnli"]
seeds = 2
keep = {{ intermediate = "needed" }}

[stage1]
train-rows = 24
epochs = 1
batch-size = 8
max-length = 99
learning-rate = 3e-3

[stage2]
train-rows = 16
epochs = 1
batch-size = 8
max-length = 99
learning-rate = 3e-3

[[arms]]
name = "none"

[[arms]]
name = "standard"
stage1 = {{ method = "plain" }}

[[arms]]
name = "freelb-2"
stage1 = {{ method = "freelb-2" }}

[[targets]]
task = "panx"
languages = ["en", "sw"]
limit = 6

[[contrasts]]
treatment = "freelb-2"
control = "standard"
"""


def write_study(folder: Path, data: Path, encoder: Path, *changes: tuple[str, str]) -> Path:
    """Write a study file, with texts of it replaced."""
    text = TEXT.format(data=data, encoder=encoder)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


class Inline:
    """A launcher that runs every unit at once, in this process.

    Attributes:
        started: names of the units, in order.
        failing: name of a unit -> how often it is not run but fails.
    """

    slots = 1
    words = "in this process"

    def __init__(self) -> None:
        self.started: list[str] = []
        self.failing: dict[str, int] = {}
        self._ended: list[Ended] = []

    def start(self, unit: Unit, command: Sequence[str]) -> None:
        from xtremor.study import worker

        self.started.append(unit.name)
        if self.failing.get(unit.name, 0) > 0:
            self.failing[unit.name] -= 1
            self._ended.append(Ended(unit, -9, "it was ended by signal 9"))
            return
        before, typed = os.getcwd(), sys.argv
        try:
            self._ended.append(Ended(unit, worker.main(list(command[3:]))))
        finally:
            os.chdir(before)
            sys.argv = typed

    def ended(self) -> list[Ended]:
        found, self._ended = self._ended, []
        return found

    def stop(self) -> None:
        pass


def drive(arguments: list[str], log: Path, kills: dict[int, Kill] | None = None) -> BaseProcess:
    """Start a command in a process whose workers are forked from it, and die with it.

    ``kills``: number of a worker, from 1 -> when it kills itself (`helpers.commands.start`).
    """
    process = _server().Process(target=_drive, args=(arguments, str(log), kills or {}))
    process.start()
    return process


def _drive(arguments: list[str], log: str, kills: dict[int, Kill]) -> None:
    from xtremor.__main__ import main
    from xtremor.study import driver
    from xtremor.study.launchers import local

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(output, stream)
    # Tests that were started in the background may have been told to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    count = 0

    def fork(command: Sequence[str], file: IO[bytes], _: dict[str, str]) -> Forked:
        nonlocal count
        count += 1
        return Forked(list(command[3:]), file, kills.get(count))

    local.start_process = fork  # type: ignore[assignment]
    driver.POLL_SECONDS = 0.02
    driver.BUSY_SECONDS = 0.2
    sys.argv = ["xtremor", *arguments]
    main(arguments)


class Forked:
    """A worker forked from this process, as `subprocess.Popen` shows one."""

    def __init__(self, arguments: list[str], output: IO[bytes], kill: Kill | None) -> None:
        self.returncode: int | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                # What standard input does for a worker that was started by a command.
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(1)
                for stream in (1, 2):
                    os.dup2(output.fileno(), stream)
                if kill is not None:
                    _kill_at(*kill)
                from xtremor.study import worker

                code = worker.main(arguments)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float = 60) -> int | None:
        end = time.monotonic() + timeout
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        return self.returncode

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def finished(folder: Path) -> dict[str, Any]:
    """Key -> identity on the disk of every finished stage: another one if it was made again."""
    found = {}
    for path in (folder / "store" / "stages").glob("*/stage.json"):
        state = path.stat()
        found[path.parent.name] = (state.st_ino, state.st_mtime_ns)
    return found

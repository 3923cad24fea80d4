"""Locks of stages on a file system that several machines may share.

A lock is a file of the owner's own, ``locks/KEY.TOKEN``. Who wants a stage creates his file first and then looks: he
has the lock if no other file of the stage is alive. Of two who come at once the later one sees the earlier one's file,
so that at most one of them stays (both may step back, and try again). No file is ever taken over, so that no owner can
lose a fresh lock to somebody who judged an old one.

A file is alive while its owner touches it; it is dead when it has not been touched for ``LEASE`` seconds by the clock
of the file system itself, or at once when its owner was a process of this machine that is gone. An owner whose file has
vanished (he slept for longer than the lease) learns it at his next heartbeat and must stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from xtremor.paths import explained

LEASE = 60.0
BEAT = 10.0


class StageLock:
    """The lock of one stage; use `acquire`.

    Args:
        folder: of the locks.
        key: of the stage.
        lost: called from another thread when the lock is found to be lost.
        lease: seconds without a heartbeat after which an owner counts as dead.
    """

    def __init__(self, folder: Path, key: str, lost: Callable[[], None], lease: float | None = None) -> None:
        self.folder, self.key, self.lost = folder, key, lost
        self.lease = LEASE if lease is None else lease
        self.path = folder / f"{key}.{uuid.uuid4().hex}"
        self._over = threading.Event()
        self._beating: threading.Thread | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; False where somebody else has it, or comes at the same moment."""
        if any(alive(other, self.lease) for other in owners(self.folder, self.key)):
            return False
        try:
            with explained(self.path):
                self.path.write_text(json.dumps(whoami()), encoding="utf-8")
            others = [other for other in owners(self.folder, self.key) if other != self.path]
            if any(alive(other, self.lease) for other in others):
                self.release()
                return False
            for dead in others:
                dead.unlink(missing_ok=True)
            self._beating = threading.Thread(target=self._beat, daemon=True)
            self._beating.start()
        except BaseException:
            self.release()
            raise
        return True

    def held(self) -> bool:
        """Whether the lock is still ours."""
        return self.path.exists()

    def release(self) -> None:
        """Give the lock back."""
        self._over.set()
        if self._beating is not None:
            self._beating.join(timeout=5)
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> StageLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _beat(self) -> None:
        while not self._over.wait(min(BEAT, self.lease / 4)):
            try:
                os.utime(self.path)
            except FileNotFoundError:
                if not self._over.is_set():
                    self.lost()
                return
            except OSError:
                # A file system that is away for a moment; the lease says how long it may be.
                continue


def owners(folder: Path, key: str) -> list[Path]:
    """Lock files of a stage."""
    return list(folder.glob(f"{key}.*"))


def alive(path: Path, lease: float | None = None) -> bool:
    """Whether the owner of a lock file is at work."""
    try:
        age = _now(path.parent) - path.stat().st_mtime
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        # Being written: the owner has not looked yet.
        return age < 5
    if told.get("machine") == _machine() and _started(told["pid"]) != told.get("started"):
        return False
    return age < (LEASE if lease is None else lease)


def running(folder: Path, lease: float | None = None) -> dict[str, dict[str, Any]]:
    """Key -> owner, of all live locks."""
    found: dict[str, dict[str, Any]] = {}
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return found
    for name in names:
        key, dot, _ = name.partition(".")
        if key and dot and alive(folder / name, lease):
            with contextlib.suppress(OSError, ValueError):
                found[key] = json.loads((folder / name).read_text(encoding="utf-8"))
    return found


def whoami() -> dict[str, Any]:
    """This process, so that another one can tell whether it lives."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "machine": _machine(), "started": _started(pid)}


@cache
def _machine() -> str:
    """What processes that see each other's ids have in common."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _started(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; None where there is none of that id, or it is a zombie.

    Where the system does not tell, all processes look alike and the lease decides.
    """
    if not os.path.isdir("/proc/self"):
        return "unknown"
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


_CLOCKS: dict[Path, tuple[float, float]] = {}


def _now(folder: Path) -> float:
    """Time by the clock of the file system, which may be a server's; asked for once a minute."""
    asked = _CLOCKS.get(folder)
    here = time.monotonic()
    if asked is None or here - asked[1] > 60:
        probe = folder / f".clock-{uuid.uuid4().hex}"
        try:
            probe.touch()
            asked = probe.stat().st_mtime, here
        except OSError:
            asked = time.time(), here
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        _CLOCKS[folder] = asked
    return asked[0] + here - asked[1]

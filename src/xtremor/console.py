"""Progress for people: a live bar on a terminal, plain lines in a log. Everything goes to standard error."""

from __future__ import annotations

import re
import sys
import time
from types import TracebackType
from typing import Any

LOG_EVERY_SECONDS = 15.0
_silent = False


def silence() -> None:
    """From now on this process says nothing: another one of the same run speaks for all."""
    global _silent
    _silent = True


def say(message: str) -> None:
    """Print one line of news to standard error (standard output is kept for results)."""
    if not _silent:
        print(message, file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Print one warning line to standard error."""
    say(f"warning: {message}")


def duration(seconds: float) -> str:
    """Format seconds as ``8s``, ``3m05s`` or ``2h10m``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class Progress:
    """Count work done, with an honest time left.

    Time left assumes that each remaining unit costs what the units of this process have cost so far; units
    done before a resume (``done``) are not counted as fast.

    Args:
        what: the name of the work, for example ``"training"``.
        total: units of work in all.
        done: units finished before this process began.
        live: force the live bar on or off; by default on when standard error is a terminal.
    """

    def __init__(self, what: str, total: float, done: float = 0, live: bool | None = None) -> None:
        self.what, self.total, self.done, self.first = what, total, done, done
        self.live = (sys.stderr.isatty() if live is None else live) and not _silent
        self.started = self.last_line = time.monotonic()
        self.note = ""
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[note]}"))
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self.what, total=self.total, completed=self.done, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:
            say(f"{self.what}: done in {duration(time.monotonic() - self.started)}{self._suffix()}")

    def advance(self, units: float = 1, note: str = "") -> None:
        """Count ``units`` as done; ``note`` (loss, tokens per second, ...) is shown beside the time left."""
        self.done += units
        self.note = note or self.note
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, note=self._status(now))
        elif now - self.last_line >= LOG_EVERY_SECONDS:
            self.last_line = now
            say(f"{self.what}: {self._status(now)}")

    def _status(self, now: float) -> str:
        share = self.done / self.total if self.total else 1.0
        here = self.done - self.first
        left = (now - self.started) / here * (self.total - self.done) if here > 0 else float("nan")
        clock = f"{duration(left)} left" if left == left else "measuring"
        return f"{share:.0%}, {clock}{self._suffix()}"

    def _suffix(self) -> str:
        return f", {self.note}" if self.note else ""


def share_in(line: str) -> float | None:
    """Share of the work that a line of `Progress` in a log tells; None where it is no such line."""
    found = re.search(r": (\d+)%, ", line)
    return int(found[1]) / 100 if found else None

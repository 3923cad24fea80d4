"""What labelling shares, whatever is labelled: stopping cleanly, progress, and never writing over what is read."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from xtremor.console import LOG_EVERY_SECONDS, Progress, say
from xtremor.errors import UserError
from xtremor.sources.own.tables import STANDARD_INPUT

STANDARD_OUTPUT = "-"


def standard(output: Path | None) -> bool:
    """Whether answers go to standard output."""
    return output is None or str(output) == STANDARD_OUTPUT


def refuse_same(file: str, output: Path | None) -> None:
    """Raise UserError where the output is the file that is read."""
    there = output is not None and output.exists() and file != STANDARD_INPUT and Path(file).exists()
    if there and output is not None and output.samefile(file):
        raise UserError(f"--output {output} is the file that is read; name another one")


def shares(counts: Counter[str]) -> str:
    """``B 60.0%, A 40.0%``: the shares of the most frequent answers."""
    total = counts.total()
    said = ", ".join(f"{answer} {100 * number / total:.1f}%" for answer, number in counts.most_common(6))
    return f"{said}{' and others' if len(counts) > 6 else ''}"


@contextlib.contextmanager
def counted(name: str, total: int, units: str = "rows") -> Iterator[Callable[[int], None]]:
    """Progress with the time left, or what is done so far where the total is not known (0)."""
    if total:
        with Progress(f"labelling {name}", total) as progress:
            yield lambda done: progress.advance(done, f"{progress.done + done:,.0f} {units}")
        return
    done, last = 0, time.monotonic()

    def advance(more: int) -> None:
        nonlocal done, last
        done += more
        if time.monotonic() - last >= LOG_EVERY_SECONDS:
            last = time.monotonic()
            say(f"labelling {name}: {done:,} {units}")

    yield advance


@contextlib.contextmanager
def stoppable(output: Path | None) -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that nothing half-written is left, and say so."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    if main:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        if not standard(output):
            say(f"nothing was written to {output}")
        raise
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)

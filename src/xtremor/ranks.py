"""Whether this process is one of several that `torchrun` or `accelerate launch` started for one run."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from xtremor.console import silence
from xtremor.errors import Elsewhere, UserError

# The one command that several processes work on together.
SHARED = "train"


class Launched(NamedTuple):
    """Number of this process, and how many there are."""

    rank: int
    size: int


def launched() -> Launched:
    """What the launcher says in ``RANK`` and ``WORLD_SIZE``; one process where it says nothing that can be."""
    try:
        found = Launched(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    except (KeyError, ValueError):
        return Launched(0, 1)
    return found if 0 <= found.rank < found.size else Launched(0, 1)


def check_command(arguments: Sequence[str]) -> None:
    """Raise UserError where several processes were started for a command that is for one; one of them says so."""
    rank, size = launched()
    command = arguments[0] if arguments else "--help"
    if size == 1 or command == SHARED:
        return
    sentence = f"{size} processes were started for `xtremor {command}`, which works in one; several share `train` alone"
    raise Elsewhere(sentence) if rank else UserError(sentence)


def speak_once() -> None:
    """Leave news, progress and results to the first process."""
    if launched().rank:
        silence()
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


@contextlib.contextmanager
def joined() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Be one of the processes of a run, if there are several; gives `xtremor.training.crew.Crew.together`."""
    if launched().size == 1:
        yield contextlib.nullcontext
        return
    from xtremor.training import crew

    with crew.joined() as found:
        yield found.together


def leave(code: int) -> None:
    """End one of several processes at once, whatever threads it still has; does nothing in a process alone."""
    if launched().size > 1:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)

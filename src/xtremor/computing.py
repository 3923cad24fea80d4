"""How this process computes: threads, and memory that is not given back between passes."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys

# Parameters of glibc's mallopt(3), and sizes that no tensor of a pass reaches.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
TRIM, MMAP = 2**31 - 1, 2**30


def prepare(threads: int | None = None) -> None:
    """Compute with so many threads on the CPU (None leaves torch's choice), and keep freed memory for the next pass.

    Raises nothing where the platform has no such setting.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc not to return freed memory to the kernel at once; whether it was told.

    By default every tensor above 32 MB is mapped anew and the top of the heap is trimmed when a graph is freed, so that
    the next pass faults all its pages in again: a method that holds two graphs spends a quarter of its time there.
    What is kept is at most what the process had in use before.
    """
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(M_MMAP_THRESHOLD, MMAP)) and bool(mallopt(M_TRIM_THRESHOLD, TRIM))
    return False

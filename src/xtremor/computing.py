"""How this process computes: threads, precision, and memory that is not given back between passes."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.console import say
from xtremor.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Of products: bf16 is autocast, which leaves weights, sums and norms in float32.
PRECISIONS = ("fp32", "bf16")

# Parameters of glibc's mallopt(3), and sizes that no tensor of a pass reaches.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
TRIM, MMAP = 2**31 - 1, 2**30
# Of madvise(2), and the granularity of memory.
MADV_DONTNEED, PAGE = 4, 4096


def prepare(threads: int | None = None) -> None:
    """Compute with so many threads on the CPU (None leaves torch's choice), and keep freed memory for the next pass.

    Raises nothing where the platform has no such setting.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()


def check_precision(name: str) -> None:
    """Raise UserError for a precision that there is none of."""
    if name not in PRECISIONS:
        raise UserError(f"--precision must be one of {', '.join(PRECISIONS)}, not '{name}'")


def reduced(precision: str, device: torch.device) -> Any:
    """A context in which products are in that precision."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def note_precision(precision: str, device: torch.device) -> None:
    """Say where bf16 gains nothing: a processor of PCs without instructions for it computes it through float32."""
    import torch

    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if precision == "fp32" or device.type != "cpu" or not able or platform.machine() not in ("x86_64", "AMD64"):
        return
    if not able.get("avx512_bf16") and not able.get("amx_bf16"):
        say("note: this processor has no instructions for bf16 (avx512_bf16, amx_bf16): fp32 is faster here")


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


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on ``device``; a GPU gets it while it still works, and this process does not wait."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def release(tensor: Tensor) -> bool:
    """Let go of the memory of a tensor that is mapped from a file and was never written; whether that was done.

    It can be used as before: what is asked of it again is read from the file again. Nothing is done, and nothing is
    lost, where any page of the mapping was written to, where the tensor is no mapping, and outside Linux.
    """
    storage = tensor.untyped_storage()
    if tensor.device.type != "cpu" or not sys.platform.startswith("linux"):
        return False
    first, size = tensor.data_ptr(), min(tensor.numel() * tensor.element_size(), storage.nbytes())
    begin, end = -(-first // PAGE) * PAGE, (first + size) // PAGE * PAGE
    with contextlib.suppress(OSError, AttributeError, ValueError):
        for low, high, clean in _file_mappings():
            if low <= begin < end <= high:
                return clean and ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), end - begin, MADV_DONTNEED) == 0
    return False


def _file_mappings() -> Iterator[tuple[int, int, bool]]:
    """Begin and end of this process's mappings of files, and whether none of their pages was written to."""
    low = high = inode = 0
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace").split("\n"):
        words = line.split()
        if words and "-" in words[0] and not words[0].endswith(":"):
            low, high = (int(part, 16) for part in words[0].split("-"))
            inode = int(words[4])
        elif line.startswith("Anonymous:") and inode:
            yield low, high, int(words[1]) == 0

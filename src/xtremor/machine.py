"""Facts about the machine and the software that travel with every result."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "numpy", "polars", "safetensors")


def versions() -> dict[str, str]:
    """Version of xtremor, Python and the libraries that results depend on."""
    from xtremor import __version__

    found = {"xtremor": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine(device: str = "cpu", threads: int | None = None) -> dict[str, Any]:
    """Platform, processor, cores, threads in use, memory in GiB and device."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_gib": _memory_gib(),
        "device": device,
    }


def command_line() -> str:
    """The command as the user could type it again."""
    return shlex.join(["xtremor", *sys.argv[1:]])


def now() -> str:
    """Current time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def peak_memory_mb() -> float | None:
    """Largest resident memory of this process so far, MiB; None where the platform does not tell."""
    # On Linux what getrusage tells begins with the peak of the process that started this one.
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None

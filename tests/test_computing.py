"""Freed memory is kept for the next pass, which then faults no pages in."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from xtremor import computing

PROGRAM = """
import resource, sys, torch
from xtremor import computing
computing.prepare(1)
if "off" in sys.argv:
    computing.ctypes.CDLL(None).mallopt(computing.M_MMAP_THRESHOLD, 2**17)
def passed():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(20_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
passed()
print(passed())
"""


def faults(*more: str) -> int:
    command = [sys.executable, "-c", PROGRAM, *more]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_no_page_is_faulted_in_twice() -> None:
    assert computing.keep_freed_memory()
    assert faults("off") > 1000 > 100 > faults()


def test_threads() -> None:
    before = torch.get_num_threads()
    computing.prepare(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    computing.prepare()
    assert torch.get_num_threads() == before


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert computing.keep_freed_memory.__wrapped__() is False

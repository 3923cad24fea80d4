"""Precision, and memory that a process lets go of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from xtremor.computing import note_precision, release

ROWS = 4096


def resident(tensor: torch.Tensor) -> int:
    """Resident KiB of the mapping that a tensor lies in."""
    address, found, inside = tensor.data_ptr(), 0, False
    for line in Path("/proc/self/smaps").read_text().split("\n"):
        words = line.split()
        if words and "-" in words[0] and not words[0].endswith(":"):
            low, high = (int(part, 16) for part in words[0].split("-"))
            inside = low <= address < high
        elif inside and line.startswith("Rss:"):
            found = int(words[1])
    return found


@pytest.mark.parametrize(
    ("able", "precision", "said"),
    [
        ({"avx512_bf16": False, "amx_bf16": False}, "bf16", True),
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16", False),
        ({"avx512_bf16": False, "amx_bf16": False}, "fp32", False),
        ({}, "bf16", False),
    ],
)
def test_where_bf16_gains_nothing_it_is_said(
    able: dict[str, bool], precision: str, said: bool, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    note_precision(precision, torch.device("cpu"))
    assert ("fp32 is faster here" in capsys.readouterr().err) == said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells the Linux kernel")
def test_what_is_mapped_is_let_go_of_and_read_again(tmp_path: Path) -> None:
    kept = torch.randn(ROWS, 256)
    save_file({"table": kept}, tmp_path / "file.safetensors")
    table = load_file(tmp_path / "file.safetensors")["table"]
    assert torch.equal(table, kept)
    before = resident(table)
    assert release(table)
    assert resident(table) < before / 4
    assert torch.equal(table, kept)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells the Linux kernel")
def test_what_was_written_stays(tmp_path: Path) -> None:
    """Neither a mapping with a changed page nor memory without a file loses anything."""
    save_file({"table": torch.randn(ROWS, 256)}, tmp_path / "file.safetensors")
    table = load_file(tmp_path / "file.safetensors")["table"]
    table[7] = 1.0
    assert not release(table) and bool((table[7] == 1.0).all())
    own = torch.ones(ROWS, 256)
    assert not release(own) and bool((own == 1.0).all())

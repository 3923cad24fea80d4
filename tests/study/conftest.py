"""Tiny data of two tasks, and a study on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.studies import Inline, write_study
from helpers.tiny import write_panx, write_xnli


@pytest.fixture(scope="session")
def study_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XNLI and PAN-X, small, in the official layout; not to be written to."""
    folder = tmp_path_factory.mktemp("study") / "data"
    write_xnli(folder, train=48, scored=6, languages=("en", "sw"))
    write_panx(folder, train=16, languages=("en", "sw"))
    return folder


@pytest.fixture
def study_file(study_data: Path, tiny_encoder: Path, tmp_path: Path) -> Path:
    """The study of `helpers.studies`."""
    return write_study(tmp_path, study_data, tiny_encoder)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> Inline:
    """Runs are made in this process, one after another."""
    from xtremor.study import driver, launchers

    launcher = Inline()

    def make(*_: Any, **__: Any) -> Inline:
        return launcher

    monkeypatch.setattr(launchers, "make_launcher", make)
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(driver, "BUSY_SECONDS", 0.0)
    return launcher

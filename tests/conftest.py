"""Fixtures that every part uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from helpers.own import Own


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the real data in ../shared, which is not part of the project")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread, so that sums are the same in every run."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers with its tokenizer, as a Hugging Face folder; not to be written to."""
    from helpers.tiny import write_encoder

    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XNLI's official layout in fifteen made-up languages; not to be written to."""
    from helpers.tiny import write_xnli

    return write_xnli(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests of test folders stay out of the user's cache; all tests of a session share this one."""
    monkeypatch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def learnt_kind(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Own, Path]]:
    """Category -> made-up files of a user's own, and a run that learnt and scored them; not to be written to."""
    from helpers.commands import call
    from helpers.own import train_kind, write_kind

    made: dict[str, tuple[Own, Path]] = {}

    def learnt(category: str) -> tuple[Own, Path]:
        if category not in made:
            folder = tmp_path_factory.mktemp(category)
            own = write_kind(category, folder)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
                command = train_kind(own, tiny_encoder, folder / "run", "--evaluate", "--data", str(own.test))
                assert call(command) == 0
            made[category] = own, folder / "run"
        return made[category]

    return learnt


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names of the jobs ``started``, in order; ``kill``: name of a job -> when it kills itself."""
    from helpers.commands import Forked

    from xtremor import launch

    told: dict[str, Any] = {"started": [], "kill": {}}

    def begin(job: launch.Job, logs: Path) -> Forked:
        told["started"].append(job.name)
        return Forked(list(job.arguments), launch._log(job, logs), told["kill"].get(job.name))

    monkeypatch.setattr(launch, "_start", begin)
    monkeypatch.setattr(launch, "POLL_SECONDS", 0.02)
    return told

"""Two processes with a half of the batch each make the update of one process with the whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import two_processes
from helpers.tiny import make_classifier
from safetensors.torch import load_file

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both processes wrote."""
    found = tmp_path_factory.mktemp("processes")
    places = os.pathsep.join([str(Path(two_processes.__file__).parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, two_processes.__file__, str(found)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return found


@pytest.mark.parametrize("name", two_processes.METHODS)
def test_two_halves_are_the_whole(folder: Path, name: str) -> None:
    one, other = (load_file(folder / f"{name}-{rank}.safetensors") for rank in (0, 1))
    model = make_classifier()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    alone = two_processes.trained(model, model, two_processes.METHODS[name], [two_processes.batch()])
    for key, value in alone.items():
        assert torch.equal(one[key], other[key]), key
        assert torch.allclose(one[key], value, atol=1e-5), key
    assert any(not torch.allclose(value, before[key], atol=1e-3) for key, value in alone.items())


def test_under_the_trainer(folder: Path) -> None:
    """Plain is the stock Trainer in two processes; an attack is another training, the same one in both."""
    found = {
        (name, rank): load_file(folder / f"{name}-{rank}.safetensors")
        for name in two_processes.TRAINERS
        for rank in (0, 1)
    }
    for key, value in found["stock", 0].items():
        assert torch.allclose(found["trained-plain", 0][key], value, atol=1e-6), key
        assert all(torch.equal(found[name, 0][key], found[name, 1][key]) for name in two_processes.TRAINERS), key
    name = "classifier.weight"
    assert not torch.allclose(found["trained-pgd", 0][name], found["stock", 0][name], atol=1e-5)

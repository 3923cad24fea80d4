"""The state of torch's own generators, which dropout draws from."""

from __future__ import annotations

import torch
from torch import Tensor

# On the CPU, and on a GPU where the model is there.
RandomState = tuple[Tensor, Tensor | None]


def random_state(device: torch.device) -> RandomState:
    """The state as it is."""
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def set_random_state(device: torch.device, state: RandomState) -> None:
    """Put it back."""
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)

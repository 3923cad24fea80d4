"""Dropout whose masks are drawn fast on the CPU.

torch draws a Bernoulli variable for every element, which takes a ninth of a plain training step. Here a mask is made of
16 random bits an element, from a generator that is seeded by one draw from torch's: so a mask is a function of torch's
random state as before, and gradient checkpointing draws the same one again. GPUs keep torch's dropout.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Values of 16 bits, of which a share is dropped.
VALUES = 1 << 16


def drop(values: Tensor, probability: float) -> Tensor:
    """What `torch.nn.functional.dropout` does in training: elements become 0 at random, the others grow accordingly.

    On the CPU the probability is rounded to a multiple of 1 / 65,536, and the others are scaled by what it then is, so
    that the expectation is exact.
    """
    if values.device.type != "cpu" or probability in (0.0, 1.0):
        return nn.functional.dropout(values, probability)
    dropped = round(probability * VALUES)
    kept = _bits(values.numel()).ge(dropped - VALUES // 2).view(values.shape)
    return values * (kept * (VALUES / (VALUES - dropped))).to(values.dtype)


def _bits(count: int) -> Tensor:
    """(count,) int16, every value equally likely; torch's own generator moves on by one draw."""
    seed = int(torch.empty((), dtype=torch.int64).random_().numpy())
    drawn = np.random.SFC64(seed).random_raw(-(-count // 4))
    return torch.from_numpy(drawn.view(np.int16))[:count]


@contextlib.contextmanager
def fast_dropout(models: nn.Module | Sequence[nn.Module]) -> Iterator[None]:
    """Within the context the dropout modules of models drop by `drop`; functions that a model calls stay."""
    given = [models] if isinstance(models, nn.Module) else list(models)
    modules = {each for model in given for each in model.modules() if type(each) is nn.Dropout and each.p > 0}
    handles = [handle for each in modules if not each.inplace for handle in _hooks(each)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks(module: nn.Dropout) -> list[Any]:
    """A module that is told to drop nothing gives back what it was given, and then `drop` does it.

    Only while it is called: attention of transformers reads the probability of a module that it never calls.
    """
    probability = module.p

    def begin(module: Any, args: Any) -> None:
        module.p = 0.0

    def end(module: Any, args: Any, output: Tensor | None) -> Tensor | None:
        module.p = probability
        return drop(output, probability) if module.training and output is not None else output

    return [module.register_forward_pre_hook(begin), module.register_forward_hook(end, always_call=True)]

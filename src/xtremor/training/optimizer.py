"""AdamW with two learning rates, and a schedule that is a function of the update number."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import nn

from xtremor.training.config import TrainSettings

# Adam's second-moment guard in the official XTREME scripts.
EPSILON = 1e-8


def make_optimizer(model: nn.Module, fresh: Collection[str], settings: TrainSettings) -> torch.optim.AdamW:
    """Fused AdamW over the trainable parameters.

    Args:
        model: the task model.
        fresh: names of the tensors that the encoder did not bring; they get ``head_learning_rate``.
        settings: rates and decay.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    table = model.get_input_embeddings()  # type: ignore[operator]
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            if parameter is table.weight:
                decays = settings.decay_embeddings
            else:
                decays = parameter.ndim > 1 and "embeddings" not in name
            groups.setdefault((name in fresh, decays), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": settings.head_learning_rate if head else settings.learning_rate,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (head, decays), parameters in groups.items()
        ],
        lr=settings.learning_rate,
        eps=EPSILON,
        fused=True,
    )


def rate_share(update: int, updates: int, warmup: float) -> float:
    """Share of the peak rate at a 0-based update: linear up over ``warmup * updates``, then linear down to 0."""
    rising = warmup * updates
    if update < rising:
        return (update + 1) / (rising + 1)
    return max(0.0, (updates - update) / max(1.0, updates - rising))


def decayed(settings: TrainSettings, updates: int) -> float:
    """What weight decay leaves after a run of a word-embedding row that never occurs: of its value, so much.

    AdamW multiplies every weight by 1 - rate * decay in each update; a row without gradients sees nothing else, so that
    all of its updates can be made at once at the end.
    """
    if not settings.decay_embeddings:
        return 1.0
    rates = (settings.learning_rate * rate_share(update, updates, settings.warmup) for update in range(updates))
    return math.prod(1 - rate * settings.weight_decay for rate in rates)


def set_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Give every group its peak rate times ``share``."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share

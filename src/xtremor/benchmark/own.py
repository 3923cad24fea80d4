"""Training as `xtremor train` does it, without its files: what the official way is compared with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from xtremor.encoders.dropout import fast_dropout
from xtremor.encoders.packing import packed
from xtremor.robust.counter import PassCounter
from xtremor.robust.methods.base import Method
from xtremor.tasks import classification
from xtremor.tasks.features import Features
from xtremor.training.config import TrainSettings
from xtremor.training.embeddings import compact
from xtremor.training.optimizer import make_optimizer
from xtremor.training.step import BatchStep

CLIP = 1.0


class Device:
    """What a step asks of an accelerator: device, precision and backward.

    An ``accelerate.Accelerator`` may be made once in a process and remembers its precision; a benchmark has both.
    """

    def __init__(self, device: torch.device, bf16: bool = False) -> None:
        self.device, self.bf16 = device, bf16

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """Inside, products are in the precision of the run."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            yield

    def backward(self, loss: torch.Tensor) -> None:
        """Nothing is scaled."""
        loss.backward()


class OwnWay:
    """Trains a classifier with several methods by turns: compact table, ragged rows, fused AdamW.

    Args:
        model: a Hugging Face model for sequence classification; its word embeddings are compacted.
        features: of the training set.
        pad_token: of the vocabulary.
        accelerator: device, autocast and backward.
        methods: that will be asked for.
    """

    def __init__(
        self, model: nn.Module, features: Features, pad_token: int, accelerator: Any, methods: Sequence[Method]
    ) -> None:
        full, table = compact(model, features.rows.tokens, pad_token, True)
        self.model = model.to(accelerator.device).train()
        self.counts, self.number = PassCounter(model).counts, 0
        self.steps = {
            method.arm: BatchStep(
                model, table, features, classification, method, 1, pad_token, accelerator, full.weight,
                counts=self.counts,
            )
            for method in methods
        }  # fmt: skip
        self.optimizer = make_optimizer(model, [], TrainSettings("xnli", learning_rate=2e-5))

    def update(self, arm: str, units: np.ndarray, packing: bool = True) -> None:
        """One weight update of a method on a batch."""
        self.gradients(arm, units, packing)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()

    def gradients(self, arm: str, units: np.ndarray, packing: bool = True) -> None:
        """The passes of an update; gradients of the update before are dropped."""
        self.optimizer.zero_grad(set_to_none=True)
        self.number += 1
        with packed(self.model, packing, head_alone=True), fast_dropout(self.model):
            self.steps[arm].run(units, self.number, 0, 1.0)

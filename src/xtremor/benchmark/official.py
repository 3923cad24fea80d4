"""The official way, written for this comparison: what the XTREME scripts do with a batch, as fast as that allows.

Rows are padded to ``max_seq_length`` (128), the word embeddings are an ordinary table of which every row has a gradient
and is updated, AdamW goes through the parameters one by one, and an ascent is an ordinary backward pass, whose weight
gradients are thrown away. What the scripts do not prescribe is as fast as torch has it: fused attention, gradients set
to None and not to zero, one batch in place of an accumulation of small ones.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.training.ragged import Ragged

WIDTH = 128
# Rows in a forward pass of an evaluation.
SCORED = 32


def padded(batch: Ragged, pad_token: int, width: int = WIDTH, device: torch.device | None = None) -> dict[str, Tensor]:
    """Rows of at most ``width`` tokens, padded to it: input_ids, attention_mask and, if there are any, token types."""
    shape = (len(batch), width)
    found = {"input_ids": torch.full(shape, pad_token), "attention_mask": torch.zeros(shape, dtype=torch.long)}
    if batch.types is not None:
        found["token_type_ids"] = torch.zeros(shape, dtype=torch.long)
    for row, length in enumerate(batch.lengths):
        span = slice(int(batch.offsets[row]), int(batch.offsets[row + 1]))
        found["input_ids"][row, :length] = torch.from_numpy(batch.tokens[span].astype("int64"))
        found["attention_mask"][row, :length] = 1
        if batch.types is not None:
            found["token_type_ids"][row, :length] = torch.from_numpy(batch.types[span].astype("int64"))
    return {name: value.to(device) for name, value in found.items()}


class OfficialWay:
    """Trains a classifier.

    Args:
        model: a Hugging Face model for sequence classification, its word embeddings dense, on its device.
        radius, steps: of the ascent, L2 per token; 0 steps are plain training.
        rate: learning rate.
        bf16: autocast to bfloat16.
    """

    def __init__(
        self, model: nn.Module, radius: float = 0.0, steps: int = 0, rate: float = 2e-5, bf16: bool = False
    ) -> None:
        self.model, self.radius, self.steps, self.bf16 = model.train(), radius, steps, bf16
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, foreach=False, fused=False)

    def update(self, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
        """One weight update on a batch; returns the loss."""
        loss = self.gradients(inputs, labels)
        self.apply()
        return loss

    def gradients(self, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
        """The passes of an update; returns the loss."""
        mask = inputs["attention_mask"].unsqueeze(-1).to(torch.float32)
        delta = torch.zeros(1, device=mask.device)
        for step in range(self.steps):
            words = self._words(inputs)
            if not step:
                delta = self._inside((2 * torch.rand_like(words) - 1) * self.radius * mask)
            delta = delta.detach().requires_grad_()
            self._loss(words + delta, inputs, labels).backward()
            gradient = delta.grad
            assert gradient is not None
            direction = gradient / gradient.norm(dim=-1, keepdim=True).clamp_min(1e-12)
            delta = self._inside((delta + 2.5 * self.radius / self.steps * direction).detach() * mask)
            self.optimizer.zero_grad()
        words = self._words(inputs)
        loss = self._loss(words + delta if self.steps else words, inputs, labels)
        loss.backward()
        return loss.detach()

    def apply(self) -> None:
        """Clip and update."""
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=False)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _words(self, inputs: dict[str, Tensor]) -> Tensor:
        table: Any = self.model.get_input_embeddings()  # type: ignore[operator]
        found: Tensor = table(inputs["input_ids"])
        return found

    def _loss(self, vectors: Tensor, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
        with _autocast(vectors.device, self.bf16):
            rest = {name: value for name, value in inputs.items() if name != "input_ids"}
            outputs = self.model(inputs_embeds=vectors, **rest, labels=labels)
        loss: Tensor = outputs.loss
        return loss

    def _inside(self, delta: Tensor) -> Tensor:
        norms = delta.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return delta * (self.radius / norms).clamp_max(1.0)


@torch.inference_mode()
def official_logits(
    model: nn.Module, languages: dict[str, Ragged], pad_token: int, device: torch.device, bf16: bool = False
) -> np.ndarray:
    """(N, C) float32: language after language, in batches of `SCORED` rows in the order of the file."""
    model.eval()
    found = []
    for rows in languages.values():
        for begin in range(0, len(rows), SCORED):
            batch = rows.take(np.arange(begin, min(begin + SCORED, len(rows))))
            with _autocast(device, bf16):
                logits = model(**padded(batch, pad_token, WIDTH, device)).logits
            found.append(logits.float().cpu().numpy())
    return np.concatenate(found)


def _autocast(device: torch.device, bf16: bool) -> Any:
    return torch.autocast(device.type, torch.bfloat16) if bf16 else contextlib.nullcontext()

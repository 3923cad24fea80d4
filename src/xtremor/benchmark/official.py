"""The official way, written for this comparison: what the XTREME scripts do with a batch, as fast as that allows.

Rows are padded to ``max_seq_length`` (128), the word embeddings are an ordinary table of which every row has a gradient
and is updated, AdamW goes through the parameters one by one, and an ascent is an ordinary backward pass, whose weight
gradients are thrown away.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from xtremor.training.ragged import Ragged

WIDTH = 128


def padded(batch: Ragged, pad_token: int, width: int = WIDTH) -> dict[str, Tensor]:
    """Rows of at most ``width`` tokens, padded to it: input_ids and attention_mask (B, width)."""
    ids = torch.full((len(batch), width), pad_token)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for row, length in enumerate(batch.lengths):
        begin = batch.offsets[row]
        ids[row, :length] = torch.from_numpy(batch.tokens[begin : begin + length].astype("int64"))
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask}


class OfficialWay:
    """Trains a classifier.

    Args:
        model: a Hugging Face model for sequence classification, its word embeddings dense.
        radius, steps: of the ascent, L2 per token; 0 steps are plain training.
        rate: learning rate.
    """

    def __init__(self, model: nn.Module, radius: float = 0.0, steps: int = 0, rate: float = 2e-5) -> None:
        self.model, self.radius, self.steps = model.train(), radius, steps
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, foreach=False, fused=False)

    def update(self, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
        """One weight update on a batch; returns the loss."""
        mask = inputs["attention_mask"].unsqueeze(-1).to(torch.float32)
        delta = torch.zeros(1)
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
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=False)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def _words(self, inputs: dict[str, Tensor]) -> Tensor:
        table: Any = self.model.get_input_embeddings()  # type: ignore[operator]
        found: Tensor = table(inputs["input_ids"])
        return found

    def _loss(self, vectors: Tensor, inputs: dict[str, Tensor], labels: Tensor) -> Tensor:
        outputs = self.model(inputs_embeds=vectors, attention_mask=inputs["attention_mask"], labels=labels)
        loss: Tensor = outputs.loss
        return loss

    def _inside(self, delta: Tensor) -> Tensor:
        norms = delta.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return delta * (self.radius / norms).clamp_max(1.0)

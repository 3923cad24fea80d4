"""How fast this machine trains an encoder, measured for a few seconds, so that a plan can say how long it takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from xtremor.computing import reduced
from xtremor.sizes import Opened
from xtremor.training.config import TrainSettings

# Imports, reading and tokenising of one run; loading of the encoder is measured.
START_SECONDS = 6.0
LEAST_SECONDS = 1.5


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        tokens: plain training's tokens a second of one run.
        start: seconds before a run's first update.
    """

    tokens: float
    start: float

    def seconds(self, work: float, runs: int) -> float:
        """Of ``runs`` runs of together ``work`` forward passes over a token, one after another; plain is 3 a token."""
        return work / 3 / self.tokens + runs * self.start


def measure(settings: TrainSettings, opened: Opened, threads: int) -> Speed:
    """Time plain passes over batches of the run's size and mean length in its precision, word embeddings frozen."""
    import torch

    from xtremor.encoders.load import load_task_model
    from xtremor.tasks.category import category

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    started = time.monotonic()
    kind = category(opened.card.category)
    model, _ = load_task_model(settings.encoder, kind.AUTO_CLASS, True, **kind.head_config(opened.source.labels()))
    start = START_SECONDS + time.monotonic() - started
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder: Any = model.base_model
    encoder.to(device).train().get_input_embeddings().weight.requires_grad_(False)
    length = max(2, round(opened.training_tokens / max(1, opened.updates) / settings.batch_size))
    ids = torch.ones((settings.batch_size, min(length, settings.max_length)), dtype=torch.long, device=device)
    tokens, spent = 0, 0.0
    # The first pass pays for memory and is not counted.
    for number in range(1000):
        began = time.monotonic()
        with reduced(settings.precision, device):
            states = encoder(input_ids=ids, attention_mask=torch.ones_like(ids))[0]
        states.float().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number:
            tokens, spent = tokens + ids.numel(), spent + time.monotonic() - began
        if spent > LEAST_SECONDS:
            break
    torch.set_num_threads(before)
    return Speed(tokens / spent, start)

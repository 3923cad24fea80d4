"""Evaluation in fifteen languages: rows packed over all languages against rows padded to 128, language by language."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from xtremor.benchmark.contest import Contestant, Measured, contest, ratio
from xtremor.benchmark.figures import Figure, figure
from xtremor.benchmark.official import WIDTH, official_logits
from xtremor.benchmark.operations import operations
from xtremor.benchmark.training import OnTurn, Setting
from xtremor.benchmark.workload import Workload
from xtremor.evaluation.predict import forward_rows, logits
from xtremor.training.ragged import Ragged


def own_logits(model: nn.Module, languages: dict[str, Ragged], pad_token: int, setting: Setting) -> np.ndarray:
    """(N, C) float32: all languages in one stream, in the order given."""
    joined = Ragged.join(list(languages.values()))
    with torch.autocast(setting.device.type, torch.bfloat16, enabled=setting.bf16):
        return forward_rows(model, joined, pad_token, setting.device, logits, head_alone=True)


def scoring_speed(load: Workload, setting: Setting, on_turn: OnTurn) -> tuple[list[Figure], dict[str, Measured]]:
    """Rows a second; both ways give the same logits, which is checked."""
    model = load.make().to(setting.device)
    lengths = np.concatenate([rows.lengths for rows in load.scored.values()])
    found: dict[str, np.ndarray] = {}

    def officially(number: int) -> None:
        found["official"] = official_logits(model, load.scored, load.pad_token, setting.device, setting.bf16)

    def ours(number: int) -> None:
        found["own"] = own_logits(model, load.scored, load.pad_token, setting)

    seconds = contest(
        {
            "official scoring": Contestant(officially, operations(model, np.full(len(lengths), WIDTH)).plain() / 3),
            "scoring": Contestant(ours, operations(model, lengths, head_alone=True).plain() / 3),
        },
        max(2, setting.rounds - 1), setting.device, on_turn, warm=["scoring"],
    )  # fmt: skip
    if not setting.bf16 and not np.allclose(found["official"], found["own"], atol=1e-3):
        raise RuntimeError("packed and padded evaluation do not give the same logits")
    title = f"evaluation rows/s over {len(load.scored)} languages against padded to {WIDTH}"
    faster = ratio(seconds["official scoring"], seconds["scoring"])
    return [figure("scoring", title, faster, limit=3.2)], seconds

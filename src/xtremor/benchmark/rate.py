"""The rate of matrix products that a machine reaches: the ceiling of everything else."""

from __future__ import annotations

import time

import torch

SECONDS = 1.0


def matrix_rate(
    tokens: int, hidden: int, inner: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> float:
    """Operations a second of the products that an encoder's layer is made of, the best of a second's worth of each.

    Args:
        tokens: rows of the activations.
        hidden, inner: widths; (tokens, hidden) x (hidden, inner) and back, as in a feed-forward block.
        device, dtype: of the operands.
    """
    wide = torch.randn(tokens, inner, device=device).to(dtype)
    narrow = torch.randn(tokens, hidden, device=device).to(dtype)
    up = torch.randn(hidden, inner, device=device).to(dtype)
    best = 0.0
    for left, right in ((narrow, up), (wide, up.t().contiguous())):
        out = torch.mm(left, right)
        spent, started = 0.0, time.perf_counter()
        while spent < SECONDS:
            began = time.perf_counter()
            torch.mm(left, right, out=out)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = max(best, 2.0 * tokens * hidden * inner / (time.perf_counter() - began))
            spent = time.perf_counter() - started
    return best

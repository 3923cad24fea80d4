"""Divergence between two predictions of the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# A decision that a row does not offer (padding, the choices that a shorter item lacks): no probability, and no NaN as
# the logarithm of zero would make.
ABSENT = -1e9


def divergence(found: Sequence[Tensor], reference: Sequence[Tensor], symmetric: bool, fixed: bool) -> Tensor:
    """KL(reference | found), with ``symmetric`` plus KL(found | reference); a scalar in float32.

    Args:
        found, reference: for each kind of decision (begin and end of a span) logits (N, C); the mean over N, then over
            the kinds, as the losses do.
        fixed: no gradient goes into the reference.
    """
    parts = []
    for one, other in zip(found, reference, strict=True):
        if not len(one):
            continue
        q, p = one.float().log_softmax(-1), (other.detach() if fixed else other).float().log_softmax(-1)
        each = (p.exp() * (p - q)).sum(-1)
        if symmetric:
            each = each + (q.exp() * (q - p)).sum(-1)
        parts.append(each.mean())
    if not parts:
        return sum((each.float().sum() for each in found), torch.zeros(())) * 0.0
    return torch.stack(parts).mean()

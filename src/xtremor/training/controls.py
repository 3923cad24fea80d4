"""Controls of drift: ways to stay near the pretrained weights, which every robust method must be compared with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from xtremor.errors import UserError

# What a control adds to an arm's label.
_LABELS = {
    "l2_sp": "l2sp",
    "l2_sp_head": "head",
    "probe_epochs": "probe",
    "freeze_layers": "frozen",
    "interpolate": "interpolated",
}


@dataclass(frozen=True)
class Controls:
    """Settings that hold an encoder near its pretraining; None is off.

    Attributes:
        l2_sp: alpha of L2-SP (Li et al. 2018, arXiv 1802.01483): the gradient of alpha/2 ||w - w0||^2 over the
            encoder's trained tensors is added once an update, before clipping.
        l2_sp_head: beta of the same, beta/2 ||w||^2 over the new tensors.
        probe_epochs: epochs of linear probing before the schedule (Kumar et al. 2022, arXiv 2202.10054): the new
            tensors are trained alone, plainly, whatever the method; the schedule's optimizer and warm-up start fresh.
        freeze_layers: embeddings and this many layers from below keep their pretrained weights.
        interpolate: share A of WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903): after training the encoder becomes
            (1 - A) pretrained + A trained; the head stays as trained.
    """

    l2_sp: float | None = None
    l2_sp_head: float | None = None
    probe_epochs: float | None = None
    freeze_layers: int | None = None
    interpolate: float | None = None

    def __post_init__(self) -> None:
        for name in ("l2_sp", "l2_sp_head", "probe_epochs"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"--{name.replace('_', '-')} must be a number greater than 0, not {value}")
        if self.l2_sp_head is not None and self.l2_sp is None:
            raise UserError("--l2-sp-head is the part of L2-SP on the new head; name --l2-sp too")
        if self.freeze_layers is not None and self.freeze_layers < 1:
            raise UserError(
                f"--freeze-layers must be at least 1, not {self.freeze_layers} (--freeze-embeddings freezes no layer)"
            )
        if self.interpolate is not None:
            check_share(self.interpolate, "--interpolate")

    @property
    def labels(self) -> list[str]:
        """What tells an arm with these controls from one without: ``["l2sp0.01", "frozen6"]``."""
        return [f"{_LABELS[name]}{value:g}" for name, value in self.as_dict().items()]

    def as_dict(self) -> dict[str, Any]:
        """The controls that are on; a run without any is recorded as ever."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @staticmethod
    def names() -> tuple[str, ...]:
        """Settings and, with dashes, options."""
        return tuple(each.name for each in fields(Controls))


def check_share(share: float, option: str) -> None:
    """Raise UserError for a share of the trained weights that is not from 0 to 1."""
    if not 0 <= share <= 1:
        raise UserError(f"{option} is the share of the trained weights, from 0 to 1, not {share}")

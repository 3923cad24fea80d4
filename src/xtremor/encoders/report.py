"""What came out of loading a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Which tensors a model took from its checkpoint.

    Attributes:
        name: as the user wrote it.
        resolved: folder that was read.
        architecture: class of the model.
        parameters: number of trainable numbers in the model, tied ones once.
        loaded: tensors of the model that came from the checkpoint.
        missing: names of tensors of the model that are newly initialised.
        unexpected: names of tensors of the checkpoint that the model has no place for.
        fingerprint: digest of config and weights, or the commit of a hub repository.
        boundary: where the encoder alone was taken, the result of `xtremor.encoders.boundary.check_crossing`.
    """

    name: str
    resolved: str
    architecture: str
    parameters: int
    loaded: int
    missing: list[str]
    unexpected: list[str]
    fingerprint: str
    boundary: dict[str, Any] | None = None

    def sentences(self) -> str:
        """Say in one or two lines what was loaded, what is new and what was left unused."""
        first = f"encoder {self.name}: {self.architecture}, {self.parameters / 1e6:.1f} M parameters, "
        first += f"{_tensors(self.loaded)} loaded"
        rest = []
        if self.missing:
            rest.append(f"{', '.join(_parts(self.missing))} newly initialised")
        if self.unexpected:
            word = "left behind" if self.boundary else "unused"
            rest.append(f"{_tensors(len(self.unexpected))} {word}: {', '.join(_parts(self.unexpected))}")
        return first + (f"\n{'; '.join(rest)}" if rest else "; nothing missing, nothing unused")


def _tensors(count: int) -> str:
    return f"{count} tensor{'' if count == 1 else 's'}"


def _parts(names: Iterable[str]) -> list[str]:
    """Collapse tensor names to the parts of the model that they belong to, in order, at most five."""
    parts = []
    for name in names:
        pieces = name.split(".")
        # `bert.pooler.dense.weight` belongs to the pooler, `classifier.weight` to the classifier.
        part = pieces[1] if len(pieces) > 2 and pieces[1] in ("pooler", "embeddings", "encoder") else pieces[0]
        if part not in parts:
            parts.append(part)
    return parts if len(parts) <= 5 else [*parts[:5], "..."]

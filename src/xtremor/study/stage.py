"""A stage: what decides its result, the key made of that, and what it costs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

INTERMEDIATE, TARGET, EVALUATION = "intermediate", "target", "evaluation"
KINDS = (INTERMEDIATE, TARGET, EVALUATION)
# Raised when stages of a kind would come to another result than those that were stored: they are then run anew.
VERSIONS = {INTERMEDIATE: 3, TARGET: 3, EVALUATION: 1}
KEY_LENGTH = 32


@dataclass(frozen=True)
class Size:
    """Estimates.

    Attributes:
        tokens: that all epochs, or the scored rows, go over together.
        passes: counted passes over each; plain training has 3, scoring 1.
        updates: weight updates.
        model_mb: of the model that the stage leaves; 0 where it leaves none.
        snapshots_mb: of all snapshots beside it, at most.
    """

    tokens: float = 0.0
    passes: float = 1.0
    updates: int = 0
    model_mb: float = 0.0
    snapshots_mb: float = 0.0

    @property
    def work(self) -> float:
        """Passes over a token."""
        return self.tokens * self.passes


@dataclass(frozen=True, eq=False)
class Stage:
    """A stage.

    Attributes:
        kind: one of `KINDS`.
        name: for people: task, arm and seeds.
        task: that is trained on or scored.
        config: what decides the result beside data and parents, in plain values; no path of any machine is in it.
        parents: keys of the stages whose models it starts from.
        data: fingerprint of the rows that it reads.
        threads: on the CPU.
        place: where encoder and data lie; not part of the key.
        size: estimates; not part of the key.
    """

    kind: str
    name: str
    task: str
    config: Mapping[str, Any]
    parents: tuple[str, ...]
    data: Mapping[str, Any]
    threads: int
    place: Mapping[str, Any] = field(default_factory=dict)
    size: Size = field(default_factory=Size)

    @cached_property
    def key(self) -> str:
        """The content address."""
        return key_of(self.identity())

    def identity(self) -> dict[str, Any]:
        """What the key is made of."""
        return {
            "kind": self.kind,
            "version": VERSIONS[self.kind],
            "config": dict(self.config),
            "parents": list(self.parents),
            "data": dict(self.data),
            "threads": self.threads,
        }

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a plan on disk."""
        told = {"key": self.key, "name": self.name, "task": self.task, **self.identity()}
        return {**told, "place": dict(self.place), "size": asdict(self.size)}

    @staticmethod
    def from_dict(told: Mapping[str, Any]) -> Stage:
        """As `as_dict` told it."""
        own = {name: told[name] for name in ("kind", "name", "task", "config", "data", "threads", "place")}
        stage = Stage(**own, parents=tuple(told["parents"]), size=Size(**told["size"]))
        # Not computed again: a plan may hold thousands.
        stage.__dict__["key"] = told["key"]
        return stage


def key_of(identity: Mapping[str, Any]) -> str:
    """The first `KEY_LENGTH` hex digits of the sha256 over plain values."""
    return digest_of(identity)[:KEY_LENGTH]


def digest_of(values: Any) -> str:
    """The sha256 over plain values, in an order of their own."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

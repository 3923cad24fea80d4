"""What a run is: frozen settings whose record decides whether two runs are the same."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from xtremor.computing import check_precision
from xtremor.errors import UserError
from xtremor.robust.methods.base import Method
from xtremor.robust.methods.plain import Plain
from xtremor.robust.methods.unlabelled import for_unlabelled
from xtremor.robust.registry import method_of
from xtremor.sources.unlabelled import UnlabelledSettings
from xtremor.tasks.embedding import TEMPERATURE, Embedding
from xtremor.training.adversary.settings import AdversarySettings
from xtremor.training.controls import Controls
from xtremor.training.lora import LoraSettings

Made = TypeVar("Made")


@dataclass(frozen=True)
class TrainSettings:
    """One training run.

    Attributes:
        task: name of a card.
        encoder: hub name, local folder or ``starter``.
        method: robust method and its settings.
        seed: of everything random: head, data order, dropout, perturbation.
        epochs: passes over the training rows; fractions are allowed.
        batch_size: rows per weight update.
        accumulate: micro-batches that an update's rows are split into.
        learning_rate: peak rate of the encoder.
        head_learning_rate: peak rate of the tensors that the encoder did not bring.
        max_length: longest input in tokens.
        train_rows: rows drawn (seeded by ``rows_seed``, not by ``seed``: all seeds see the same rows); None is all.
        rows_seed: seed of that draw.
        warmup: share of updates with a rising rate.
        weight_decay: AdamW's, on matrices of the encoder; never on biases and norms, on embeddings by option.
        clip: gradient norm that an update is clipped to.
        freeze_embeddings: keep the word-embedding table as it is.
        precision: ``fp32`` or ``bf16`` (autocast).
        packing: compute real tokens only, where the architecture allows it; the same but for other dropout masks.
        gradient_checkpointing: layers keep their input alone and are computed again in a backward pass; the same
            weights but for rounding, for less memory and another forward pass in every backward one.
        controls: what holds the encoder near its pretraining.
        lora: adapters instead of the encoder's own matrices; None trains those.
        decay_embeddings: weight decay on the word embeddings too, on all rows of the table.
        batch_tokens: an update's rows are split into micro-batches of no more real tokens than that; None does not.
        fresh_pooler: take nothing but the encoder's own tensors, as from an earlier stage, though it brings a pooler.
        embedding: how vectors are made, where the task is retrieval; None elsewhere.
        temperature: that cosines are divided by in its loss.
        unlabelled: text without labels that joins every update; None is none.
        adversary: a discriminator of languages that the encoder fights, on that text; None is none.
        sources: languages whose training sets are mixed at an equal total of rows; None is English alone.
        snapshots: of the weights, kept at equal distances over the schedule up to its last update; None keeps none.
    """

    task: str
    encoder: str = "starter"
    method: Method = field(default_factory=Plain)
    seed: int = 1
    epochs: float = 2.0
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    max_length: int = 128
    train_rows: int | None = None
    rows_seed: int = 0
    warmup: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    freeze_embeddings: bool = False
    precision: str = "fp32"
    packing: bool = True
    gradient_checkpointing: bool = False
    controls: Controls = field(default_factory=Controls)
    lora: LoraSettings | None = None
    fresh_pooler: bool = False
    decay_embeddings: bool = False
    batch_tokens: int | None = None
    embedding: Embedding | None = None
    temperature: float = TEMPERATURE
    unlabelled: UnlabelledSettings | None = None
    adversary: AdversarySettings | None = None
    sources: tuple[str, ...] | None = None
    snapshots: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "learning_rate", "head_learning_rate", "clip"):
            value = getattr(self, name)
            # An infinite --clip is the way to say that nothing is clipped.
            if not value > 0 or (math.isinf(value) and name != "clip"):
                raise UserError(f"--{name.replace('_', '-')} must be a number greater than 0, not {value}")
        if self.seed < 0:
            raise UserError(f"--seed must be at least 0, not {self.seed}")
        if self.train_rows is not None and self.train_rows < 1:
            raise UserError(f"--train-rows must be at least 1, not {self.train_rows}")
        if self.max_length < 8:
            raise UserError(f"--max-length must be at least 8 tokens, not {self.max_length}")
        if not 0 <= self.warmup < 1:
            raise UserError(f"--warmup is a share of the updates from 0 to below 1, not {self.warmup}")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"--weight-decay must be a number of at least 0, not {self.weight_decay}")
        check_precision(self.precision)
        if self.accumulate > self.batch_size:
            raise UserError(f"--accumulate {self.accumulate} is more than the {self.batch_size} rows of an update")
        if self.lora is not None and self.controls.l2_sp is not None:
            raise UserError("--l2-sp holds the weights that --lora freezes; leave one of the two out")
        if self.embedding is not None and self.accumulate > 1:
            raise UserError(
                f"--accumulate {self.accumulate}: in retrieval the other passages of a batch are what a query is told "
                "from, so that a batch cannot be split; leave it out and name a smaller --batch-size"
            )
        if self.decay_embeddings:
            self._check_decay()
        if self.batch_tokens is not None:
            if self.batch_tokens < self.max_length:
                raise UserError(
                    f"--batch-tokens {self.batch_tokens} is less than an input of --max-length {self.max_length} takes"
                )
            if self.embedding is not None:
                raise UserError("--batch-tokens: a batch of retrieval cannot be split; name a smaller --batch-size")
        if self.embedding is not None and self.method.substitution is not None:
            raise UserError(
                "--method rsda is not for retrieval: a query and its passage would lose the words that tell them from "
                "others; name another --method"
            )
        if self.adversary is not None:
            self._check_adversary()
        elif self.unlabelled is not None:
            for_unlabelled(self.method)
        if not 0 < self.temperature < math.inf:
            raise UserError(f"--temperature must be a number greater than 0, not {self.temperature}")
        if self.snapshots is not None and self.snapshots < 1:
            raise UserError(f"--snapshots must be at least 1, not {self.snapshots}")

    def _check_adversary(self) -> None:
        assert self.adversary is not None
        if self.unlabelled is None:
            raise UserError(
                "--language-adversary learns from text without labels in several languages; name it with "
                "--unlabelled or --unlabelled-languages"
            )
        if self.adversary.game == "links" and self.accumulate > 1:
            raise UserError(
                f"--accumulate {self.accumulate}: --adversary-game links judges pairs of all texts of an update, which "
                "cannot be split; leave one of the two out"
            )

    def _check_decay(self) -> None:
        if not self.weight_decay:
            raise UserError("--decay-embeddings is about --weight-decay, which is 0; name one, or leave the option out")
        if self.freeze_embeddings or self.controls.freeze_layers is not None:
            raise UserError("--decay-embeddings moves the word embeddings, which are kept as they are; leave one out")
        if self.snapshots is not None:
            raise UserError(
                "--decay-embeddings moves all rows of the word embeddings, of which --snapshots keep some; leave "
                "out one of them"
            )
        if self.controls.l2_sp is not None or self.controls.interpolate is not None:
            raise UserError(
                "--decay-embeddings moves rows of the word embeddings that do not occur, which --l2-sp and "
                "--interpolate leave alone; leave one of them out"
            )

    @property
    def arm(self) -> str:
        """The method's label, and that of every control, of LoRA and of other sources than English where they are on:
        ``pgd-1-l2sp0.01``, ``plain-from-de+fr``."""
        adapters = [] if self.lora is None else [self.lora.label]
        beside = [] if self.unlabelled is None else [self.unlabelled.label]
        beside += [] if self.adversary is None else [self.adversary.label]
        sources = [] if self.sources is None else [f"from-{'+'.join(self.sources)}"]
        return "-".join([self.method.arm, *beside, *self.controls.labels, *adapters, *sources])

    @property
    def all_epochs(self) -> float:
        """Epochs of the schedule and of the linear probing before it."""
        return self.epochs + (self.controls.probe_epochs or 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, the method resolved; what is off by default only where it is on, as in older records."""
        switches = ("fresh_pooler", "gradient_checkpointing", "decay_embeddings", "batch_tokens", "snapshots")
        off = {name for name in switches if not getattr(self, name)}
        hidden = {"controls", "lora", "embedding", "temperature", "unlabelled", "adversary", "sources"} | off
        recipe = {name: value for name, value in asdict(self).items() if name not in hidden}
        vectors = {} if self.embedding is None else {**asdict(self.embedding), "temperature": self.temperature}
        adapters = {} if self.lora is None else self.lora.as_dict()
        if self.unlabelled is not None:
            recipe["unlabelled"] = self.unlabelled.as_dict()
        if self.adversary is not None:
            recipe["adversary"] = self.adversary.as_dict()
        if self.sources is not None:
            recipe["sources"] = list(self.sources)
        return {**recipe, "method": self.method.as_dict(), **vectors, **self.controls.as_dict(), **adapters}

    @staticmethod
    def from_dict(recorded: dict[str, Any]) -> TrainSettings:
        """The settings that `as_dict` recorded."""
        # Runs from before there was packing were padded.
        recorded = {"packing": False, **recorded}
        own = {each.name for each in fields(TrainSettings)} - {
            "method", "controls", "lora", "embedding", "unlabelled", "adversary", "sources",
        }  # fmt: skip
        controls = {name: recorded[name] for name in Controls.names() if name in recorded}
        vectors = {each.name: recorded[each.name] for each in fields(Embedding) if each.name in recorded}
        return TrainSettings(
            **{name: value for name, value in recorded.items() if name in own},
            method=method_of(recorded["method"]),
            controls=Controls(**controls),
            lora=LoraSettings.from_dict(recorded),
            embedding=Embedding(**vectors) if vectors else None,
            unlabelled=_made(UnlabelledSettings, recorded.get("unlabelled")),
            adversary=_made(AdversarySettings, recorded.get("adversary")),
            sources=tuple(recorded["sources"]) if recorded.get("sources") else None,
        )


def _made(kind: type[Made], recorded: dict[str, Any] | None) -> Made | None:
    """Settings of a part; a run's record says more of it than they do."""
    own = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return None if recorded is None else kind(**{name: value for name, value in recorded.items() if name in own})


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """``"seed: 1 there, 2 here"`` for every setting on which two records disagree."""
    flat_before, flat_after = _flatten(before), _flatten(after)
    return [
        f"{name}: {flat_before.get(name)} there, {flat_after.get(name)} here"
        for name in sorted(flat_before.keys() | flat_after.keys())
        if flat_before.get(name) != flat_after.get(name)
    ]


def _flatten(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = list(value) if isinstance(value, tuple) else value
    return flat


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed from a run's seed and what it is for; so no random state has to be saved to resume."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

"""How much memory a run will need, told before anything is loaded.

Weights, gradients and moments are counted. What a forward pass keeps for the backward pass is measured: a layer of the
encoder's shape with random weights is run over a few tokens, and every tensor that autograd saves is weighed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.encoders.layers import layer_names
from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.robust.methods.base import Method
    from xtremor.training.config import TrainSettings
    from xtremor.training.prepare import Prepared

# Tokens of the rows that the layers are weighed on.
SAMPLE_ROWS, MORE_ROWS, SAMPLE_LENGTH = 4, 12, 64
# Methods that hold the graphs of two passes at once: a clean and a noisy one, which are compared.
TWO_GRAPHS = frozenset({"smart", "smart-code", "alum", "vat", "r3f", "r4f", "r-drop", "r-drop-paper"})
# Of an encoder that is weighed; a word-embedding table of the full size would only take memory.
VOCABULARY = 64
# CUDA's context and its libraries, and what the allocator cannot use of what it holds.
CONTEXT, FRAGMENTED = 0.6 * 2**30, 0.1
MB = 2**20


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes.

    Attributes:
        weights: of everything that is computed with, the compact word embeddings among them.
        gradients: of what is trained.
        moments: AdamW's two.
        activations: what the graphs of a micro-batch keep, all that are held at once.
        perturbation: delta, its gradient and the looked-up word vectors.
        other: averaged weights of a method, copies of matrices in half precision; what the allocator cannot use;
            on a GPU its context.
        tokens: of the largest micro-batch.
        per_token: activations of a token in all layers.
    """

    weights: float
    gradients: float
    moments: float
    activations: float
    perturbation: float
    other: float
    tokens: int
    per_token: float

    @property
    def total(self) -> float:
        """All of it."""
        kept = (self.weights, self.gradients, self.moments, self.activations, self.perturbation, self.other)
        return float(sum(kept))

    def as_dict(self) -> dict[str, float]:
        """MB by name."""
        names = ("weights", "gradients", "moments", "activations", "perturbation", "other", "total")
        return {**{name: getattr(self, name) / MB for name in names}, "tokens": self.tokens}

    def sentences(self) -> list[str]:
        """For people."""
        parts = self.as_dict()
        told = [f"{name}: {parts[name]:,.0f} MB" for name in parts if name not in ("tokens", "total")]
        return [
            f"largest micro-batch: {self.tokens:,} real tokens, {self.per_token / 1024:,.0f} KB each in all layers",
            ", ".join(told),
            f"planned memory: {self.total / 2**30:.2f} GiB",
        ]


def memory_plan(
    config: Any,
    auto_class: str,
    method: Method,
    tokens: int,
    word_rows: int,
    bf16: bool = False,
    on_gpu: bool = False,
    checkpointing: bool = False,
    train_words: bool = True,
    frozen_layers: int = 0,
    adapter_rank: int | None = None,
) -> MemoryPlan:
    """Plan a run.

    Args:
        config: of the encoder, a transformers configuration.
        auto_class: of the task's model.
        method: that trains it.
        tokens: real tokens of the largest micro-batch (padded ones for an encoder that cannot be packed).
        word_rows: rows of the compact word embeddings.
        bf16: autocast.
        on_gpu: attention keeps no weights there, and the context takes its share.
        checkpointing: layers keep their input alone, and are computed again.
        train_words: whether the word embeddings are trained.
        frozen_layers: layers that are not trained.
        adapter_rank: of LoRA on query and value, which is trained in place of the encoder.

    Raises:
        UserError: the encoder's layers cannot be told apart.
    """
    first, second = (_shallow(config, auto_class, layers, on_gpu) for layers in (1, 2))
    layers, hidden = config.num_hidden_layers, config.hidden_size
    words = word_rows * hidden
    one = sum(each.numel() for each in first.parameters()) - first.get_input_embeddings().weight.numel()
    two = sum(each.numel() for each in second.parameters()) - second.get_input_embeddings().weight.numel()
    rest = one + (layers - 1) * (two - one)
    trained = rest - frozen_layers * (two - one)
    if adapter_rank is not None:
        trained = 4 * adapter_rank * hidden * layers
    trained += words if train_words and not frozen_layers else 0
    # What grows with the tokens, and what does not: autocast keeps each matrix in half precision, too.
    small, large = ([saved_bytes(model, bf16, rows) for model in (first, second)] for rows in (SAMPLE_ROWS, MORE_ROWS))
    sampled = (MORE_ROWS - SAMPLE_ROWS) * SAMPLE_LENGTH
    shallow, deeper = ((more - less) / sampled for less, more in zip(small, large, strict=True))
    layer, around = deeper - shallow, max(0.0, 2 * shallow - deeper)
    first_fixed, fixed = (
        less - each * SAMPLE_ROWS * SAMPLE_LENGTH for less, each in zip(small, (shallow, deeper), strict=True)
    )
    copies = first_fixed + (layers - 1) * (fixed - first_fixed) if bf16 else 0.0
    kept = layers * hidden * 4 + layer if checkpointing else layers * layer
    per_token = kept + around
    graphs = 2 if method.name in TWO_GRAPHS else 1
    # In a backward pass the gradients of one layer lie beside what the others keep.
    activations = tokens * (graphs * per_token + layer)
    # Delta, its gradient and the step's temporary; word vectors and their gradient. All float32.
    perturbation = tokens * hidden * 4 * (3 * method.perturbs + 2)
    averages = 4 * trained if getattr(method, "bregman", 0) else 0.0
    # SAM keeps the weights that it climbs from, and the gradients of the parts before.
    averages += 8 * trained if method.name == "sam" else 0.0
    averages += copies
    total = 4 * (rest + words) + 12 * trained + activations + perturbation + averages
    other = averages + FRAGMENTED * total + (CONTEXT if on_gpu else 0.0)
    return MemoryPlan(
        4.0 * (rest + words), 4.0 * trained, 8.0 * trained, activations, perturbation, other, tokens, per_token
    )  # fmt: skip


def _shallow(config: Any, auto_class: str, layers: int, on_gpu: bool) -> Any:
    """A model of that shape with few layers and random weights, in training mode."""
    import transformers

    small = copy.deepcopy(config)
    small.num_hidden_layers = layers
    small.vocab_size = max(VOCABULARY, (config.pad_token_id or 0) + 1)
    for name in ("layer_types", "num_labels"):
        held = getattr(small, name, None)
        if name == "layer_types" and held:
            small.layer_types = held[:layers]
    if on_gpu:
        # Fused attention on a GPU keeps no weights, with dropout or without; on the CPU it does so only without.
        for name in ("attention_probs_dropout_prob", "attention_dropout"):
            if hasattr(small, name):
                setattr(small, name, 0.0)
    with torch.random.fork_rng(devices=[]):
        model = getattr(transformers, auto_class).from_config(small)
    if layer_names(model) is None:
        raise UserError(
            f"--plan: the layers of {type(model).__name__} cannot be told apart, so that they are not weighed"
        )
    return model.train()


def saved_bytes(model: nn.Module, bf16: bool, rows: int) -> float:
    """Bytes that autograd keeps of a forward pass over ``rows`` rows, weights left out."""
    own = {each.untyped_storage().data_ptr() for each in model.parameters()}
    seen: dict[int, int] = {}
    held: list[Tensor] = []

    def weigh(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
            # Not freed before all are weighed, or another tensor could take its place.
            held.append(tensor.detach())
        return tensor

    ids = torch.randint(3, VOCABULARY, (rows, SAMPLE_LENGTH), generator=torch.Generator().manual_seed(0))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "MultipleChoice" in type(model).__name__:
        inputs = {name: value.unsqueeze(1) for name, value in inputs.items()}
    with (
        torch.random.fork_rng(devices=[]),
        torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
    ):
        outputs = model(**inputs)
    del outputs
    return float(sum(seen.values()))


def plan_run(settings: TrainSettings, prepared: Prepared, on_gpu: bool, processes: int = 1) -> MemoryPlan:
    """The plan of a run on one task; of the ``processes`` that share it, each needs as much."""
    from xtremor.encoders.load import skeleton
    from xtremor.training.batches import Epochs

    features, kind = prepared.features, prepared.category
    config: Any = skeleton(settings.encoder, kind.AUTO_CLASS).config
    epoch = Epochs(features.lengths, settings.batch_size, settings.seed, 1.0)
    tokens = largest_micro_batch(features.lengths, epoch.batches(), settings.accumulate * processes)
    for text in (prepared.unlabelled, prepared.opponent):
        if text is not None and settings.unlabelled is not None:
            # At most: the longest texts, in as many parts as the labelled rows.
            rows = -(-settings.unlabelled.rows // settings.accumulate)
            tokens = max(tokens, int(np.sort(text.features.lengths)[-rows:].sum()))
    return memory_plan(
        config, kind.AUTO_CLASS, settings.method, tokens, int(np.unique(prepared.tokens).size) + 1,
        bf16=settings.precision == "bf16", on_gpu=on_gpu, checkpointing=settings.gradient_checkpointing,
        train_words=not settings.freeze_embeddings, frozen_layers=settings.controls.freeze_layers or 0,
        adapter_rank=None if settings.lora is None else settings.lora.rank,
    )  # fmt: skip


def largest_micro_batch(lengths: np.ndarray, batches: Iterator[np.ndarray], accumulate: int) -> int:
    """Tokens of the largest part of an update.

    Args:
        lengths: (U,) tokens of each unit.
        batches: units of the updates of an epoch.
        accumulate: parts of an update.
    """
    return max(int(lengths[part].sum()) for units in batches for part in np.array_split(units, accumulate) if len(part))

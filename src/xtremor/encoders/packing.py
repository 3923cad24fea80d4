"""Encoders that compute real tokens only: rows stand one after another, (1, T, H), from the first layer to the last.

The embedding block still sees padded rows, so that positions and token types are the model's own; what it puts out is
packed before the first layer, attention stays within rows, and what the last layer puts out is padded again with zeros,
so that heads need not know. A head that reads first tokens alone is given no others. It is done by hooks and an
attention function registered with transformers; what is packed travels as a keyword argument through the layers, so
that checkpointed layers recompute the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from xtremor.computing import sent
from xtremor.console import say
from xtremor.encoders.first_token import Cut, cut_of
from xtremor.encoders.layers import layer_names
from xtremor.encoders.within_rows import Groups, attend, known_lengths

# What `model_type` of a configuration may be: keyword arguments reach attention, and positions come before the layers.
PACKABLE = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "modernbert")
ATTENTION = "xtremor_real_tokens"
# The same, where the last layer is cut to what the head reads.
ATTENTION_CUT = "xtremor_real_tokens_cut"
ARGUMENT = "packed_rows"
# Attribute of an attention mask that keeps what was found of it.
FOUND = "xtremor_packed_rows"


@dataclass(frozen=True)
class PackedRows:
    """Where the real tokens of a padded batch are.

    Attributes:
        lengths: real tokens of each row.
        flat: (T,) int64, their places in the flattened batch (B * L).
        shape: (B, L).
        groups: the rows as they attend.
    """

    lengths: tuple[int, ...]
    flat: Tensor
    shape: tuple[int, int]
    groups: Groups

    @staticmethod
    def of(mask: Tensor) -> PackedRows:
        """From an attention mask (B, L) of zeros and ones.

        For a mask that `within_rows.know` was told of no GPU is asked, and later passes take what the first one found.
        """
        shape = (mask.shape[0], mask.shape[1])
        found: PackedRows | None = getattr(mask, FOUND, None)
        if found is not None:
            return found
        known = known_lengths(mask)
        if known is None:
            lengths = tuple(mask.sum(1).tolist())
            return PackedRows(lengths, mask.flatten().nonzero().flatten(), shape, Groups.of(lengths, mask.device))
        sizes = torch.tensor(known)
        flat = (torch.arange(shape[1]) < sizes[:, None]).flatten().nonzero().flatten()
        made = PackedRows(known, sent(flat, mask.device), shape, Groups.of(known, mask.device))
        setattr(mask, FOUND, made)
        return made

    def pack(self, padded: Tensor) -> Tensor:
        """(B, L, H) -> (1, T, H); what all rows share, (1, L, H), is given to each."""
        if padded.shape[0] != self.shape[0]:
            padded = padded.expand(self.shape[0], -1, -1)
        return padded.flatten(0, 1)[self.flat].unsqueeze(0)

    def firsts(self, packed: Tensor) -> Tensor:
        """(1, T, H) -> (1, B, H), the first token of every row."""
        return packed.index_select(1, self.groups.offsets[:-1])

    def pad(self, packed: Tensor) -> Tensor:
        """(1, T, H) -> (B, L, H), zeros where there is no token."""
        rows, width = self.shape
        zeros = packed.new_zeros(rows * width, packed.shape[2])
        return zeros.index_copy(0, self.flat, packed[0]).view(rows, width, -1)


def can_pack(model: nn.Module) -> bool:
    """Whether the encoder of a model is of an architecture that can be packed."""
    return getattr(getattr(model, "config", None), "model_type", None) in PACKABLE


def padding_note(model: nn.Module, padded: bool) -> dict[str, str]:
    """What a run's record says of an encoder that could not be packed, told as news too; nothing where it was."""
    if not padded:
        return {}
    kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
    sentence = (
        f"encoders of type {kind} are not packed: rows of like length share a batch and are padded to the longest of "
        "it, so that some padding is computed"
    )
    say(sentence)
    return {"padded": sentence}


@contextlib.contextmanager
def packed(models: nn.Module | Sequence[nn.Module], wanted: bool = True, head_alone: bool = False) -> Iterator[bool]:
    """Within the context the encoder of a transformers model computes real tokens only, if it can.

    Args:
        models: one, or several with the same layers; called with an ``attention_mask``. Other architectures stay as
            they are.
        wanted: False changes nothing.
        head_alone: nothing but the head reads the last hidden states. Where that takes the first token of a row, the
            last layer computes no other, and puts out (B, 1, H).

    Yields:
        whether it is packed.

    Raises:
        RuntimeError: within a context whose last layer is cut, all of it is asked for.
    """
    given: list[Any] = [models] if isinstance(models, nn.Module) else list(models)
    if not (wanted and all(can_pack(model) for model in given)):
        yield False
        return
    before = [model.config._attn_implementation for model in given]
    cut = cut_of(given[0]) if head_alone and all(cut_of(model) for model in given) else None
    if ATTENTION_CUT in before and not cut:
        raise RuntimeError("the last hidden states of all tokens are asked for where only first ones are computed")
    if ATTENTION in before or ATTENTION_CUT in before:
        yield True
        return
    for name in (ATTENTION, ATTENTION_CUT):
        AttentionInterface.register(name, attention)
    handles = _hooks(given, cut)
    try:
        for model in given:
            model.config._attn_implementation = ATTENTION_CUT if cut else ATTENTION
        yield True
    finally:
        for model, name in zip(given, before, strict=True):
            model.config._attn_implementation = name
        for handle in handles:
            handle.remove()


def _hooks(models: Sequence[nn.Module], cut: Cut | None) -> list[Any]:
    names = layer_names(models[0])
    assert names is not None
    layers = [models[0].get_submodule(name) for (name,) in names]
    passing: list[PackedRows] = []

    def begin(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        mask = kwargs.get("attention_mask", args[1] if len(args) > 1 else None)
        if mask is None:
            raise ValueError("a packed encoder needs an attention_mask")
        return args, {**kwargs, ARGUMENT: PackedRows.of(mask)}

    def pack(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        rows: PackedRows = kwargs[ARGUMENT]
        if module is layers[0]:
            args = (rows.pack(args[0]), *args[1:])
        if module is layers[-1]:
            passing[:] = [rows]
        # ModernBERT hands positions, (1, L, D) each, to every layer.
        positions = kwargs.get("position_embeddings")
        if positions is not None:
            kwargs = {**kwargs, "position_embeddings": tuple(rows.pack(each) for each in positions)}
        return args, kwargs

    def pad(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        rows: PackedRows = kwargs[ARGUMENT]
        hidden = output[0] if isinstance(output, tuple) else output
        hidden = hidden.transpose(0, 1) if cut else rows.pad(hidden)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    def shorten(module: nn.Module, args: Any) -> Any:
        return tuple(passing[0].firsts(each) for each in args)

    backbones: list[Any] = [getattr(model, "base_model", model) for model in models]
    handles = [backbone.register_forward_pre_hook(begin, with_kwargs=True) for backbone in backbones]
    handles += [layer.register_forward_pre_hook(pack, with_kwargs=True) for layer in layers]
    if cut is not None:
        handles.append(layers[-1].get_submodule(cut.module).register_forward_pre_hook(shorten))
    return [*handles, layers[-1].register_forward_hook(pad, with_kwargs=True)]


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of every row to itself, as transformers' attention functions are called.

    Args:
        query, key, value: (1, heads, T, D).
        attention_mask: None; rows have no padding.
        dropout, scaling: of the attention.
        sliding_window: a token attends to those nearer than this.

    Returns:
        (1, T, heads, D), and no weights.
    """
    rows: PackedRows | None = kwargs.get(ARGUMENT)
    if rows is None:
        raise RuntimeError("attention within rows was asked for, but the rows were not packed")
    return attend(rows.groups, query, key, value, dropout, scaling, sliding_window), None

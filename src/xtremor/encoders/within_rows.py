"""Attention of every row to itself, where the tokens of all rows stand one after another.

Rows of like length are padded to the longest of their group, for the product of queries and keys alone, so that a batch
takes a few large products and not one for each row. The padding is masked and never leaves here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from xtremor.computing import sent
from xtremor.console import say
from xtremor.encoders.dropout import drop

# Attribute of an attention mask that keeps the lengths of its rows.
LENGTHS = "xtremor_lengths"
# A row joins a group while padding makes the group's products no more than this much larger than they need to be, ...
SLACK = 1.25
# ... or while all that would be padded in the group is less than so many pairs of tokens: a call costs as much.
SMALL = 4096


def know(mask: Tensor, lengths: Sequence[int]) -> None:
    """Remember with a right-padded attention mask (B, L) how long its rows are, so that a GPU need not be asked."""
    setattr(mask, LENGTHS, tuple(lengths))


def known_lengths(mask: Tensor) -> tuple[int, ...] | None:
    """What `know` was told of this very tensor."""
    found: tuple[int, ...] | None = getattr(mask, LENGTHS, None)
    return found


@dataclass(frozen=True)
class Group:
    """Rows that attend in one product.

    Attributes:
        rows: N.
        width: W, tokens of the longest row.
        real: (N, 1, 1, W) bool, true at tokens; None where the rows are equally long.
    """

    rows: int
    width: int
    real: Tensor | None


@dataclass(frozen=True)
class Places:
    """Where the vectors of every token and head stand in the groups: (rows, heads, width) one group after another.

    Attributes:
        standing: (P * heads,) int64, which vector, of token * heads + head, stands at each place; on padding, that of
            the row's first token.
        places: (T * heads,) int64, at which of these places each vector stands.
    """

    standing: Tensor
    places: Tensor


@dataclass(frozen=True)
class Groups:
    """All rows of a batch in groups.

    Attributes:
        groups: of rows.
        tokens: (P,) int64, which token stands at each place of the groups, (rows, width) one after another; on padding,
            the row's first.
        real: (P,) bool, where it is no padding.
        offsets: (N + 1,) int64, where rows begin and end.
        longest: tokens of the longest row.
    """

    groups: tuple[Group, ...]
    tokens: Tensor
    real: Tensor
    offsets: Tensor
    longest: int
    _places: dict[int, Places] = field(default_factory=dict, compare=False)

    @staticmethod
    def of(lengths: Sequence[int], device: torch.device) -> Groups:
        """Group rows of these lengths, whose tokens stand one after another."""
        sizes = torch.tensor(lengths)
        starts = sizes.cumsum(0) - sizes
        order = torch.argsort(sizes, descending=True, stable=True)
        order = order[sizes[order] > 0]
        groups, standing, reals = [], [], []
        for part in _parts([lengths[row] for row in order.tolist()]):
            rows = order[part]
            width = int(sizes[rows[0]])
            places = torch.arange(width)
            real = places < sizes[rows, None]
            standing.append(torch.where(real, starts[rows, None] + places, starts[rows, None]).flatten())
            reals.append(real.flatten())
            groups.append(Group(len(rows), width, None if bool(real.all()) else sent(real[:, None, None, :], device)))
        offsets = torch.cat([torch.zeros(1, dtype=torch.long), sizes[sizes > 0].cumsum(0)])
        return Groups(tuple(groups), torch.cat(standing), torch.cat(reals), sent(offsets, device), max(lengths))

    def places(self, heads: int, device: torch.device) -> Places:
        """For attention with so many heads; found once."""
        if heads not in self._places:
            each, number = torch.arange(heads)[:, None], [group.rows * group.width for group in self.groups]
            standing = [
                (part.unflatten(0, (group.rows, 1, group.width)) * heads + each).flatten()
                for part, group in zip(self.tokens.split(number), self.groups, strict=True)
            ]
            real = [
                part.unflatten(0, (group.rows, 1, group.width)).expand(-1, heads, -1).flatten()
                for part, group in zip(self.real.split(number), self.groups, strict=True)
            ]
            vectors, found = torch.cat(standing), torch.cat(real).nonzero().flatten()
            inverse = found[torch.argsort(vectors[found])]
            self._places[heads] = Places(sent(vectors, device), sent(inverse, device))
        return self._places[heads]


class _Apart(torch.autograd.Function):
    """Vectors (V, D) at their places in the groups.

    On padding the gradient is taken to be 0, which attention makes it: so nothing needs to be added up, and the
    gradient is read where the forward pass wrote.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, places: Places) -> Tensor:
        ctx.places = places
        return vectors.index_select(0, places.standing)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].index_select(0, ctx.places.places), None


class _Together(torch.autograd.Function):
    """Vectors from their places in the groups; padding is dropped, and has gradient 0."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, places: Places) -> Tensor:
        ctx.places = places
        return padded.index_select(0, places.places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        zeros = gradients[0].new_zeros(len(ctx.places.standing), gradients[0].shape[1])
        return zeros.index_copy_(0, ctx.places.places, gradients[0]), None


def _parts(lengths: Sequence[int]) -> list[slice]:
    """Split lengths, longest first, into groups whose padding costs little."""
    found: list[slice] = []
    start = 0
    used = 0
    for place, length in enumerate(lengths):
        widest = lengths[start] ** 2
        whole, needed = widest * (place - start + 1), used + length**2
        if whole > SLACK * needed and whole - needed > SMALL:
            found.append(slice(start, place))
            start, used = place, 0
        used += length**2
    return [*found, slice(start, len(lengths))]


def attend(
    groups: Groups,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float = 0.0,
    scaling: float | None = None,
    window: int | None = None,
) -> Tensor:
    """Attention within rows.

    Args:
        groups: of the T tokens.
        query, key, value: (1, heads, T, D).
        dropout: share of the attention weights that is dropped.
        scaling: of the products; None is 1 / sqrt(D).
        window: a token attends to those nearer than this; None to all of its row.

    Returns:
        (1, T, heads, D).
    """
    if window is None and varlen_works(query.device, query.dtype):
        return attend_varlen(groups, query, key, value, dropout, scaling)
    return attend_in_groups(groups, query, key, value, dropout, scaling, window)


def attend_varlen(
    groups: Groups, query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0, scaling: float | None = None
) -> Tensor:
    """`attend` in one product over rows of different lengths, without padding: torch's jagged tensors.

    On a GPU that is a fused kernel; on the CPU it is right and slow.
    """
    # The longest row is stated, or the device would be asked for it.
    queries, keys, values = (
        torch.nested.nested_tensor_from_jagged(
            each[0].transpose(0, 1).contiguous(), groups.offsets, min_seqlen=1, max_seqlen=groups.longest
        ).transpose(1, 2)
        for each in (query, key, value)
    )
    found = scaled_dot_product_attention(queries, keys, values, None, dropout, scale=scaling).transpose(1, 2)
    return found.values().unsqueeze(0)


@functools.cache
def varlen_works(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the fused kernel is there and right, which is tried once on a few rows; never on the CPU."""
    if device.type != "cuda":
        return False
    lengths = (5, 3, 9)
    drawn = torch.randn(3, 1, 2, sum(lengths), 64, generator=torch.Generator().manual_seed(0))
    given = tuple(each.to(device, dtype) for each in drawn)
    groups = Groups.of(lengths, device)
    try:
        found, expected = attend_varlen(groups, *given), attend_in_groups(groups, *given)
        if torch.allclose(found.float(), expected.float(), atol=2e-2):
            return True
        reason = "it gives other results"
    except (RuntimeError, NotImplementedError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
    say(f"note: attention over rows of different lengths does not work here ({reason}); rows are grouped instead")
    return False


def attend_in_groups(
    groups: Groups,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float = 0.0,
    scaling: float | None = None,
    window: int | None = None,
) -> Tensor:
    """`attend`, group by group."""
    heads, width = query.shape[1], query.shape[3]
    places = groups.places(heads, query.device)
    sizes = [group.rows * heads * group.width for group in groups.groups]
    # As (T * heads, D): so every group's are one piece of memory, as products want them.
    queries, keys, values = (
        _Apart.apply(each[0].transpose(0, 1).flatten(0, 1), places).split(sizes) for each in (query, key, value)
    )
    parts = []
    for group, *given in zip(groups.groups, queries, keys, values, strict=True):
        query, key, value = (each.view(group.rows, heads, group.width, width) for each in given)
        mask = _masked(group, window, query.device)
        if dropout and query.device.type == "cpu":
            found = _with_dropout(query, key, value, mask, dropout, width**-0.5 if scaling is None else scaling)
        else:
            found = scaled_dot_product_attention(query, key, value, mask, dropout, scale=scaling)
        parts.append(found.reshape(-1, width))
    joined = parts[0] if len(parts) == 1 else torch.cat(parts)
    return _Together.apply(joined, places).view(1, -1, heads, width)


def _with_dropout(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, scaling: float
) -> Tensor:
    """Attention with fast masks: torch's own has no fused kernel with dropout on the CPU and draws slow ones."""
    shape = query.shape
    query, key, value = (each.flatten(0, 1) for each in (query, key, value))
    size = (len(query), shape[2], shape[2])
    # Minus infinity where a token may not be looked at, which every token has one not to be.
    bias = query.new_zeros(1)
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=query.dtype).masked_fill_(~mask, -torch.inf)
        bias = bias.expand(shape[0], shape[1], *size[1:]).reshape(size)
    scores = torch.baddbmm(bias, query, key.transpose(1, 2), beta=0 if mask is None else 1, alpha=scaling)
    return torch.bmm(drop(scores.softmax(-1), dropout), value).view(shape)


def _masked(group: Group, window: int | None, device: torch.device) -> Tensor | None:
    """Which tokens (N or 1, 1, W or 1, W) attend to which; None where all do."""
    if window is None or group.width <= window:
        return group.real
    place = torch.arange(group.width, device=device)
    near = (place[:, None] - place[None, :]).abs() < window
    # Padding far behind a short row would attend to nothing, which is no number: it is let see its row's first token.
    near = near[None, None]
    if group.real is None:
        return near
    near = near & group.real
    return near | ((place[None, :] == 0) & (~group.real.transpose(2, 3)))

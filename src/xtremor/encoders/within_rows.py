"""Attention of every row to itself, where the tokens of all rows stand one after another.

Rows of like length are padded to the longest of their group, for the product of queries and keys alone, so that a batch
takes a few large products and not one for each row. The padding is masked and never leaves here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from xtremor.computing import sent
from xtremor.console import say

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
        tokens: (N, W) int64, where the tokens of the rows stand; on padding, where the row's first does.
        real: (N, 1, 1, W) bool, true at tokens; None where the rows are equally long.
        flat: (T',) int64, the places of the tokens in the flattened (N * W).
        width: W, tokens of the longest row.
    """

    tokens: Tensor
    real: Tensor | None
    flat: Tensor
    width: int


@dataclass(frozen=True)
class Groups:
    """All rows of a batch in groups.

    Attributes:
        groups: of rows.
        order: (T,) int64, where each token stands among those of the groups one after another; None: where it is.
        offsets: (N + 1,) int64, where rows begin and end.
        longest: tokens of the longest row.
    """

    groups: tuple[Group, ...]
    order: Tensor | None
    offsets: Tensor
    longest: int

    @staticmethod
    def of(lengths: Sequence[int], device: torch.device) -> Groups:
        """Group rows of these lengths, whose tokens stand one after another."""
        sizes = torch.tensor(lengths)
        starts = sizes.cumsum(0) - sizes
        order = torch.argsort(sizes, descending=True, stable=True)
        order = order[sizes[order] > 0]
        groups, seen = [], []
        for part in _parts([lengths[row] for row in order.tolist()]):
            rows = order[part]
            width = int(sizes[rows[0]])
            places = torch.arange(width)
            real = places < sizes[rows, None]
            tokens = torch.where(real, starts[rows, None] + places, starts[rows, None])
            flat = real.flatten().nonzero().flatten()
            seen.append(tokens.flatten()[flat])
            mask = None if bool(real.all()) else sent(real[:, None, None, :], device)
            groups.append(Group(sent(tokens, device), mask, sent(flat, device), width))
        found = torch.cat(seen)
        # Where the rows of the groups stand in their own order there is nothing to put back.
        same = bool((found[1:] > found[:-1]).all())
        offsets = torch.cat([torch.zeros(1, dtype=torch.long), sizes[sizes > 0].cumsum(0)])
        put_back = None if same else sent(torch.argsort(found), device)
        return Groups(tuple(groups), put_back, sent(offsets, device), max(lengths))


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
    # (T, heads, D): tokens are gathered as whole rows of memory.
    queries, keys, values = (each[0].transpose(0, 1) for each in (query, key, value))
    parts = []
    for group in groups.groups:
        shape = group.tokens.shape
        # Not by indexing, whose gradient sorts the places before it adds them up.
        query, key, value = (
            each.index_select(0, group.tokens.flatten()).unflatten(0, shape).transpose(1, 2)
            for each in (queries, keys, values)
        )
        mask = _masked(group, window, query.device)
        found = scaled_dot_product_attention(query, key, value, mask, dropout, scale=scaling)
        found = found.transpose(1, 2).flatten(0, 1)
        parts.append(found if group.real is None else found.index_select(0, group.flat))
    joined = parts[0] if len(parts) == 1 else torch.cat(parts)
    return (joined if groups.order is None else joined.index_select(0, groups.order)).unsqueeze(0)


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

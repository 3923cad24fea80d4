"""Ragged rows: positions, padding and reductions against loops."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremor.robust.segments import Segments

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.integers(0, 3))
def test_pad_then_unpad_gives_back_the_tokens_and_zeros_elsewhere(lengths: list[int], spare: int) -> None:
    segments = Segments(torch.tensor(lengths))
    values = torch.randn(sum(lengths), 3)
    padded = segments.pad(values, max(lengths) + spare)
    assert padded.shape == (len(lengths), max(lengths) + spare, 3)
    assert torch.equal(segments.unpad(padded), values)
    at = 0
    for row, length in enumerate(lengths):
        assert torch.equal(padded[row, :length], values[at : at + length])
        assert not padded[row, length:].any()
        at += length


@settings(max_examples=40, deadline=None)
@given(LENGTHS)
def test_positions_lengths_and_reductions(lengths: list[int]) -> None:
    segments = Segments(torch.tensor(lengths))
    width = max(lengths) + 1
    expected = [row * width + at for row, length in enumerate(lengths) for at in range(length)]
    assert segments.positions(width).tolist() == expected
    assert segments.length_of_token.tolist() == [length for length in lengths for _ in range(length)]
    values = torch.randn(sum(lengths), dtype=torch.float64)
    pieces = values.split(lengths)
    assert torch.allclose(segments.sum_to_tokens(values), torch.cat([each.sum().expand(len(each)) for each in pieces]))
    assert torch.equal(segments.max_to_tokens(values), torch.cat([each.max().expand(len(each)) for each in pieces]))


def test_padding_passes_gradients_to_tokens_only() -> None:
    segments = Segments(torch.tensor([2, 1]))
    values = torch.randn(3, 2, requires_grad=True)
    weights = torch.randn(2, 4, 2)
    (segments.pad(values, 4) * weights).sum().backward()
    assert torch.equal(values.grad, segments.unpad(weights))

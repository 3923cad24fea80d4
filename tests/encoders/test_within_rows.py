"""Attention in groups of rows is that of every row by itself."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from xtremor.encoders import within_rows
from xtremor.encoders.within_rows import Groups, attend

CPU = torch.device("cpu")
LENGTHS = [(3, 3, 3), (5,), (9, 1, 4, 4, 7), (1, 2, 60, 61, 2, 58, 1), (4, 0, 6)]


def alone(lengths, tensors, window, dropped=None):
    parts, begin = [], 0
    for length in lengths:
        place = torch.arange(length)
        near = None if window is None else (place[:, None] - place[None, :]).abs() < window
        query, key, value = (each[:, :, begin : begin + length] for each in tensors)
        if dropped is None:
            parts.append(scaled_dot_product_attention(query, key, value, near))
        else:
            scores = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
            weights = (scores if near is None else scores.masked_fill(~near, -torch.inf)).softmax(-1)
            parts.append(dropped(weights) @ value)
        begin += length
    return torch.cat(parts, dim=2).transpose(1, 2)


@pytest.mark.parametrize("window", [None, 3, 50])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("small", [0, 4096])
def test_values_and_gradients(monkeypatch, lengths, window, small):
    monkeypatch.setattr(within_rows, "SMALL", small)
    torch.manual_seed(0)
    tensors = [torch.randn(1, 2, sum(lengths), 4, dtype=torch.float64).requires_grad_() for _ in range(3)]
    groups = Groups.of(lengths, CPU)
    found, wanted = attend(groups, *tensors, window=window), alone(lengths, tensors, window)
    assert torch.allclose(found, wanted, atol=1e-12)
    up = torch.randn_like(found)
    for one, two in zip(torch.autograd.grad(found, tensors, up), torch.autograd.grad(wanted, tensors, up), strict=True):
        assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("small", [0, 4096])
def test_what_is_dropped_are_attention_weights(monkeypatch, lengths, window, small):
    """In place of a random mask one that every row has alike: weights that are large go."""

    def dropped(weights, probability=0.3):
        assert probability == 0.3
        return weights * (weights < 0.6) / 0.7

    monkeypatch.setattr(within_rows, "SMALL", small)
    monkeypatch.setattr(within_rows, "drop", dropped)
    torch.manual_seed(0)
    tensors = [2 * torch.randn(1, 2, sum(lengths), 4, dtype=torch.float64) for _ in range(3)]
    for each in tensors:
        each.requires_grad_()
    found = attend(Groups.of(lengths, CPU), *tensors, dropout=0.3, window=window)
    wanted = alone(lengths, tensors, window, dropped)
    assert torch.allclose(found, wanted, atol=1e-12)
    up = torch.randn_like(found)
    for one, two in zip(torch.autograd.grad(found, tensors, up), torch.autograd.grad(wanted, tensors, up), strict=True):
        assert torch.allclose(one, two, atol=1e-12)


def test_equal_rows_are_one_product_without_a_mask_and_unlike_ones_are_not():
    same = Groups.of([45] * 8, CPU)
    assert len(same.groups) == 1 and same.groups[0].real is None
    mixed = Groups.of([10, 200, 11, 190], CPU)
    assert [(group.rows, group.width) for group in mixed.groups] == [(2, 200), (2, 11)]


def test_padding_costs_no_more_than_a_quarter_of_the_products(monkeypatch):
    monkeypatch.setattr(within_rows, "SMALL", 0)
    lengths = torch.randint(4, 128, (64,), generator=torch.Generator().manual_seed(0)).tolist()
    done = sum(group.rows * group.width**2 for group in Groups.of(lengths, CPU).groups)
    assert done <= within_rows.SLACK * sum(each**2 for each in lengths)


def test_dropout_drops_and_is_drawn_from_torchs_generator():
    lengths = [6, 5, 9]
    tensors = [torch.randn(1, 2, 20, 4) for _ in range(3)]
    groups = Groups.of(lengths, CPU)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(attend(groups, *tensors, dropout=0.5))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    torch.manual_seed(0)
    mean = torch.stack([attend(groups, *tensors, dropout=0.5) for _ in range(2000)]).mean(0)
    assert torch.allclose(mean, attend(groups, *tensors), atol=0.15)

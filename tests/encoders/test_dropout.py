"""Dropout with fast masks is dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import BertConfig, BertForSequenceClassification

from xtremor.encoders import dropout
from xtremor.encoders.dropout import drop, fast_dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_shares_and_scale(probability: float) -> None:
    torch.manual_seed(0)
    count = 1_000_003
    found = drop(torch.ones(count), probability)
    kept = found[found != 0]
    scale = float(kept[0])
    assert torch.equal(kept, torch.full_like(kept, scale)) and scale == pytest.approx(1 / (1 - probability), rel=2e-4)
    # Five standard errors of a share.
    assert len(kept) / count == pytest.approx(1 - probability, abs=5 * (probability * (1 - probability) / count) ** 0.5)
    # What is dropped is rounded to 16 bits, and the scale makes up for exactly that.
    exact = round(probability * 65_536) / 65_536
    assert scale * (1 - exact) == pytest.approx(1, rel=1e-6)


def test_elements_are_independent() -> None:
    torch.manual_seed(0)
    noise = drop(torch.ones(400, 1000), 0.3).ne(0).float() - 0.7
    for lag in (1, 2, 3, 4, 8, 1000):
        flat = noise.flatten()
        assert abs(float((flat[lag:] * flat[:-lag]).mean())) < 5 * 0.21 / (len(flat) - lag) ** 0.5


def test_masks_are_a_function_of_torchs_generator() -> None:
    values = torch.randn(7, 33)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append((drop(values, 0.4), drop(values, 0.4)))
    assert torch.equal(drawn[0][0], drawn[1][0]) and torch.equal(drawn[0][1], drawn[1][1])
    assert not torch.equal(drawn[0][0], drawn[0][1]) and not torch.equal(drawn[0][0], drawn[2][0])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_the_gradient_is_the_mask(kind: torch.dtype) -> None:
    values = torch.randn(50, 20, dtype=kind).requires_grad_()
    found = drop(values, 0.2)
    (gradient,) = torch.autograd.grad(found.sum(), values)
    assert found.dtype == gradient.dtype == kind
    assert torch.equal(gradient.eq(0), found.eq(0)) and torch.allclose(found, values * gradient)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_nothing_and_everything(probability: float) -> None:
    assert torch.equal(drop(torch.ones(9), probability), torch.full((9,), 1 - probability))


def test_modules_drop_by_it_and_are_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def noted(values: torch.Tensor, probability: float) -> torch.Tensor:
        calls.append(probability)
        return values * 0

    monkeypatch.setattr(dropout, "drop", noted)
    model = nn.Sequential(nn.Dropout(0.25), nn.Dropout(0.0), nn.Linear(3, 2)).train()
    other = nn.ModuleList([model[0], nn.Dropout(0.5)])
    with fast_dropout([model, other]):
        assert model[0].p == 0.25 and not model[0](torch.ones(2, 3)).any() and calls == [0.25]
        other[1](torch.ones(1))
        assert calls == [0.25, 0.5]
        model.eval()
        assert torch.equal(model[0](torch.ones(2, 3)), torch.ones(2, 3)) and calls == [0.25, 0.5]
    model.train()
    assert model[0].p == 0.25 and not model[0]._forward_hooks and not model[0]._forward_pre_hooks
    model[0](torch.ones(2, 3))
    assert calls == [0.25, 0.5]


def test_a_module_that_fails_keeps_its_probability() -> None:
    module = nn.Dropout(0.25)
    with fast_dropout(module):
        with pytest.raises(TypeError):
            module("text")
        assert module.p == 0.25


def test_recomputed_layers_draw_the_same_masks() -> None:
    module = nn.Sequential(nn.Linear(5, 5), nn.Dropout(0.5), nn.Linear(5, 5)).train()
    gradients = []
    with fast_dropout(module):
        for again in (False, True):
            torch.manual_seed(3)
            values = torch.ones(4, 5, requires_grad=True)
            found = checkpoint(module, values, use_reentrant=False) if again else module(values)
            gradients.append(torch.autograd.grad(found.square().sum(), [values, *module.parameters()]))
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


def test_attention_keeps_its_dropout() -> None:
    """transformers reads the probability of a module that it does not call."""
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.5,
    )  # fmt: skip
    model = BertForSequenceClassification(config).train()
    ids = torch.arange(8).view(1, 8)
    with fast_dropout(model):
        torch.manual_seed(0)
        one = model(ids).logits
        two = model(ids).logits
    assert not torch.equal(one, two)

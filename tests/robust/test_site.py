"""Overriding a module's output: what real tokens get, what padding gets, and that it happens at all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xtremor.errors import UserError
from xtremor.robust.segments import Segments
from xtremor.robust.site import Site, embedding_block, mean_norm

SEGMENTS = Segments(torch.tensor([3, 1]))


class Twice(nn.Module):
    """Puts out a tuple, as some embedding blocks do."""

    def forward(self, values: torch.Tensor) -> tuple[torch.Tensor, str]:
        return 2 * values, "kept"


def test_value_and_delta_replace_the_output_at_real_tokens() -> None:
    module, inputs = nn.Identity(), torch.randn(2, 4, 5)
    value, delta = torch.randn(4, 5), torch.randn(4, 5)
    with Site((module,), "here").override(SEGMENTS, value, delta):
        changed = module(inputs)
    assert torch.equal(SEGMENTS.unpad(changed), value + delta)
    assert torch.equal(changed[0, 3:], inputs[0, 3:]) and torch.equal(changed[1, 1:], inputs[1, 1:])
    assert torch.equal(module(inputs), inputs)


def test_delta_alone_leaves_padding_as_it_was() -> None:
    module, inputs, delta = nn.Identity(), torch.randn(2, 4, 5), torch.randn(4, 5)
    with Site((module,), "here").override(SEGMENTS, None, delta):
        changed = module(inputs)
    assert torch.equal(SEGMENTS.unpad(changed), SEGMENTS.unpad(inputs) + delta)
    assert torch.equal(changed[1, 1:], inputs[1, 1:])


def test_only_the_first_of_several_outputs_is_changed() -> None:
    module, delta = Twice(), torch.ones(4, 5)
    with Site((module,), "here").override(SEGMENTS, None, delta):
        first, second = module(torch.zeros(2, 4, 5))
    assert second == "kept" and float(first.sum()) == 4 * 5


@pytest.mark.parametrize(("calls", "error", "message"), [(0, RuntimeError, "not passed"), (2, UserError, "2 times")])
def test_a_site_that_is_not_passed_once_is_an_error(calls: int, error: type[Exception], message: str) -> None:
    module = nn.Identity()
    with pytest.raises(error, match=message), Site((module,), "word").override(SEGMENTS, None, torch.ones(4, 5)):
        for _ in range(calls):
            module(torch.zeros(2, 4, 5))
    assert not module._forward_hooks


def test_a_failing_forward_pass_leaves_the_model_unpatched() -> None:
    module = nn.Identity()
    with pytest.raises(ZeroDivisionError), Site((module,), "words").override(SEGMENTS):
        raise ZeroDivisionError
    assert not module._forward_hooks


def test_a_model_without_an_embedding_block_is_refused() -> None:
    with pytest.raises(UserError, match="--site embeddings: Linear has no embedding block"):
        embedding_block(nn.Linear(2, 2))


def test_mean_norm_leaves_rows_of_zeros_out() -> None:
    assert mean_norm(torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, 1.0]])) == pytest.approx(3.0)

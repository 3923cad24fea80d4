"""The same training for every architecture: gradients of plain, a perturbation that arrives, both sites."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import gradients, make_step, random_features, reference_loss
from helpers.tiny import KINDS, MORE_KINDS, make_classifier

from xtremor.errors import UserError
from xtremor.robust.registry import make
from xtremor.training.embeddings import expand

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.parametrize("kind", [*KINDS, *MORE_KINDS])]


def features_of(kind: str) -> Any:
    """Without ids 0 and 1, which some architectures take for padding."""
    return random_features(types=kind == "bert")


def test_plain_gradients_are_those_of_the_ordinary_model(kind: str) -> None:
    model, features = make_classifier(kind), features_of(kind)
    ordinary = copy.deepcopy(model)
    reference_loss(ordinary, features).backward()
    step = make_step(model, features)
    found = gradients(step)
    table = ordinary.get_input_embeddings().weight
    kept = step.table.get_buffer("kept")
    assert torch.allclose(table.grad[kept], step.table.weight.grad, rtol=1e-3, atol=1e-7)
    for name, parameter in ordinary.named_parameters():
        if parameter is not table and parameter.grad is not None:
            assert torch.allclose(parameter.grad, found[name], rtol=1e-3, atol=1e-7), name


@pytest.mark.parametrize("site", ["word", "embeddings"])
def test_perturbations_reach_the_loss(kind: str, site: str) -> None:
    model, features = make_classifier(kind), features_of(kind)
    if site == "embeddings" and kind in ("xlm", "eurobert"):
        with pytest.raises(UserError, match="has no embedding block as one module; use --site word"):
            make_step(model, features, make("noise", site=site))
        return
    plain = make_step(model, features).run(np.arange(len(features.rows)), 0, 0, 1.0)[0].item()
    losses = {}
    for radius in (0.0, 0.2):
        for name in ("noise", "pgd", "freelb"):
            step = make_step(model, features, make(name, radius=radius, site=site))
            losses[name, radius] = step.run(np.arange(len(features.rows)), 0, 0, 1.0)[0].item()
    for name in ("noise", "pgd", "freelb"):
        assert losses[name, 0.0] == pytest.approx(plain, rel=1e-6)
        assert losses[name, 0.2] != pytest.approx(plain, rel=1e-4)
    assert losses["pgd", 0.2] > plain and losses["freelb", 0.2] > plain


def test_the_model_is_whole_again_afterwards(kind: str) -> None:
    model, features = make_classifier(kind).eval(), features_of(kind)
    before = reference_loss(model, features).item()
    working = copy.deepcopy(model)
    step = make_step(working, features)
    expand(step.model, working.get_input_embeddings(), step.table)
    assert reference_loss(step.model.eval(), features).item() == before
    assert not step.model.get_input_embeddings()._forward_hooks

"""Forward passes over many rows: order, batches, mode and pooling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.problems import random_features
from helpers.tiny import make_classifier

from xtremor.evaluation import predict
from xtremor.evaluation.centroid import centroids

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def test_rows_come_back_in_their_own_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small batches, one large and one row at a time agree."""
    model, rows = make_classifier(dropout=0.5).train(), random_features(40).rows
    found = []
    for budget in (30, 4096):
        monkeypatch.setattr(predict, "TOKEN_BUDGET", budget)
        seen: list[int] = []
        found.append(predict.forward_rows(model, rows, 0, CPU, predict.logits, seen.append))
        assert sum(seen) == len(rows.tokens) and (len(seen) > 5) == (budget == 30)
    alone = [predict.forward_rows(model, rows.take(np.array([row])), 0, CPU, predict.logits)[0] for row in range(40)]
    assert np.allclose(found[0], found[1], atol=1e-5) and np.allclose(found[0], alone, atol=1e-5)
    assert found[0].shape == (40, 3) and found[0].dtype == np.float32
    assert model.training and not any(parameter.grad is not None for parameter in model.parameters())


def test_no_rows_give_no_answers() -> None:
    rows = random_features(1).rows.take(np.array([], dtype=np.int64))
    assert predict.forward_rows(make_classifier(), rows, 0, CPU, predict.logits).size == 0


def test_the_mode_is_restored_after_a_failure() -> None:
    model = make_classifier().train()

    def fail(outputs: object, mask: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        predict.forward_rows(model, random_features(2).rows, 0, CPU, fail)
    assert model.training


def test_mean_pooling_leaves_padding_out() -> None:
    class Outputs:
        last_hidden_state = torch.randn(2, 4, 3)

    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    pooled = predict.mean_pooled(Outputs(), mask)
    assert torch.allclose(pooled[0], Outputs.last_hidden_state[0].mean(0))
    assert torch.allclose(pooled[1], Outputs.last_hidden_state[1, :2].mean(0))


def test_centroids_are_means_of_unit_vectors() -> None:
    vectors = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 5.0]])
    found = centroids(vectors, np.array([0, 0, 2]), 4)
    half = 0.5**0.5
    assert np.allclose(found, [[half, half], [0, 0], [0, 1], [0, 0]])

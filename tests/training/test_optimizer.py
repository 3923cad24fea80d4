"""The schedule by its values, and which parameters get which rate and decay."""

from __future__ import annotations

import pytest
from helpers.problems import make_step, random_features
from helpers.tiny import make_classifier

from xtremor.training.config import TrainSettings
from xtremor.training.optimizer import make_optimizer, rate_share, set_rates


def test_rates_rise_then_fall_to_almost_nothing() -> None:
    shares = [rate_share(update, 100, 0.1) for update in range(100)]
    assert shares[0] == pytest.approx(1 / 11) and shares[9] == pytest.approx(10 / 11) and shares[10] == 1.0
    assert shares[55] == pytest.approx(0.5) and shares[99] == pytest.approx(1 / 90)
    assert shares[:11] == sorted(shares[:11]) and shares[10:] == sorted(shares[10:], reverse=True)


def test_rates_without_warm_up_and_of_short_runs() -> None:
    assert [rate_share(update, 4, 0.0) for update in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert rate_share(0, 1, 0.1) > 0
    assert all(0 < rate_share(update, 3, 0.99) <= 1 for update in range(3))


def test_groups_of_parameters() -> None:
    step = make_step(make_classifier(), random_features())
    settings = TrainSettings("xnli", learning_rate=1e-4, head_learning_rate=1e-2, weight_decay=0.5)
    fresh = ["classifier.weight", "classifier.bias"]
    optimizer = make_optimizer(step.model, fresh, settings)
    set_rates(optimizer, 0.5)
    found = {id(each): group for group in optimizer.param_groups for each in group["params"]}
    names = dict(step.model.named_parameters())
    assert len(found) == len(names)
    for name, parameter in names.items():
        group = found[id(parameter)]
        assert group["lr"] == pytest.approx(0.5 * (1e-2 if name in fresh else 1e-4)), name
        decays = parameter.ndim > 1 and "embeddings" not in name
        assert group["weight_decay"] == (0.5 if decays else 0.0), name
    assert found[id(step.table.weight)]["weight_decay"] == 0.0


def test_a_frozen_table_is_not_optimised() -> None:
    step = make_step(make_classifier(), random_features(), train=False)
    optimizer = make_optimizer(step.model, [], TrainSettings("xnli"))
    assert all(each is not step.table.weight for group in optimizer.param_groups for each in group["params"])

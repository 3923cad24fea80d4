"""What a user may list of a setting, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.errors import UserError
from xtremor.robust.registry import METHODS
from xtremor.sweep.space import Axis, kinds, parse_axes, read_by_some, settings_read


def test_values_have_the_kind_of_their_option() -> None:
    listed = {"learning_rate": "5e-5, 1e-4", "radius": "0,0.01", "steps": "1,3", "norm": "l2,linf", "batch_size": "8"}
    axes = parse_axes(listed, drawing=False)
    # In the order method, ball, recipe, whatever the order of typing.
    assert [axis.name for axis in axes] == ["steps", "radius", "norm", "batch_size", "learning_rate"]
    assert [axis.values for axis in axes] == [(1, 3), (0.0, 0.01), ("l2", "linf"), (8,), (5e-5, 1e-4)]
    assert [axis.varies for axis in axes] == [True, True, True, False, True]
    assert all(type(value) is kind for axis, kind in zip(axes, (int, float, str, int, float), strict=True)
               for value in axis.values)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "drawing", "message"),
    [
        ("radius", "0.001,abc", False, "--radius: 'abc' is not a number"),
        ("steps", "1,2.5", False, "--steps: '2.5' is not a whole number"),
        ("radius", "0.001,,0.1", False, "--radius: a value is missing beside a comma"),
        ("learning_rate", "1e-4,0.0001", False, "--learning-rate names 0.0001 twice"),
        ("radius", "0.001..0.1", False, "--radius 0.001..0.1 is a range to draw from; name the number .* --trials N"),
        ("radius", "0.1..0.001", True, "--radius 0.1..0.001: draws are log-uniform"),
        ("warmup", "0..0.2", True, "--warmup 0..0.2: draws are log-uniform"),
        ("radius", "1..2..3", True, "--radius 1..2..3: expected values between commas, or LOW..HIGH"),
        ("radius", "1..inf", True, "--radius 1..inf: draws"),
        ("norm", "l2..linf", True, "--norm l2..linf: expected values between commas$"),
    ],
)
def test_what_cannot_be_listed(name: str, text: str, drawing: bool, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_axes({name: text}, drawing)


@given(st.floats(1e-6, 1.0), st.floats(1.01, 1e4), st.integers(0, 99), st.integers(1, 500))
def test_draws_lie_in_their_range(low: float, times: float, seed: int, trial: int) -> None:
    axis = Axis("radius", (low, low * times), drawn=True)
    value = axis.draw(seed, trial)
    assert low <= value <= low * times and value == axis.draw(seed, trial)


def test_draws_are_log_uniform_and_whole_where_the_setting_is() -> None:
    axis = Axis("radius", (0.001, 1.0), drawn=True)
    drawn = [axis.draw(0, trial) for trial in range(1, 3001)]
    below = [sum(value < bound for value in drawn) / 3000 for bound in (0.01, 0.1)]
    assert below == pytest.approx([1 / 3, 2 / 3], abs=0.03)
    assert drawn != [axis.draw(1, trial) for trial in range(1, 3001)]
    steps = {Axis("steps", (1, 4), drawn=True).draw(0, trial) for trial in range(1, 100)}
    assert steps == {1, 2, 3, 4} and all(isinstance(each, int) for each in steps)
    assert {Axis("norm", ("l2", "linf")).draw(0, trial) for trial in range(1, 20)} == {"l2", "linf"}


def test_what_a_method_reads_is_what_its_settings_take() -> None:
    assert settings_read("plain") == frozenset()
    assert {"radius", "norm", "absolute"} <= settings_read("noise") and "steps" not in settings_read("noise")
    assert all({"radius", "steps"} <= settings_read(name) for name in ("pgd", "freelb", "noise-k"))
    assert all(settings_read(name) is not None for name in METHODS)
    axes = parse_axes({"steps": "1,2", "learning_rate": "1e-4,2e-4"}, False)
    read_by_some(axes, ["plain", "pgd"])
    with pytest.raises(UserError, match="--steps means nothing to any of the methods plain, noise; leave it out"):
        read_by_some(axes, ["plain", "noise"])


def test_switches_and_the_encoder_are_not_listed() -> None:
    from xtremor.cli.recipe import BallOptions, TrainOptions

    assert not {"encoder", "threads", "lora_targets", "freeze_embeddings"} & kinds(TrainOptions).keys()
    assert "absolute" not in kinds(BallOptions) and kinds(BallOptions)["radius"] is float
    assert math.isinf(parse_axes({"clip": "1,inf"}, False)[0].values[1])

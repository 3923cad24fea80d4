"""What a method adds stays in its ball and off padding and special tokens: every norm and scope, fp32 and bf16."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import OnCpu, make_step, random_features
from helpers.tiny import make_classifier
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from xtremor.robust.ball import NORMS, SCOPES, Ball
from xtremor.robust.registry import make

pytestmark = pytest.mark.usefixtures("one_thread")
SPECIAL = [2, 3]
# Methods whose every delta is kept in the ball; those after the first of smart, which begins at a normal draw.
BOUNDED: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 3},
    "noise": {"draws": 2},
    "freelb": {"steps": 4, "start": 1.0},
    "fgm": {},
    "vat": {"steps": 2},
    "smart": {"relative": True, "steps": 2, "step_size": 1.5},
}
SITES = ("word", "embeddings", "layer:1", "last")


class Bf16(OnCpu):
    """Mixed precision as accelerate has it."""

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        with torch.autocast("cpu", torch.bfloat16):
            yield


PRECISIONS = {"fp32": OnCpu, "bf16": Bf16}


@pytest.fixture(scope="module")
def model() -> Any:
    return make_classifier(dropout=0.1)


def deltas_of(step: Any, features: Any) -> list[Tensor]:
    """Every delta that the model is run at in one step."""
    seen: list[Tensor] = []
    inner = step.sited.over

    def spy(*args: Any) -> Any:
        run = inner(*args)
        call = type(run).__call__

        class Spied(type(run)):  # type: ignore[misc]
            def __call__(self, delta: Tensor | None) -> Any:
                if delta is not None:
                    seen.append(delta.detach().clone())
                return call(self, delta)

        run.__class__ = Spied
        return run

    step.sited.over = spy
    step.run(np.arange(len(features.lengths)), 0, 0, 1.0)
    return seen


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", BOUNDED)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), radius=st.sampled_from([1e-6, 0.05, 3.0]), site=st.sampled_from(SITES))
def test_every_delta_is_within_its_radius_and_spares_special_tokens(
    model: Any, name: str, norm: Any, scope: Any, precision: str, seed: int, radius: float, site: str
) -> None:
    features = random_features(4, seed, longest=9)
    more = {"radius": radius, "norm": norm, "scope": scope, "site": site, "spare_special": True, **BOUNDED[name]}
    step = make_step(model, features, make(name, **more), accelerator=PRECISIONS[precision](), special=SPECIAL)
    found = deltas_of(step, features)
    lengths = features.rows.lengths.tolist()
    typical = step.unit / step.width**0.5 if norm == "linf" else step.unit
    special = torch.isin(torch.from_numpy(features.rows.tokens.astype(np.int64)), torch.tensor(SPECIAL))
    for delta in found[1:] if name == "smart" else found:
        assert delta.dtype == torch.float32 and delta.shape == (sum(lengths), step.width)
        assert not delta[special].any()
        # Unit by unit in float64, without anything of `Ball`.
        for unit in delta.double().split([1] * sum(lengths) if scope == "token" else lengths):
            size = float(unit.abs().max() if norm == "linf" else unit.norm())
            room = len(unit) ** 0.5 if (norm, scope) == ("l2", "sequence-scaled") else 1.0
            assert size <= radius * typical * room * (1 + 1e-5)
    # A classifier reads the first of the last hidden states, which is a special token's.
    assert site == "last" or any(bool(delta.any()) for delta in found)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("name", ["pgd", "noise", "neftune", "smart-code", "noise-rise"])
def test_what_the_model_reads_on_padding_is_what_it_always_reads(
    model: Any, name: str, site: str, precision: str
) -> None:
    """The input of whatever follows the site, beside plain's: padding equal bit for bit, every real token moved."""
    features = random_features(4, 3, longest=9)
    method = make(
        name, site=site, dropout="shared", **({"radius": 0.5} if name in ("pgd", "noise", "noise-rise") else {})
    )
    read: dict[str, Tensor] = {}
    for kind in (make("plain"), method):
        step = make_step(model, features, kind, accelerator=PRECISIONS[precision]())
        bert = step.model.bert
        follower = {
            "word": bert.embeddings.LayerNorm, "embeddings": bert.encoder.layer[0], "layer:1": bert.encoder.layer[1],
            "last": bert.pooler,
        }[site]  # fmt: skip

        def look(module: Any, inputs: Any, kind: Any = kind) -> None:
            read[kind.name] = inputs[0].detach().float().clone()

        follower.register_forward_pre_hook(look)
        step.run(np.arange(4), 0, 0, 1.0)
    moved = (read[method.name] - read["plain"]).abs().amax(-1)
    for row, length in enumerate(features.rows.lengths):
        assert not moved[row, length:].any()
        assert bool((moved[row, :length] > 0).all())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scope", SCOPES)
@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 2**31))
def test_balls_take_gradients_that_were_rounded_to_bf16(norm: Any, scope: Any, lengths: list[int], seed: int) -> None:
    from xtremor.robust.segments import Segments

    generator = torch.Generator().manual_seed(seed)
    gradient = torch.randn(sum(lengths), 5, generator=generator).bfloat16().float()
    segments, ball = Segments(torch.tensor(lengths)), Ball(0.1, norm, scope)
    delta = torch.zeros_like(gradient)
    for _ in range(3):
        delta = ball.project(delta + 0.07 * ball.direction(gradient, segments), segments)
        assert bool((ball.norms(delta, segments) <= ball.limits(segments)).all())

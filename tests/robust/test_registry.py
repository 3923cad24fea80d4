"""Methods by name: defaults, labels, radii and every refusal."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

from xtremor.errors import UserError
from xtremor.robust.methods.base import Method
from xtremor.robust.passes import Passes
from xtremor.robust.registry import METHODS, make, method_of, parse
from xtremor.robust.segments import Segments


def every_variant(name: str) -> list[Method]:
    """The method with one setting after the other changed."""
    changed = {option: other_value(option, default) for option, default in METHODS[name].defaults().items()}
    if name == "rsda":
        # A file knows no similarity.
        changed["min_similarity"] = 0.75
    if name == "awp":
        # It takes no hidden layer.
        changed["site"] = "embeddings"
    return [make(name, **{option: value}) for option, value in changed.items()]


def other_value(name: str, default: Any) -> Any:
    """A value that the setting may have and that is not its default."""
    words = {
        "norm": "l2" if default == "linf" else "linf",
        "scope": "sequence-scaled",
        "site": "layer:2",
        "dropout": "shared" if default == "fresh" else "fresh",
        "distribution": "normal",
        "neighbours": "words.json",
        "protect": "none",
    }
    if name in words:
        return words[name]
    if isinstance(default, bool):
        return not default
    return 7 if isinstance(default, int) else 0.75 if name != "limit_radii" else 9.0


def method_options(method: Method) -> dict[str, Any]:
    """What a user would state."""
    usual = method.defaults()
    return {"name": method.name, **{key: value for key, value in method.settings().items() if value != usual[key]}}


def test_every_method_is_made_by_its_name_and_read_back_from_its_record() -> None:
    for name, kind in METHODS.items():
        method = make(name)
        assert type(method) is kind and method.name == name
        assert method_of(json.loads(json.dumps(method.as_dict()))) == method
        assert all(getattr(kind, each) for each in ("title", "rule", "cost_rule", "source")) and kind.__doc__
    labels = [make(name).arm for name in METHODS]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("method", [method for name in METHODS for method in every_variant(name)], ids=lambda m: m.arm)
def test_no_two_settings_share_a_label_and_records_keep_them(method: Method) -> None:
    assert method.arm != make(method.name).arm and not set(method.arm) & set(":/ ")
    assert method_of(json.loads(json.dumps(method.as_dict()))) == method
    assert make(**method_options(method)) == method


@pytest.mark.parametrize(
    ("settings", "arm", "passes"),
    [
        (make("plain"), "plain", 3),
        (make("noise"), "noise", 3),
        (make("noise", draws=2), "noise-2", 6),
        (make("pgd"), "pgd-1", 5),
        (make("pgd", steps=3), "pgd-3", 9),
        (make("freelb"), "freelb-2", 6),
        (make("noise-k", steps=3), "noise-k3", 9),
        (make("pgd", radius=0.003, start=1.0), "pgd-1", 5),
        (make("freelb", radius=0.01), "freelb-2-r0.01", 6),
        (make("pgd", steps=3, radius=0.03, norm="linf", relative=False), "pgd-3-r0.03-absolute-linf", 9),
        (
            make("freelb", start=0.5, site="embeddings", dropout="fresh"),
            "freelb-2-embeddings-fresh-start0.5",
            6,
        ),
        (make("noise", scope="sequence-scaled"), "noise-sequence-scaled", 3),
        (make("rsda"), "rsda", 3),
        (make("rsda", neighbours="a/near.json.gz", min_similarity=None), "rsda-near-2f72", 3),
        (make("rsda", min_similarity=0.4, protect="default"), "rsda", 3),
        (make("rsda", neighbours="embeddings", english_only=True, copies=3), "rsda-english-x3", 3),
        (make("rsda", protect="none", apart=True, min_similarity=0.5), "rsda-cos0.5-protect-none-apart", 3),
    ],
)
def test_labels_and_costs(settings: Method, arm: str, passes: int) -> None:
    assert settings.arm == arm and settings.expected_passes() == passes


def test_relative_radii() -> None:
    """A share of the mean norm; for L-infinity of that norm spread over the entries."""

    def radius(unit: float, width: int, **more: Any) -> float:
        segments = Segments(torch.tensor([2]))
        generator = torch.Generator()
        return Passes(segments, width, None, None, generator, 1, unit=unit).ball(make("pgd", radius=0.5, **more)).radius

    assert radius(4.0, 9) == pytest.approx(2.0)
    assert radius(4.0, 16, norm="linf") == pytest.approx(0.5)
    assert radius(4.0, 9, relative=False) == 0.5
    assert make("pgd", step_size=0.1).length(2.0) == pytest.approx(0.2)
    assert make("pgd", steps=5).length(2.0) == pytest.approx(1.0)


def test_what_is_recorded_is_what_the_method_reads() -> None:
    assert make("plain").as_dict() == {"name": "plain"}
    assert make("noise").as_dict()["radius"] == 0.003
    assert "steps" not in make("noise").as_dict()
    assert make("freelb").as_dict() == make("freelb", steps=2, start=0.0).as_dict()
    assert "clean" not in make("pgd").as_dict() and make("pgd", clean=0.5).as_dict()["clean"] == 0.5
    assert "radius" not in make("smart-code").as_dict()


@pytest.mark.parametrize(
    ("typed", "arm"), [("pgd", "pgd-1"), ("pgd-3", "pgd-3"), ("noise-k3", "noise-k3"), ("noise-2", "noise-2"),
                       ("freelb++-5", "freelb++-5"), ("smart-code", "smart-code-1"), ("vat-2", "vat-2")]
)  # fmt: skip
def test_a_number_behind_a_name_is_k(typed: str, arm: str) -> None:
    name, stated = parse(typed)
    assert make(name, **stated).arm == arm


@pytest.mark.parametrize("typed", ["pdg", "pgd-x", "plain-3", "sam-2", ""])
def test_unknown_names_are_refused(typed: str) -> None:
    with pytest.raises(UserError, match="unknown method"):
        parse(typed)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "pdg"}, r"unknown method 'pdg' \(nearest: pgd\)"),
        ({"name": "pgd", "norm": "l2l"}, r"--norm 'l2l' is none of l2, linf; nearest: l2"),
        ({"name": "pgd", "scope": "sequences"}, r"--scope .*nearest: sequence"),
        ({"name": "pgd", "site": "words"}, r"--site 'words' is none of word, .*nearest: word"),
        ({"name": "pgd", "dropout": "none"}, r"--dropout 'none' is none of shared, fresh"),
        ({"name": "pgd", "steps": 0}, r"--steps must be at least 1, not 0"),
        ({"name": "noise", "draws": 0}, r"--draws must be at least 1, not 0"),
        ({"name": "pgd", "radius": -1.0}, r"--radius must be a number of at least 0, not -1.0"),
        ({"name": "pgd", "radius": math.nan}, r"--radius must be a number"),
        ({"name": "pgd", "step_size": math.inf}, r"--step-size must be a number"),
        ({"name": "plain", "radius": 0.1}, r"--radius means nothing to the method 'plain', which takes no options"),
        ({"name": "plain", "relative": False}, r"--absolute means nothing to the method 'plain'"),
        ({"name": "noise", "steps": 2}, r"--steps means nothing to the method 'noise', .*--absolute.*--draws"),
        ({"name": "freelb", "draws": 2}, r"--draws means nothing to the method 'freelb'"),
    ],
)
def test_refusals_name_the_option(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(**settings)

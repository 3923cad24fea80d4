"""Methods by name: defaults, labels, radii and every refusal."""

from __future__ import annotations

import math

import pytest

from xtremor.errors import UserError
from xtremor.robust.methods import PGD, FreeLB, NoiseK, Plain, RandomNoise
from xtremor.robust.registry import DEFAULTS, METHODS, MethodSettings, build, expected_passes


def test_every_method_is_built_from_its_defaults() -> None:
    kinds = {"plain": Plain, "noise": RandomNoise, "pgd": PGD, "freelb": FreeLB, "noise-k": NoiseK, "rsda": Plain}
    assert kinds.keys() == METHODS.keys() == DEFAULTS.keys()
    for name, kind in kinds.items():
        assert type(build(MethodSettings(name), 2.0, 9)) is kind


@pytest.mark.parametrize(
    ("settings", "arm", "passes"),
    [
        (MethodSettings("plain"), "plain", 3),
        (MethodSettings("noise"), "noise", 3),
        (MethodSettings("noise", draws=2), "noise-2", 6),
        (MethodSettings("pgd"), "pgd-1", 5),
        (MethodSettings("pgd", steps=3), "pgd-3", 9),
        (MethodSettings("freelb"), "freelb-2", 6),
        (MethodSettings("noise-k", steps=3), "noise-k3", 9),
        (MethodSettings("pgd", radius=0.003, start=1.0), "pgd-1", 5),
        (MethodSettings("freelb", radius=0.01), "freelb-2-r0.01", 6),
        (MethodSettings("pgd", steps=3, radius=0.03, norm="linf", relative=False), "pgd-3-r0.03-absolute-linf", 9),
        (
            MethodSettings("freelb", start=0.5, site="embeddings", dropout="fresh"),
            "freelb-2-embeddings-fresh-start0.5",
            6,
        ),
        (MethodSettings("noise", scope="sequence-scaled"), "noise-sequence-scaled", 3),
        (MethodSettings("rsda"), "rsda", 3),
        (MethodSettings("rsda", neighbours="a/near.json.gz", min_similarity=None), "rsda-near-2f72", 3),
        (MethodSettings("rsda", min_similarity=0.4, protect="default"), "rsda", 3),
        (MethodSettings("rsda", neighbours="embeddings", english_only=True, copies=3), "rsda-english-x3", 3),
        (MethodSettings("rsda", protect="none", apart=True, min_similarity=0.5), "rsda-cos0.5-protect-none-apart", 3),
    ],
)
def test_labels_and_costs(settings: MethodSettings, arm: str, passes: int) -> None:
    assert settings.arm == arm and expected_passes(settings) == passes


def test_relative_radii() -> None:
    """A share of the mean norm; for L-infinity of that norm spread over the entries."""
    assert build(MethodSettings("pgd", radius=0.5), 4.0, 9).ball.radius == pytest.approx(2.0)
    assert build(MethodSettings("pgd", radius=0.5, norm="linf"), 4.0, 16).ball.radius == pytest.approx(0.5)
    assert build(MethodSettings("pgd", radius=0.5, relative=False), 4.0, 9).ball.radius == 0.5
    assert build(MethodSettings("pgd", radius=0.5, step_size=0.1), 4.0, 9).step_size == pytest.approx(0.2)


def test_what_is_recorded_is_what_the_method_reads() -> None:
    assert MethodSettings("plain").as_dict() == {"name": "plain"}
    assert MethodSettings("noise").as_dict()["radius"] == DEFAULTS["noise"]["radius"]
    assert "steps" not in MethodSettings("noise").as_dict()
    assert MethodSettings("freelb").as_dict() == MethodSettings("freelb", steps=2, start=0.0).as_dict()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "pdg"}, r"unknown method 'pdg' \(nearest: pgd\)"),
        ({"name": "pgd", "norm": "l2l"}, r"--norm 'l2l' is none of l2, linf; nearest: l2"),
        ({"name": "pgd", "scope": "sequences"}, r"--scope .*nearest: sequence"),
        ({"name": "pgd", "site": "words"}, r"--site .*nearest: word"),
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
        MethodSettings(**settings)

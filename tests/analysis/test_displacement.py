"""Displacement in spaces whose figures are known, in streams as in memory, at a counted cost."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.parallel import Space, cloud, rotation, rows_of

from xtremor.analysis.displacement import Settings, displacement
from xtremor.errors import UserError

COUNT = 60


def figures(translate, count: int = COUNT, each_cluster: int = 1, **settings):
    """Of the first layer."""
    english = cloud(count)
    space = Space(english, translate)
    found = displacement(rows_of(count, each_cluster), space, Settings(**settings))
    return found.layers[0], found, space


def test_identity_is_no_displacement() -> None:
    layer, _, _ = figures(lambda x: x)
    assert layer["distance"] == 0 == layer["relative"] and layer["cosine"] == pytest.approx(1)
    assert layer["to_english"] == 100 == layer["from_english"] and layer["cka"] == pytest.approx(1)
    assert layer["anisotropy"] == layer["anisotropy_english"]


def test_a_translation_moves_every_row_by_its_length() -> None:
    way = np.zeros(8)
    way[2] = 5.0
    layer, found, _ = figures(lambda x: x + way)
    assert layer["distance"] == pytest.approx(5, rel=1e-6) and layer["cka"] == pytest.approx(1, abs=1e-9)
    english = cloud(COUNT)
    expected = np.linalg.norm(english[found.partners] + way - english, axis=1)
    np.testing.assert_allclose(found.unrelated[:, 0], expected, rtol=1e-5)
    assert layer["relative"] == pytest.approx(5 / expected.mean(), rel=1e-5)


def test_a_scale_keeps_directions() -> None:
    layer, _, _ = figures(lambda x: 2.5 * x)
    assert layer["distance"] == pytest.approx(1.5 * np.linalg.norm(cloud(COUNT), axis=1).mean(), rel=1e-5)
    assert layer["cosine"] == pytest.approx(1) and layer["to_english"] == 100
    assert layer["cka"] == pytest.approx(1) and layer["anisotropy"] == pytest.approx(layer["anisotropy_english"])


def test_a_rotation_loses_the_rows_but_not_their_shape() -> None:
    """CKA does not see it, retrieval and distances do."""
    turn = rotation()
    layer, _, _ = figures(lambda x: (x - 3) @ turn)
    assert layer["cka"] == pytest.approx(1, abs=1e-9)
    assert layer["to_english"] < 50 and layer["relative"] > 0.9


def test_unrelated_clouds_are_as_far_as_any_row() -> None:
    layer, _, _ = figures(lambda x: cloud(len(x), seed=9), count=400)
    assert abs(layer["relative"] - 1) < 4 * layer["relative_se"] and abs(layer["cka"]) < 0.05
    assert layer["to_english"] < 3


@pytest.mark.parametrize(("count", "each_cluster"), [(60, 1), (61, 3), (40, 7), (20, 10)])
@pytest.mark.parametrize("chunk", [1, 4, 17])
def test_streams_say_what_memory_says(count: int, each_cluster: int, chunk: int) -> None:
    """Also where the derangement's shift is longer than a chunk."""
    turn = rotation()
    runs = [figures(lambda x: x @ turn + 1, count, each_cluster, chunk=size) for size in (chunk, 10_000)]
    for one, two in zip(runs[0][1].layers, runs[1][1].layers, strict=True):
        assert one == pytest.approx(two, rel=1e-9, abs=1e-9, nan_ok=True)
    assert np.array_equal(runs[0][1].own, runs[1][1].own)
    assert np.array_equal(runs[0][1].unrelated, runs[1][1].unrelated)


def test_every_text_is_passed_once() -> None:
    _, _, space = figures(lambda x: x, each_cluster=7, chunk=5)
    assert len(space.asked) == len(set(space.asked)) == 2 * COUNT


def test_relative_distances_do_not_depend_on_the_unit() -> None:
    _, found, _ = figures(lambda x: x @ rotation())
    one, ten = found.layers
    assert ten["distance"] == pytest.approx(10 * one["distance"], rel=1e-5)
    for name in ("relative", "relative_se", "cka", "cosine", "anisotropy"):
        assert ten[name] == pytest.approx(one[name], rel=1e-4)


def test_candidates_limit_retrieval_alone() -> None:
    turn = rotation()
    few, many = (figures(lambda x: (x - 3) @ turn, candidates=size)[0] for size in (5, 60))
    assert few["to_english"] > many["to_english"]
    assert {k: v for k, v in few.items() if "english" not in k} == {k: v for k, v in many.items() if "english" not in k}


def test_rows_that_share_their_text_have_nothing_unrelated() -> None:
    with pytest.raises(UserError, match=r"6 of 10 rows share text"):
        displacement(rows_of(10, 6), Space(cloud(10), lambda x: x))

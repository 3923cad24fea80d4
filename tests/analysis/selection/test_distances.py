"""Distances between languages against figures worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.features import write_features

from xtremor.analysis.selection.distances import from_features, from_vectors, gower, kinship, together
from xtremor.analysis.selection.uriel import GROUPS, Features, read_features, uriel_folder
from xtremor.errors import UserError

CODES = ("en", "de", "sw", "yo")
LONG = ("eng", "deu", "swa", "yor")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """URIEL in miniature."""
    return write_features(tmp_path_factory.mktemp("uriel"))


def group(folder: Path, name: str, codes=LONG) -> Features:
    return read_features(folder, codes, [name])[0]


def test_syntax_is_the_normalised_hamming_distance_of_what_both_have(folder: Path) -> None:
    """English has (1, 0, 1/2): its third feature is 1 to one source and 0 to the other."""
    values, coverage = gower(group(folder, "syntax"))
    assert values[0, 1] == pytest.approx((0 + 0 + 0.5) / 3)
    assert values[1, 2] == pytest.approx(3 / 3)
    # Yoruba lacks the third.
    assert values[0, 3] == pytest.approx(2 / 2) and values[2, 3] == 0
    assert coverage[0, 3] == pytest.approx(2 / 3) and coverage[0, 1] == 1
    np.testing.assert_array_equal(values, values.T)


def test_identical_and_complementary_vectors_are_told_apart() -> None:
    """A published formula scores them alike."""
    values, _ = gower(Features("syntax", np.array([[1, 0, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1]], dtype=float)))
    assert values[0].tolist() == [0, 0, 1]


def test_ancestors_that_both_lack_do_not_count(folder: Path) -> None:
    values, _ = gower(group(folder, "family"))
    assert values[0, 1] == 0 and values[0, 2] == 1
    # One of two ancestors is shared.
    assert values[2, 3] == pytest.approx(1 / 2)


def test_geography_is_the_mean_difference(folder: Path) -> None:
    values, _ = gower(group(folder, "geography"))
    assert values[0, 1] == pytest.approx(0.025) and values[0, 2] == pytest.approx(0.4)


def test_languages_without_features_are_named_and_get_what_their_kind_has(folder: Path) -> None:
    """Basque is in no file of typology: its distances are the mean of pairs of different families, same script."""
    codes, long = (*CODES, "eu"), (*LONG, "eus")
    found = from_features(codes, group(folder, "syntax", long))
    assert found.replaced == ("eu",) and "eu without enough features" in found.notes[0]
    known = from_features(CODES, group(folder, "syntax"))
    other_family = [known.values[0, 2], known.values[0, 3], known.values[1, 2], known.values[1, 3]]
    np.testing.assert_allclose(found.values[4, :4], np.mean(other_family))
    assert found.values[4, 4] == 0
    np.testing.assert_array_equal(found.values[:4, :4], known.values)


def test_too_little_in_common_is_not_taken_at_its_word(folder: Path) -> None:
    """Swahili and Yoruba agree in both features that Yoruba has; asked for 80%, that is too few."""
    found = from_features(CODES, group(folder, "syntax"), min_coverage=0.8)
    assert found.values[2, 3] > 0 and found.replaced == ("yo",)


def test_the_whole_counts_every_group_alike(folder: Path) -> None:
    parts = read_features(folder, LONG)
    assert [each.group for each in parts] == list(GROUPS)
    each = [from_features(CODES, part).values for part in parts]
    np.testing.assert_allclose(together(CODES, parts).values, np.mean(each, axis=0))


def test_what_is_not_known_brings_no_language_near(folder: Path) -> None:
    """Basque lacks family and typology, and must not be everybody's neighbour by its place alone."""
    parts = read_features(folder, (*LONG, "eus"))
    found = together((*CODES, "eu"), parts)
    assert found.values[4, 0] > found.values[0, 1]


def test_kinship() -> None:
    found = kinship(("en", "de", "ru", "ar", "sw")).values
    assert found[0].tolist() == [0, 0, 0.5, 1, 0.5]


def test_the_encoder_s_distance_is_centred() -> None:
    """A part that all languages share says nothing."""
    means = {
        "en": np.array([1.0, 0]),
        "de": np.array([0.9, 0.1]),
        "sw": np.array([-1.0, 0.2]),
        "yo": np.array([-1.0, -0.2]),
    }
    one = from_vectors(CODES, means)
    moved = from_vectors(CODES, {code: vector + 100 for code, vector in means.items()})
    np.testing.assert_allclose(one.values, moved.values, atol=1e-9)
    assert one.values[0, 1] < 0.05 and one.values[0, 2] > 0.9
    lacking = from_vectors((*CODES, "fr"), means)
    assert lacking.replaced == ("fr",)


@pytest.mark.parametrize(
    ("damage", "said"),
    [("absent", "holds no features.npz"), ("text", "cannot be read as a file of URIEL"), ("pickle", "cannot be read")],
)
def test_files_that_are_not_uriel_s(damage: str, said: str, folder: Path, tmp_path: Path) -> None:
    if damage == "text":
        (tmp_path / "features.npz").write_text("no")
    elif damage == "pickle":
        np.savez(tmp_path / "features.npz", feats=np.array([{}], dtype=object), langs=[], data=[])
    with pytest.raises(UserError, match=said):
        read_features(uriel_folder(tmp_path), LONG, ["syntax"])


def test_the_package_s_own_files() -> None:
    """They are read as they are shipped; Slovak has no syntax in them."""
    try:
        real = uriel_folder()
    except UserError:
        pytest.skip("needs the extra `languages`")
    values, coverage = gower(read_features(real, ("eng", "deu", "slk"), ["syntax"])[0])
    assert 0 < values[0, 1] < 0.3 and coverage[0, 1] > 0.5 and coverage[0, 2] == 0

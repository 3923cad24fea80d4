"""The study file that trains what was chosen."""

from __future__ import annotations

from typing import Any

import pytest

from xtremor.analysis.selection.trial import study_text
from xtremor.errors import UserError
from xtremor.study.design import Study
from xtremor.study.reading import parse_study

CANDIDATES = ["en", "de", "hi", "ru", "sw"]


def result(chosen: dict[str, list[list[str]]], sources: list[str] = CANDIDATES, seed: int = 0) -> dict[str, Any]:
    choices = [{"distance": name, "k": len(each), "sources": each} for name, sets in chosen.items() for each in sets]
    return {"sources": sources, "choices": choices, "settings": {"rows": 600, "seed": seed}}


def written(*given: Any, data: str | None = None, languages: list[str] | None = None, **more: Any) -> Study:
    return parse_study(study_text(result(*given, **more), "panx", "starter", data, languages), "study.toml")


def sources(study: Study) -> dict[str, tuple[str, ...]]:
    return {arm.name: tuple(dict(arm.stage2.stated)["sources"].split(",")) for arm in study.arms}


def test_arms_and_contrasts() -> None:
    study = written({"kinship": [["en"], ["sw", "hi"]], "uriel": [["de"], ["hi", "sw"]]}, languages=["sw", "yo"])
    found = sources(study)
    assert list(found) == [
        "English", "kinship 2 = uriel 2", "uriel 1", "random 1 draw 1", "random 1 draw 2", "random 2 draw 1",
        "random 2 draw 2",
    ]  # fmt: skip
    assert found["kinship 2 = uriel 2"] == ("hi", "sw") and found["uriel 1"] == ("de",) and found["English"] == ("en",)
    assert len(set(found.values())) == len(found)
    contrasts = [(each.treatment, each.control, each.role) for each in study.contrasts]
    assert contrasts == [
        (name, control, "primary" if control == "English" else "secondary")
        for name, k in (("kinship 2 = uriel 2", 2), ("uriel 1", 1))
        for control in ("English", f"random {k} draw 1", f"random {k} draw 2")
    ]
    assert study.targets[0].task == "panx" and tuple(study.targets[0].languages) == ("sw", "yo")
    assert dict(study.stage2.stated)["train_rows"] == 600 and len(study.seeds.stage1) == 5


def test_random_sets_are_those_of_the_seed() -> None:
    chosen = {"uriel": [["de", "ru"]]}
    one, two = (sources(written(chosen, seed=seed)) for seed in (1, 2))
    assert one == sources(written(chosen, seed=1)) and one != two


def test_with_few_candidates_there_are_fewer_random_sets() -> None:
    """Of three pairs one was chosen; of three single languages one was, and one is English."""
    found = sources(written({"uriel": [["de"], ["de", "hi"]]}, sources=["en", "de", "hi"]))
    assert found["random 1 draw 1"] == ("hi",) and "random 1 draw 2" not in found
    assert {found["random 2 draw 1"], found["random 2 draw 2"]} == {("de", "en"), ("en", "hi")}


def test_a_path_with_marks_is_quoted() -> None:
    assert str(written({"uriel": [["de"]]}, data='C:\\data "a"').data) == 'C:\\data "a"'


def test_english_alone_is_nothing_to_compare() -> None:
    with pytest.raises(UserError, match="every distance chose English alone"):
        written({"kinship": [["en"]]})

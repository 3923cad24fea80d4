"""Unlabelled text and a language adversary in a study: keys hold what is in files, a changed file is another stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import call, read_json
from helpers.own import reviews, write
from helpers.studies import Inline, write_study

from xtremor.errors import UserError
from xtremor.study.plan import Plan
from xtremor.study.planning import make_plan
from xtremor.study.reading import read_study

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
ARMS = """
[[arms]]
name = "clusters"
stage2 = { language-adversary = "graph", adversary-graph = "FOLDER/mine.csv", unlabelled = "FOLDER/texts" }

[[arms]]
name = "clique"
stage2 = { method = "freelb-2", language-adversary = "clique", unlabelled-languages = ["sw"], unlabelled-split="test" }

[[targets]]
task = "panx"
"""


@pytest.fixture
def file(study_data: Path, tiny_encoder: Path, tmp_path: Path) -> Path:
    """A study of one stage: plain, and two arms with a discriminator."""
    for code in ("sw", "tr"):
        write(reviews(code, 8, 1), tmp_path / "texts" / f"{code}.txt")
    (tmp_path / "mine.csv").write_text("en,tr\n", encoding="utf-8")
    study = write_study(
        tmp_path, study_data, tiny_encoder, ('intermediate = ["xnli"]\n', ""), ("seeds = 2", "seeds = 1"),
        ('[[targets]]\ntask = "panx"\n', ARMS.replace("FOLDER", str(tmp_path))),
    )  # fmt: skip
    text = study.read_text(encoding="utf-8")
    for name in ("standard", "freelb-2"):
        start = text.index(f'[[arms]]\nname = "{name}"')
        text = text[:start] + text[text.index("[[arms]]", start + 8) :]
    start = text.index("[[contrasts]]")
    study.write_text(text[:start] + '[[contrasts]]\ntreatment = "clique"\ncontrol = "none"\n', encoding="utf-8")
    return study


def plan(file: Path) -> Plan:
    return make_plan(read_study(file))


def stages(found: Plan, arm: str) -> list[Any]:
    return [found.stages[cell.target] for cell in found.cells if cell.arm == arm]


def test_keys_hold_what_is_in_the_files_and_not_where_they_lie(file: Path, tmp_path: Path) -> None:
    found = plan(file)
    (stage,) = stages(found, "clusters")
    told = json.dumps(stage.identity())
    assert str(tmp_path) not in told
    settings = stage.config["settings"]
    assert (
        settings["unlabelled"]["files"].startswith("sw sha256 ") and ", tr sha256 " in settings["unlabelled"]["files"]
    )
    assert settings["adversary"]["edges"].startswith("sha256 ")
    assert stage.place["text"] == {"unlabelled": str(tmp_path / "texts"), "adversary": str(tmp_path / "mine.csv")}
    (other,) = stages(found, "clique")
    assert any("test-sw" in name for name in other.data["panx"]["files"])
    # Text takes passes too.
    (plain,) = stages(found, "none")
    assert stage.size.work > 1.5 * plain.size.work
    elsewhere = tmp_path / "moved"
    elsewhere.mkdir()
    for name in ("texts", "mine.csv"):
        (tmp_path / name).rename(elsewhere / name)
    file.write_text(file.read_text(encoding="utf-8").replace(f'"{tmp_path}/', f'"{elsewhere}/'), encoding="utf-8")
    again = plan(file)
    assert stages(again, "clusters")[0].key == stage.key
    write(reviews("tr", 8, 2), elsewhere / "texts" / "tr.txt")
    changed = plan(file)
    assert stages(changed, "clusters")[0].key != stage.key and stages(changed, "clique")[0].key == other.key


def test_such_a_study_runs(file: Path, tmp_path: Path, inline: Inline) -> None:
    folder = tmp_path / "s"
    assert call(["study", "run", str(file), "-o", str(folder)]) == 0
    for arm, edges in (("clusters", [["en", "tr"]]), ("clique", [["en", "sw"]])):
        (stage,) = stages(plan(file), arm)
        record = read_json(folder / "store" / "stages" / stage.key / "run.json")
        assert record["language_adversary"]["graph"]["edges"] == edges, arm
    assert record["method"]["name"] == "freelb"


def test_a_text_that_changed_after_planning_is_refused(file: Path, tmp_path: Path) -> None:
    from xtremor.study.texts import check_texts
    from xtremor.tasks.cards import card

    (stage,) = stages(plan(file), "clusters")
    check_texts(stage, card("panx"))
    (tmp_path / "mine.csv").write_text("en,sw\n", encoding="utf-8")
    with pytest.raises(UserError, match="is not what it was when the study was planned"):
        check_texts(stage, card("panx"))


def test_what_cannot_be_is_refused_in_planning(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new, message in (
        ('language-adversary = "clique"', 'language-adversary = "ring"', "arm 'clique', panx: --language-adversary"),
        ('unlabelled-languages = ["sw"]', 'unlabelled-languages = ["en"]', "needs text of two languages or more"),
        ("mine.csv", "absent.csv", "absent.csv does not exist"),
    ):
        file.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(UserError, match=message):
            plan(file)


def test_matched_compute_counts_the_passes_over_text(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    more = '[[arms]]\nname = "longer"\nmatch_compute = "clique"\n\n[[targets]]'
    file.write_text(text.replace("[[targets]]", more, 1), encoding="utf-8")
    (stage,) = stages(plan(file), "longer")
    # FreeLB's 6 passes and 3 over as many texts, where plain has 3.
    assert stage.config["settings"]["epochs"] == 3.0


def test_several_sources_in_a_study(study_data: Path, file: Path) -> None:
    """Another choice of sources is another stage, of other files."""
    path = study_data / "panx" / "train-sw.tsv"
    path.write_text((study_data / "panx" / "train-en.tsv").read_text(encoding="utf-8"), encoding="utf-8")
    try:
        text = file.read_text(encoding="utf-8")
        one = stages(plan(file), "clique")[0]
        file.write_text(
            text.replace('stage2 = { method = "freelb-2",', 'stage2 = { sources = "en,sw",'), encoding="utf-8"
        )
        both = stages(plan(file), "clique")[0]
    finally:
        path.unlink()
    assert one.key != both.key and any("train-sw" in name for name in both.data["panx"]["files"])
    assert not any("train-sw" in name for name in one.data["panx"]["files"])

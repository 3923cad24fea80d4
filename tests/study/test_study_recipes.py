"""Every recipe runs from end to end at tiny scale: on files in the official layout, or on the starter data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import english, official
from helpers.commands import call
from helpers.studies import Inline

from xtremor.study.files import StudyFolder
from xtremor.study.plan import Plan
from xtremor.study.planning import make_plan
from xtremor.study.reading import parse_study
from xtremor.study.recipes import names, text_of
from xtremor.study.results import results
from xtremor.study.scale import scaled
from xtremor.tasks.cards import card

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files of every task that a recipe names."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in names():
        study = parse_study(text_of(name), name)
        tasks = [task for each in study.intermediate for task in each.task.split(",")]
        for task in [*tasks, *(each.task for each in study.targets)]:
            kind = card(task)
            if kind.source == "official":
                official.write(folder, task)
            elif kind.source == "intermediate":
                english.write(folder, task)
    # Dev files without answers, as they are downloaded, are for other tests.
    for path in (folder / "tydiqa" / "tydiqa-goldp-v1.1-train").iterdir():
        shutil.copy(path, folder / "tydiqa" / "tydiqa-goldp-v1.1-dev" / path.name.replace("train", "dev"))
    # Some recipes train on several languages, and on the text of several.
    for task, code in (("panx", "sw"), ("udpos", "kk")):
        for copy in ("de", "tr"):
            shutil.copy(folder / task / "train-en.tsv", folder / task / f"train-{copy}.tsv")
            for split in ("dev", "test"):
                if not (folder / task / f"{split}-{copy}.tsv").exists():
                    shutil.copy(folder / task / f"{split}-{code}.tsv", folder / task / f"{split}-{copy}.tsv")
    sentences = folder / "lareqa" / "xquad-r"
    for code in card("lareqa").languages if sentences.is_dir() else ():
        if not (sentences / f"{code}.json").exists():
            shutil.copy(sentences / "en.json", sentences / f"{code}.json")
    return folder


def tiny(name: str, files: Path) -> Plan:
    study = parse_study(text_of(name).replace('name = "', f'data = "{files}"\nname = "', 1), name)
    return make_plan(scaled(study, "tiny"))


@pytest.mark.parametrize("name", names())
def test_a_recipe_can_be_planned_and_its_controls_cost_what_they_should(name: str, files: Path) -> None:
    plan = tiny(name, files)
    study = parse_study(text_of(name), name)
    assert {cell.arm for cell in plan.cells} == {arm.name for arm in study.arms}
    assert {cell.task for cell in plan.cells} == {
        f"{target.task}{' generalized' if target.generalized else ''}" for target in study.targets
    }
    work = {
        (cell.arm, cell.task, cell.intermediate, cell.stage1_seed): sum(
            plan.stages[key].size.work for key in (cell.stage1, cell.target) if key
        )
        for cell in plan.cells
    }
    for arm in study.arms:
        if arm.match_compute:
            for (own, *rest), done in work.items():
                if own == arm.name:
                    assert done == pytest.approx(work[(arm.match_compute, *rest)], rel=0.02)
    for contrast in study.contrasts:
        robust, control = (study.arm(each) for each in (contrast.treatment, contrast.control))
        if control.name.startswith("noise-k"):
            one, two = (each.stage1 or each.stage2 for each in (robust, control))
            assert one.method().expected_passes() == two.method().expected_passes()


@pytest.mark.parametrize("name", names())
@pytest.mark.slow
def test_a_recipe_runs_at_tiny_scale(name: str, files: Path, tmp_path: Path, inline: Inline) -> None:
    assert call(["study", "new", name, "-o", str(tmp_path / "s.toml")]) == 0
    command = [
        "study",
        "run",
        str(tmp_path / "s.toml"),
        "--scale",
        "tiny",
        "-o",
        str(tmp_path / "s"),
        "--data",
        str(files),
    ]
    assert call(command) == 0
    plan = StudyFolder(tmp_path / "s").read()
    table = results(StudyFolder(tmp_path / "s"))
    assert table.select("system", "task", "seed", "stage2_seed").unique().height == len(plan.cells)


def test_one_runs_at_tiny_scale_on_the_starter_data(
    tmp_path: Path, inline: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("hassil", reason="needs the extra starter")
    assert call(["study", "new", "aa", "-o", str(tmp_path / "s.toml")]) == 0
    assert call(["study", "new", "aa", "-o", str(tmp_path / "s.toml")]) == 2
    assert "exists; name a file that does not" in capsys.readouterr().err
    assert call(["study", "run", str(tmp_path / "s.toml"), "--scale", "tiny", "-o", str(tmp_path / "s")]) == 0
    assert "slots for panx" in capsys.readouterr().err
    table = results(StudyFolder(tmp_path / "s"))
    assert table["task"].unique().to_list() == ["slots"] and table["seed"].unique().sort().to_list() == [1, 2]
    assert call(["study", "recipes"]) == 0
    assert capsys.readouterr().out.count("\n") == len(names())
    assert call(["study", "new", "aaa"]) == 2
    assert "unknown recipe 'aaa' (nearest: aa)" in capsys.readouterr().err

"""From a study to its stages: what is shared, what is matched, what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.commands import call
from helpers.studies import write_study

from xtremor.errors import UserError
from xtremor.study.design import Study
from xtremor.study.files import StudyFolder
from xtremor.study.freeze import freeze, verdict
from xtremor.study.plan import Plan
from xtremor.study.planning import make_plan
from xtremor.study.power import smallest_effect
from xtremor.study.reading import read_study
from xtremor.study.scale import scaled
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET
from xtremor.study.status import seconds_left

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
MATCHED = '[[arms]]\nname = "matched"\nstage1 = { method = "plain" }\nmatch_compute = "freelb-2"\n\n[[contrasts]]'


@pytest.fixture
def study(study_data: Path, tiny_encoder: Path, tmp_path: Path) -> Callable[..., Study]:
    """The tiny study, with texts of its file replaced."""

    def made(*changes: tuple[str, str]) -> Study:
        return read_study(write_study(tmp_path, study_data, tiny_encoder, *changes))

    return made


def kinds(plan: Plan) -> dict[str, int]:
    return {
        kind: sum(stage.kind == kind for stage in plan.stages.values()) for kind in (INTERMEDIATE, TARGET, EVALUATION)
    }


def test_a_first_stage_is_shared_and_parents_come_first(study: Callable[..., Study]) -> None:
    more = '[[targets]]\ntask = "xnli"\nlanguages = ["sw"]\n\n[[contrasts]]'
    plan = make_plan(study(("[[contrasts]]", more)))
    assert kinds(plan) == {INTERMEDIATE: 4, TARGET: 12, EVALUATION: 12} and len(plan.cells) == 12
    seen: set[str] = set()
    for stage in plan.stages.values():
        assert set(stage.parents) <= seen
        seen.add(stage.key)
    cells = [cell for cell in plan.cells if cell.arm == "standard" and cell.stage1_seed == 2]
    assert len({cell.stage1 for cell in cells}) == 1 and len({cell.target for cell in cells}) == 2
    # The same seed in every arm, and in both stages.
    seeds = {
        cell.arm: plan.stages[cell.target].config["settings"]["seed"] for cell in plan.cells if cell.stage1_seed == 2
    }
    assert seeds == {"none": 2, "standard": 2, "freelb-2": 2}


def test_nested_seeds_share_a_first_stage(study: Callable[..., Study]) -> None:
    plan = make_plan(study(("seeds = 2", "seeds = { stage1 = 2, stage2 = 3 }")))
    assert kinds(plan) == {INTERMEDIATE: 4, TARGET: 18, EVALUATION: 18}
    own = [cell for cell in plan.cells if cell.arm == "freelb-2" and cell.stage1_seed == 1]
    assert len({cell.stage1 for cell in own}) == 1
    assert [plan.stages[cell.target].config["settings"]["seed"] for cell in own] == [1, 1001, 2001]
    # More nested seeds leave the others as they are.
    fewer = make_plan(study())
    assert set(fewer.stages) < set(plan.stages)


def test_no_place_of_the_machine_is_in_a_key(study: Callable[..., Study], study_data: Path, tmp_path: Path) -> None:
    here = study()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(study_data)
    encoder = tmp_path / "encoder"
    encoder.symlink_to(here.encoders[0])
    moved = replace(here, data=str(elsewhere), encoders=(str(encoder),), name="other", about="x", store=str(tmp_path))
    assert set(make_plan(moved).stages) == set(make_plan(here).stages)
    assert not set(make_plan(replace(here, threads=2)).stages) & set(make_plan(here).stages)


def test_a_file_that_a_method_reads_counts_by_its_content(study: Callable[..., Study], tmp_path: Path) -> None:
    def keys(name: str, words: str) -> set[str]:
        path = tmp_path / name
        path.write_text(words, encoding="utf-8")
        made = make_plan(study(('"freelb-2" }', f'"rsda", neighbours = "{path}", copies = 2 }}')))
        stage = next(stage for stage in made.stages.values() if stage.name == "xnli, freelb-2, seed 1")
        assert stage.size.passes == 6 and str(tmp_path) not in str(stage.config)
        assert stage.place["files"] == {"neighbours": str(path)}
        return set(made.stages)

    first = keys("a.json", '{"ba": ["fo"]}')
    assert keys("b.json", '{"ba": ["fo"]}') == first and keys("b.json", '{"ba": ["ku"]}') != first


def test_compute_is_matched_by_a_longer_schedule(study: Callable[..., Study]) -> None:
    plan = make_plan(study(("[[contrasts]]", MATCHED)))
    work = {
        stage.name: stage.size
        for stage in plan.stages.values()
        if stage.kind == INTERMEDIATE and "seed 1" in stage.name
    }
    robust, matched, plain = (work[f"xnli, {arm}, seed 1"] for arm in ("freelb-2", "matched", "standard"))
    assert matched.work == pytest.approx(robust.work) and matched.passes == plain.passes == 3
    assert matched.updates == 2 * plain.updates and robust.updates == plain.updates
    # The arm that is matched says how long it trains; whoever matches it follows.
    longer = ('{ method = "freelb-2" }', '{ method = "freelb-3", epochs = 2 }')
    plan = make_plan(study(longer, ("[[contrasts]]", MATCHED)))
    stage = next(stage for stage in plan.stages.values() if stage.name == "xnli, matched, seed 1")
    assert stage.config["settings"]["epochs"] == 6.0


def test_two_arms_that_are_the_same_runs_are_refused(study: Callable[..., Study]) -> None:
    with pytest.raises(UserError, match="arms 'standard' and 'twin' are the same runs on panx"):
        make_plan(study(("[[contrasts]]", '[[arms]]\nname = "twin"\nstage1 = {}\n\n[[contrasts]]')))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('data = "', 'data = "/nowhere'), "data folder /nowhere.* does not exist"),
        (('encoder = "', 'encoder = "/nowhere'), "encoder folder /nowhere.* does not exist"),
        (('intermediate = ["xnli"]', 'intermediate = ["xnly"]'), r"arm 'standard', xnly: unknown task 'xnly'"),
        (('task = "panx"', 'task = "udpos"'), "udpos"),
        (('task = "panx"', 'task = "mnli"'), "English intermediate task and no test of transfer|mnli"),
        (('"en", "sw"]', '"en", "xx"]'), "unknown language of panx 'xx'"),
        (('["en", "sw"]', '["-th", "sw"]'), "are either named, or left out with a dash"),
        (('["en", "sw"]', '["-xx"]'), "targets: unknown language of panx 'xx'"),
        (("limit = 6", 'split = "tests"'), "targets: unknown split of panx 'tests'"),
        (('method = "freelb-2"', 'method = "freelib"'), r"'freelb-2', xnli: unknown method 'freelib' \(nearest: "),
        (('method = "plain"', 'method = "plain", radius = 1.0'), "arm 'standard', xnli: --radius means nothing to"),
        (('method = "freelb-2"', 'method = "freelb-2", steps = 3'), "both state K"),
        (("max-length = 99\nlearning-rate = 3e-3\n\n[[arms", "max-length = 999\n\n[[arms"), "max-length 999"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_before_it_does(
    study_data: Path, tiny_encoder: Path, tmp_path: Path, change: tuple[str, str], said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import re

    file, folder = write_study(tmp_path, study_data, tiny_encoder, change), tmp_path / "s"
    assert call(["study", "run", str(file), "-o", str(folder)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert re.search(said, lines[-1]), lines[-1]
    assert not folder.exists()


def test_languages_left_out(study: Callable[..., Study]) -> None:
    # Of the languages of the card, all but those two have no file here.
    from xtremor.tasks.cards import card

    without = [f'"-{code}"' for code in card("panx").languages if code not in ("en", "sw")]
    plan = make_plan(study(('["en", "sw"]', f"[{', '.join(without)}]")))
    scored = next(stage for stage in plan.stages.values() if stage.kind == EVALUATION)
    assert scored.config["languages"] == ["en", "sw"]
    assert set(plan.stages) == set(make_plan(study()).stages), "said in another way, it is the same stage"


def test_precision_of_scoring_is_part_of_an_evaluation_alone(study: Callable[..., Study]) -> None:
    """And a plan that says nothing of it has the hash that it had before there was a choice."""
    plan, same = make_plan(study()), make_plan(study(("limit = 6", 'limit = 6\nscoring-precision = "fp32"')))
    assert plan.digest == same.digest and "scoring_precision" not in plan.design["targets"][0]
    other = make_plan(study(("limit = 6", 'limit = 6\nscoring-precision = "bf16"')))
    assert other.digest != plan.digest
    changed = {other.stages[key].kind for key in set(other.stages) - set(plan.stages)}
    assert changed == {EVALUATION}
    assert {stage.config.get("precision") for stage in other.stages.values() if stage.kind == EVALUATION} == {"bf16"}
    with pytest.raises(UserError, match="scoring-precision of panx: unknown value 'fp61'"):
        study(("limit = 6", 'scoring-precision = "fp61"'))


def test_a_frozen_plan_is_kept_or_its_changes_are_named(study: Callable[..., Study], tmp_path: Path) -> None:
    folder, plan = StudyFolder(tmp_path / "s"), make_plan(study())
    folder.write(plan, "text")
    plan = folder.read()
    assert not verdict(folder, plan).frozen
    assert freeze(folder, plan).kept and freeze(folder, plan).hash == plan.digest
    assert "and kept" in verdict(folder, plan).sentence()
    # Where it runs and what is kept of it is nobody's promise.
    assert verdict(folder, make_plan(replace(study(), about="x"))).kept
    other = make_plan(study(("seeds = 2", "seeds = 3"), ('control = "standard"', 'control = "none"')))
    folder.write(other, "text")
    found = verdict(folder, folder.read())
    assert not found.kept and any("contrasts" in change and "none now" in change for change in found.changes)
    assert any("seeds.stage1" in change for change in found.changes)
    assert "and not kept: " in found.sentence()
    with pytest.raises(UserError, match="a frozen plan is not replaced"):
        freeze(folder, folder.read())


def test_other_data_is_another_plan(study: Callable[..., Study], study_data: Path, tmp_path: Path) -> None:
    import shutil

    folder, plan = StudyFolder(tmp_path / "s"), make_plan(study())
    folder.write(plan, "text")
    freeze(folder, plan)
    shutil.copytree(study_data, tmp_path / "data")
    path = tmp_path / "data" / "panx" / "test-sw.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("ba", "fo"), encoding="utf-8")
    found = verdict(folder, make_plan(replace(study(), data=str(tmp_path / "data"))))
    assert found.changes == ("data, encoder or xtremor changed: 6 of 16 stages are not those that were frozen",)


def test_plans_of_other_versions_and_other_folders_are_refused(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "s")
    with pytest.raises(UserError, match="is no study folder"):
        folder.read()
    folder.path.mkdir()
    folder.plan.write_text('{"format": 9}')
    with pytest.raises(UserError, match="a plan of format 9, this version of xtremor reads 1; plan again"):
        folder.read()


def test_time_left_is_judged_by_like_stages(study: Callable[..., Study]) -> None:
    plan = make_plan(study())
    states = dict.fromkeys(plan.stages, "waiting")
    assert seconds_left(plan, states, {}) is None
    facts = {}
    for key, stage in plan.stages.items():
        if stage.name.endswith("seed 1") or "seed 1," in stage.name:
            states[key] = "finished"
            facts[key] = {"process": stage.size.work * {INTERMEDIATE: 1.0, TARGET: 2.0, EVALUATION: 3.0}[stage.kind]}
    left = [stage for key, stage in plan.stages.items() if states[key] != "finished"]
    assert len(left) == 8
    wanted = sum(stage.size.work * {INTERMEDIATE: 1.0, TARGET: 2.0, EVALUATION: 3.0}[stage.kind] for stage in left)
    assert seconds_left(plan, states, facts) == pytest.approx(wanted)


def test_the_smallest_effect_is_that_of_the_simulation() -> None:
    """Simulated elsewhere, 8 languages, standard deviations 0.4 and 0.6: the points that 5, 10 and 20 seeds see."""
    for seeds, effect in ((5, 0.92), (10, 0.60), (20, 0.41)):
        found = smallest_effect(seeds, 0.4, 0.6, 8)
        assert found is not None and found == pytest.approx(effect, abs=0.006)
    assert smallest_effect(1, 0.4, 0.6, 8) is None


def test_a_rehearsal_is_small_and_keeps_the_graph(study: Callable[..., Study]) -> None:
    plan = make_plan(scaled(study(("[[contrasts]]", MATCHED), ("seeds = 2", "seeds = 5")), "tiny"))
    assert kinds(plan) == {INTERMEDIATE: 6, TARGET: 8, EVALUATION: 8}
    for stage in plan.stages.values():
        if stage.kind == EVALUATION:
            assert stage.config["limit"] == 4 and stage.config["languages"] == ["en", "sw"]
        else:
            assert stage.config["settings"]["train_rows"] == 16
    with pytest.raises(UserError, match="unknown scale 'small'"):
        scaled(study(), "small")

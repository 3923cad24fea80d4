"""A study from its file to its table: every stage once, failures apart from the rest, resumed as if never stopped."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.commands import call, finish, wait_for
from helpers.studies import Inline, drive, finished, write_study

from xtremor.study.driver import Driver, units_of
from xtremor.study.files import StudyFolder
from xtremor.study.locks import running
from xtremor.study.planning import make_plan
from xtremor.study.reading import read_study
from xtremor.study.results import results
from xtremor.study.stage import Stage
from xtremor.study.store import Store

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
SCORES = ["system", "task", "language", "seed", "stage2_seed", "score"]


@pytest.fixture(scope="module")
def straight(
    tmp_path_factory: pytest.TempPathFactory, study_data: Path, tiny_encoder: Path
) -> Callable[[], tuple[Path, pl.DataFrame]]:
    """A study that was never stopped, run once: its folder (not to be written to) and its scores."""
    made: list[tuple[Path, pl.DataFrame]] = []

    def run() -> tuple[Path, pl.DataFrame]:
        if not made:
            home = tmp_path_factory.mktemp("straight")
            file, log = write_study(home, study_data, tiny_encoder), home / "log"
            process = drive(["study", "run", str(file), "-o", str(home / "s"), "--workers", "1"], log)
            assert finish(process, 600) == 0, log.read_text(encoding="utf-8")
            made.append((home / "s", results(StudyFolder(home / "s"))))
        return made[0]

    return run


def manifest(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {"warnings": (), **told}


def test_from_the_file_to_the_table(
    study_file: Path,
    tmp_path: Path,
    inline: Inline,
    capsys: Captured,
    straight: Callable[[], tuple[Path, pl.DataFrame]],
) -> None:
    folder = tmp_path / "s"
    assert call(["study", "run", str(study_file), "-o", str(folder)]) == 0
    # Four of the first stage, then three arms with two seeds; a target and its scores are one run.
    assert inline.started[:4] == [f"xnli, {arm}, seed {seed}" for arm in ("standard", "freelb-2") for seed in (1, 2)]
    assert len(inline.started) == 10 and "panx, freelb-2 after xnli, seed 2" in inline.started
    assert len(finished(folder)) == 16 and not list((folder / "store" / "locks").iterdir())
    assert not list((folder / "store" / "work").iterdir())
    assert not list(folder.glob("store/stages/*/model")), "nothing is left that reads a model"
    said = capsys.readouterr().err
    doubts = {each["name"]: each["warnings"] for each in map(manifest, folder.glob("store/stages/*/stage.json"))}
    assert any(doubts.values()), "16 rows teach nothing"
    assert all(f"warning: {name}: {each}\n" in said for name, own in doubts.items() for each in own or ())
    assert call(["results", str(folder), "--output", str(tmp_path / "all.csv")]) == 0
    table = pl.read_csv(tmp_path / "all.csv")
    assert table.columns[:6] == SCORES
    assert table.height == 3 * 2 * 2 and set(table["language"]) == {"en", "sw"}
    assert table.filter(system="freelb-2")["passes"].to_list() == [1.0] * 4
    # Workers of their own come to the same scores as those in this process.
    assert table.select(SCORES).equals(straight()[1].select(SCORES))
    # Predictions are enough for any score, and the records name no place of this machine.
    for path in folder.glob("store/stages/*/predictions.parquet"):
        assert pl.read_parquet(path).height == 12
    cells = json.loads((folder / "plan.json").read_text())["cells"]
    record = json.loads((folder / "store" / "stages" / cells[-1]["target"] / "run.json").read_text())
    assert record["lineage"]["stages"][0]["folder"] == cells[-1]["stage1"]
    assert record["encoder"]["boundary"]["equal"] > 30 and str(tmp_path) not in json.dumps(record)
    # Asked again, nothing is to do.
    before, inline.started = finished(folder), []
    assert call(["study", "run", str(study_file), "-o", str(folder)]) == 0
    assert inline.started == [] and finished(folder) == before
    capsys.readouterr()
    assert call(["study", "status", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "tiny: 16 of 16 stages finished" in said and "target: 6 finished" in said and "never frozen" in said
    assert call(["study", "watch", str(folder)]) == 0 and call(["study", "verify", str(folder)]) == 0
    assert "16 finished stages are as they were stored" in capsys.readouterr().out


def test_changing_one_arm_runs_that_arm(
    straight: Callable[[], tuple[Path, pl.DataFrame]],
    study_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    inline: Inline,
    capsys: Captured,
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(straight()[0], folder)
    before = finished(folder)
    file = write_study(
        tmp_path, study_data, tiny_encoder, ('method = "freelb-2" }', 'method = "freelb-2", radius = 0.01 }')
    )
    assert call(["study", "plan", str(file), "-o", str(folder), "--no-probe"]) == 0
    said = capsys.readouterr().out
    assert "intermediate: 4 stages, 2 in the store" in said and "target: 6 stages, 4 in the store" in said
    assert "judged" in said or "from the speed of finished stages" in said
    assert call(["study", "run", str(file), "-o", str(folder)]) == 0
    assert inline.started == [
        "xnli, freelb-2, seed 1", "xnli, freelb-2, seed 2", "panx, freelb-2 after xnli, seed 1",
        "panx, freelb-2 after xnli, seed 2",
    ]  # fmt: skip
    assert before.items() <= finished(folder).items()


def test_a_new_target_needs_the_first_stage_again_only_where_its_model_was_dropped(
    straight: Callable[[], tuple[Path, pl.DataFrame]],
    study_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    inline: Inline,
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(straight()[0], folder)
    more = '[[targets]]\ntask = "xnli"\nlanguages = ["sw"]\nlimit = 6\n\n[[contrasts]]'
    file = write_study(tmp_path, study_data, tiny_encoder, ("[[contrasts]]", more))
    assert call(["study", "run", str(file), "-o", str(folder)]) == 0
    assert [name for name in inline.started if not name.startswith("xnli, none")] == [
        *(f"xnli, {arm}, seed {seed}" for arm in ("standard", "freelb-2") for seed in (1, 2)),
        *(f"xnli, {arm} after xnli, seed {seed}" for arm in ("standard", "freelb-2") for seed in (1, 2)),
    ]
    table = results(StudyFolder(folder))
    assert table.filter(task="panx").select(SCORES).equals(straight()[1].select(SCORES))
    assert table.filter(task="xnli").height == 6


def test_one_failure_is_told_and_tried_again_and_the_rest_goes_on(
    study_file: Path, tmp_path: Path, inline: Inline, capsys: Captured
) -> None:
    folder, lost = tmp_path / "s", "xnli, freelb-2, seed 1"
    inline.failing = {lost: 2, "panx, none, seed 2": 1}
    command = ["study", "run", str(study_file), "-o", str(folder)]
    assert call(command) == 3
    said = capsys.readouterr().err
    assert f"error: 1 of 10 runs failed: {lost}: it was ended by signal 9" in said
    assert (
        "1 more wait for what failed" in said and "panx, none, seed 2: it was ended by signal 9; trying again" in said
    )
    assert inline.started.count(lost) == 2 and len(finished(folder)) == 16 - 3
    assert call(["study", "status", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"failed: {lost}: it was ended by signal 9" in said and "intermediate: 3 finished, 1 failed" in said
    inline.started = []
    assert call(["study", "resume", str(folder)]) == 0
    assert inline.started == [lost, "panx, freelb-2 after xnli, seed 1"]


def test_what_was_edited_stops_what_builds_on_it(
    straight: Callable[[], tuple[Path, pl.DataFrame]], tmp_path: Path, inline: Inline, capsys: Captured
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(straight()[0], folder)
    cell = StudyFolder(folder).read().cells[0]
    path = folder / "store" / "stages" / cell.evaluation / "scores.json"
    path.write_text(path.read_text().replace('"score": ', '"score": 1'))
    for command in (["results", str(folder)], ["study", "resume", str(folder)], ["study", "verify", str(folder)]):
        assert call(command) == 2
        assert "stage 'panx, none, seed 1, scored on test': scores.json was edited" in capsys.readouterr().err
    assert inline.started == []


def test_data_that_changed_after_planning_is_noticed(
    study_data: Path, tiny_encoder: Path, tmp_path: Path, inline: Inline, capsys: Captured
) -> None:
    data = tmp_path / "data"
    shutil.copytree(study_data, data)
    file, folder = write_study(tmp_path, data, tiny_encoder), tmp_path / "s"
    assert call(["study", "plan", str(file), "-o", str(folder), "--no-probe"]) == 0
    before = StudyFolder(folder).read()
    for name in ("xnli/train-en.tsv", "panx/test-sw.tsv"):
        path = data / name
        path.write_text(path.read_text(encoding="utf-8").replace("ba", "fo"), encoding="utf-8")
    assert call(["study", "resume", str(folder), "--retries", "0"]) == 3
    assert "the data is not what it was when the study was planned" in capsys.readouterr().err
    assert call(["study", "plan", str(file), "-o", str(folder), "--no-probe"]) == 0
    after = StudyFolder(folder).read()
    kinds = {stage.kind for key, stage in after.stages.items() if key in before.stages}
    # The targets without a first stage are trained on what they were.
    assert kinds == {"target"} and len(set(after.stages) & set(before.stages)) == 2


def test_a_busy_stage_is_left_to_who_has_it(
    study_file: Path, tmp_path: Path, inline: Inline, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Another machine holds a stage at first; then it is gone."""
    from xtremor.study import locks

    folder = tmp_path / "s"
    assert call(["study", "plan", str(study_file), "-o", str(folder), "--no-probe"]) == 0
    key = next(iter(StudyFolder(folder).read().stages))
    held = folder / "store" / "locks" / f"{key}.other"
    held.write_text(json.dumps({**locks.whoami(), "machine": "another", "host": "node7"}))
    capsys.readouterr()
    assert call(["study", "status", str(folder)]) == 0
    assert "running: xnli, standard, seed 1 (node7, process" in capsys.readouterr().out
    seen: list[int] = []
    start = inline.start

    def watched(unit: Any, command: Any) -> None:
        if unit.keys[0] == key:
            seen.append(1)
            if len(seen) == 3:
                held.unlink()
        start(unit, command)

    monkeypatch.setattr(inline, "start", watched)
    assert call(["study", "resume", str(folder)]) == 0
    assert len(seen) == 3 and len(finished(folder)) == 16


def killed_again_and_again(
    straight: tuple[Path, pl.DataFrame], data: Path, encoder: Path, home: Path, kills: int, seed: int
) -> None:
    """Kill driver and workers with -9 at random moments; what was finished stays as it is, and the scores are those."""
    file, folder, log = write_study(home, data, encoder), home / "s", home / "log"
    command = ["study", "run", str(file), "-o", str(folder), "--workers", "2", "--checkpoint-seconds", "0"]
    draw, seen, done = random.Random(seed), dict[str, Any](), 0
    for number in range(kills):
        process = drive(command, log)
        begun = len(finished(folder))
        # From the first plan to the last table: half of the moments lie shortly after a stage was finished.
        wait_for(lambda: not process.is_alive() or (folder / "plan.json").exists(), 300)  # noqa: B023
        if draw.random() < 0.5:
            wait_for(lambda: not process.is_alive() or len(finished(folder)) > begun, 300)  # noqa: B023
        # The first at once: on a fast machine the whole rest may take less than the longest of these.
        process.join(draw.random() * (1.5 if number else 0))
        process.kill()
        code = finish(process, 60)
        now = finished(folder)
        assert seen.items() <= now.items(), "a finished stage was run again"
        seen = now
        done += code != 0
        if code == 0:
            break
    process = drive(command, log)
    assert finish(process, 600) == 0, log.read_text(encoding="utf-8")
    assert done > 0 and seen.items() <= finished(folder).items()
    assert results(StudyFolder(folder)).select(SCORES).equals(straight[1].select(SCORES))
    assert {path.name for path in (folder / "store" / "stages").iterdir()} == set(finished(straight[0]))
    assert not list((folder / "store" / "work").iterdir()) and not list((folder / "store" / "locks").iterdir())
    assert call(["study", "verify", str(folder)]) == 0


def test_killed_at_random_moments(
    straight: Callable[[], tuple[Path, pl.DataFrame]], study_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    killed_again_and_again(straight(), study_data, tiny_encoder, tmp_path, 3, 1)


def _trainings(folder: Path, system: str) -> list[Stage]:
    plan = StudyFolder(folder).read()
    cells = [cell for cell in plan.cells if cell.system == system]
    return [plan.stages[key] for cell in cells for key in (cell.stage1, cell.target) if key is not None]


def test_compare_takes_a_study(straight: Callable[[], tuple[Path, pl.DataFrame]]) -> None:
    from xtremor.compare.folders import load

    folder, table = straight()
    loaded = load([folder])
    found = {
        (system, test.task, test.language, seed): score
        for system, seeds in loaded.table.scores.items()
        for seed, scores in seeds.items()
        for test, score in scores.items()
    }
    means = table.group_by("system", "task", "language", "seed").agg(pl.col("score").mean())
    wanted = {(system, task, language, str(seed)): score for system, task, language, seed, score in means.rows()}
    assert found == pytest.approx(wanted) and loaded.items.keys() == set(table["task"])
    # What says of itself that it learnt nothing is no difference between methods.
    doubtful = {each["name"] for each in map(manifest, folder.glob("store/stages/*/stage.json")) if each["warnings"]}
    assert doubtful and all(any(name in note for name in doubtful) for note in loaded.notes)
    assert len(loaded.notes) == sum(
        any(stage.name in doubtful for stage in _trainings(folder, system)) for system in set(table["system"])
    )


def test_ctrl_c_stops_everybody_and_the_same_command_goes_on(
    straight: Callable[[], tuple[Path, pl.DataFrame]], study_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    file, folder, log = write_study(tmp_path, study_data, tiny_encoder), tmp_path / "s", tmp_path / "log"
    command = ["study", "run", str(file), "-o", str(folder), "--workers", "2"]
    process = drive(command, log)
    # Both are at work, and the driver is not just forking one.
    wait_for(lambda: len(list((folder / "store" / "locks").glob("*.*"))) == 2, 300)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert finish(process, 120) == 130, log.read_text(encoding="utf-8")
    # Nobody is left at work, as far as anybody can tell from the locks.
    assert running(folder / "store" / "locks") == {} and log.read_text(encoding="utf-8").endswith("stopped\n")
    process = drive(command, log)
    assert finish(process, 600) == 0, log.read_text(encoding="utf-8")
    assert results(StudyFolder(folder)).select(SCORES).equals(straight()[1].select(SCORES))


@pytest.mark.slow
def test_killed_at_twenty_random_moments(
    straight: Callable[[], tuple[Path, pl.DataFrame]], study_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    killed_again_and_again(straight(), study_data, tiny_encoder, tmp_path, 20, 2)


def test_killed_around_every_renaming(
    straight: Callable[[], tuple[Path, pl.DataFrame]], study_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Workers kill themselves as files of theirs appear; the driver tries again."""
    file, folder, log = write_study(tmp_path, study_data, tiny_encoder), tmp_path / "s", tmp_path / "log"
    kills = {
        1: ("config.json", 1, "after"), 2: ("checkpoint.safetensors", 2, "before"), 3: ("run.json", 1, "before"),
        4: ("stage.json", 1, "before"), 5: ("stage.json", 1, "after"), 7: ("model", 1, "after"),
    }  # fmt: skip
    command = ["study", "run", str(file), "-o", str(folder), "--workers", "1", "--retries", "9"]
    process = drive([*command, "--checkpoint-seconds", "0"], log, kills)
    assert finish(process, 600) == 0, log.read_text(encoding="utf-8")
    assert log.read_text(encoding="utf-8").count("it was ended by signal 9") == len(kills)
    assert results(StudyFolder(folder)).select(SCORES).equals(straight()[1].select(SCORES))


def test_claims_and_threats_of_real_runs(
    straight: Callable[[], tuple[Path, pl.DataFrame]], tmp_path: Path, capsys: Captured
) -> None:
    from xtremor.study.claims import verdicts
    from xtremor.study.review import threats

    folder, table = straight()
    ledger = tmp_path / "claims.toml"
    ledger.write_text(
        '[[claims]]\nname = "gain"\nkind = "gain"\nstatement = "s"\nsource = "we"\n'
        'treatment = { stage1 = "adversarial" }\ncontrol = { stage1 = "plain" }\n',
        encoding="utf-8",
    )
    (found,) = verdicts(StudyFolder(folder), ledger)
    assert (found.treatment, found.control) == ("freelb-2", "standard")
    means = [table.filter(system=name, language="sw")["score"].mean() for name in ("freelb-2", "standard")]
    assert found.effect == pytest.approx(means[0] - means[1])  # type: ignore[operator]
    named = {(each.kind, each.where) for each in threats(StudyFolder(folder))}
    # FreeLB-2 makes twice plain's passes in the first stage, 24 rows before 16 of the target: (48 + 16) / (24 + 16).
    (compute,) = (each for each in threats(StudyFolder(folder)) if each.kind == "compute")
    assert "counted in the records" in compute.detail and 1.3 < float(compute.detail.split()[2]) < 2
    assert {("plan", "the plan"), ("seeds", "freelb-2 against standard"), ("tiny", "panx")} <= named
    assert not {"edited", "environment", "versions", "missing", "early"} & {kind for kind, _ in named}
    assert call(["study", "claims", str(folder)]) == 0 and call(["review", str(folder)]) == 0
    assert "13 verdicts" in capsys.readouterr().out


def test_a_scoring_under_way_counts_by_what_its_log_says(study_file: Path, tmp_path: Path, inline: Inline) -> None:
    plan = make_plan(read_study(study_file))
    folder = StudyFolder(tmp_path / "s")
    driver = Driver(plan, folder, Store(tmp_path / "store").open(make=True), inline)
    unit = next(unit for unit in units_of(plan) if len(unit.keys) == 2)
    log = driver.log(unit.keys[1])
    log.write_text("scoring panx in 2 languages: 50%, 3s left\n", encoding="utf-8")
    assert driver._share(unit) == 0.0, "nobody is at it"
    driver.running[unit] = log.stat().st_mtime - 1.0
    assert driver._share(unit) == 0.5 * plan.stages[unit.keys[1]].size.work / unit.work > 0.0
    driver.running[unit] = log.stat().st_mtime + 1.0
    assert driver._share(unit) == 0.0, "an attempt before this one said it"

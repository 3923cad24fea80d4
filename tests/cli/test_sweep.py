"""``xtremor sweep``: small real runs, resumed without doing anything twice, chosen without a look at the targets."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from helpers import official
from helpers.commands import call, read_json
from helpers.tiny import write_mlqa, write_xnli

from xtremor.cli.app import app
from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, TrainOptions
from xtremor.launch import Job
from xtremor.report.collect import collect
from xtremor.robust.methods.base import Method
from xtremor.robust.registry import make
from xtremor.sweep import timing
from xtremor.sweep.plan import Sweep, plan
from xtremor.sweep.space import parse_axes
from xtremor.tasks.cards import card

Captured = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "LEAST_SECONDS", 0.01)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "data"
    write_xnli(folder, train=24, scored=6, languages=("en", "sw", "de"))
    return folder


def command(data: Path, encoder: Path, output: Path, *more: str) -> list[str]:
    stated = {
        "--task": "xnli", "--data": str(data), "--encoder": str(encoder), "--output": str(output),
        "--languages": "en,sw,de", "--epochs": "1", "--batch-size": "8", "--learning-rate": "1e-2", "--workers": "1",
        "--threads": "1", "--methods": "plain,pgd", "--radius": "0.01,0.1",
    }  # fmt: skip
    kept = [word for pair in stated.items() if pair[0] not in more for word in pair if pair[1]]
    return ["sweep", *kept, *more]


@pytest.fixture(scope="module")
def finished(data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole sweep, whose runs were made by real workers; not to be written to."""
    output = tmp_path_factory.mktemp("finished") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr(timing, "LEAST_SECONDS", 0.01)
        from helpers.commands import Forked

        from xtremor import launch

        def begin(job: Job, logs: Path) -> Forked:
            return Forked(list(job.arguments), launch._log(job, logs), None)

        patch.setattr(launch, "_start", begin)
        patch.setattr(launch, "POLL_SECONDS", 0.02)
        assert call(command(data, tiny_encoder, output, "--seeds", "2")) == 0
    return output


RUNS = [
    "pgd-1-r0.01-seed1", "pgd-1-r0.01-seed2", "pgd-1-r0.1-seed1", "pgd-1-r0.1-seed2",
    "plain-seed1", "plain-seed2", "plain-seed3", "plain-seed4",
]  # fmt: skip


def test_every_trial_is_an_ordinary_run(finished: Path) -> None:
    assert sorted(path.name for path in (finished / "runs").iterdir()) == RUNS
    record = read_json(finished / "sweep.json")
    assert [(each["method"], each["trial"], each["seeds"], each["repeats"]) for each in record["trials"]] == [
        ("plain", 1, [1, 2], None), ("pgd", 1, [1, 2], None), ("plain", 2, [3, 4], 1), ("pgd", 2, [1, 2], None),
    ]  # fmt: skip
    for trial in record["trials"]:
        for name, dev, targets in zip(
            trial["runs"], trial["english_dev"]["values"], trial["targets"]["values"], strict=True
        ):
            run = finished / "runs" / name
            assert read_json(run / "run.json")["english_dev"]["score"] == dev
            assert read_json(run / "scores.json")["average_without_english"] == pytest.approx(targets)
            sw = read_json(run / "scores.json")["languages"]["sw"]["score"]
            assert sw in [pytest.approx(value) for value in trial["low_resource"]["values"]]
            assert read_json(run / "run.json")["method"].get("radius") == trial["radius"]
    assert [each["training_cost"] for each in record["trials"]] == pytest.approx([2, 10 / 3, 2, 10 / 3])
    assert record["expected_best_english_dev"].keys() == {"plain", "pgd"}
    # Plain has nothing to choose from but itself, though its repeat may have been luckier.
    assert record["chosen"]["plain"] == 1


def test_the_page_and_a_report_of_the_chosen_trials(finished: Path, tmp_path: Path, capsys: Captured) -> None:
    page = (finished / "report" / "index.html").read_text(encoding="utf-8")
    assert "never used for the choice" in page and "dose-english_dev" in page and "chosen/index.html" in page
    assert {path.name for path in (finished / "report").iterdir()} == {
        "index.html", "chosen", "english_dev.png", "targets.png", "low_resource.png", "expected-best.png",
    }  # fmt: skip
    assert call(["report", str(finished), "--output", str(tmp_path / "report")]) == 0
    record = read_json(finished / "sweep.json")
    chosen = record["trials"][[each["trial"] for each in record["trials"]].index(record["chosen"]["pgd"]) + 1]
    runs = collect([finished])
    assert {run.folder.name for run in runs.runs} == {"plain-seed1", "plain-seed2", *chosen["runs"]}
    assert any("only the trial of each method is here that English dev chose" in notice for notice in runs.notices)
    assert len(collect([finished / "runs"]).runs) == len(RUNS)


def test_the_choice_does_not_look_at_targets(
    finished: Path, data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any]
) -> None:
    """Scores of targets are turned upside down on disk: what was chosen stays, what is called an oracle moves."""
    output = tmp_path / "sweep"
    shutil.copytree(finished, output)
    before = read_json(output / "sweep.json")
    oracle = before["never_used_for_choice"]["pgd"]
    for path in (output / "runs").glob("*/scores.json"):
        scores = read_json(path)
        for code, cell in scores["languages"].items():
            cell["score"] = 100 - cell["score"] if code != "en" else cell["score"]
        path.write_text(json.dumps(scores), encoding="utf-8")
    assert call(command(data, tiny_encoder, output, "--seeds", "2")) == 0
    after = read_json(output / "sweep.json")
    assert after["chosen"] == before["chosen"]
    assert after["expected_best_english_dev"] == before["expected_best_english_dev"]
    means = [each["targets"]["mean"] for each in after["trials"] if each["method"] == "pgd"]
    assert means == pytest.approx([100 - each["targets"]["mean"] for each in before["trials"] if each["radius"]])
    turned = after["never_used_for_choice"]["pgd"]
    assert turned["oracle_targets"] == max(means) and turned["oracle_gap"] >= 0 <= oracle["oracle_gap"]
    assert len(set(means)) == 1 or turned["oracle_trial"] != oracle["oracle_trial"]


def test_killed_it_goes_on_and_trains_nothing_twice(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    output = tmp_path / "sweep"
    arguments = command(data, tiny_encoder, output, "--no-targets", "--languages", "")
    arguments = [word for word in arguments if word not in ("--languages", "")]
    workers["kill"] = {"plain-seed2": ("run.json", 1, "before")}
    assert call(arguments) == 2
    assert f"plain-seed2: it was ended by signal {signal.SIGKILL.value}" in capsys.readouterr().err
    assert not (output / "sweep.json").exists()
    done = ["plain-seed1", "pgd-1-r0.01-seed1"]
    logs = {name: (output / "runs" / name / "log.jsonl").stat().st_mtime_ns for name in done}
    workers["kill"], workers["started"] = {}, []
    assert call(arguments) == 0
    assert workers["started"] == [*done, "plain-seed2", "pgd-1-r0.1-seed1"]
    assert all((output / "runs" / name / "log.jsonl").stat().st_mtime_ns == then for name, then in logs.items())
    record = read_json(output / "sweep.json")
    assert record["trials"][0]["targets"] is None and record["never_used_for_choice"] == {"plain": None, "pgd": None}
    assert not (output / "runs" / "plain-seed1" / "scores.json").exists()
    page = (output / "report" / "index.html").read_text(encoding="utf-8")
    assert "Oracle" not in page and not (output / "report" / "chosen").exists()
    workers["started"] = []
    assert call([*arguments, "--warmup", "0.3"]) == 2
    assert "holds a run of another configuration (settings.warmup: 0.1 there, 0.3 here)" in capsys.readouterr().err
    assert workers["started"] == []


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    assert call(command(data, tiny_encoder, tmp_path / "out", "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "xnli: 2 trials a method x 1 seed = 4 runs, a full grid of radius 0.01, 0.1" in said
    assert "plain: the cost of 2.0 plain trainings" in said and "pgd: the cost of 3.3 plain trainings" in said
    assert "2. as it is; seed 2; repeats 1, to see what seeds do" in said and "time: about" in said
    assert workers["started"] == [] and not (tmp_path / "out").exists()


def sweep_of(data: Path, encoder: Path, listed: dict[str, str], **changes: Any) -> Sweep:
    stated: dict[str, Any] = {
        "methods": ("plain", "noise", "pgd"), "axes": parse_axes(listed, changes.get("trials") is not None), "seeds": 1,
        "trials": None, "draw_seed": 0, "task": TaskOptions("xnli", data), "ball": BallOptions(absolute=True),
        "recipe": TrainOptions(str(encoder), freeze_embeddings=True), "scoring": ScoringOptions(languages="en,sw"),
    }  # fmt: skip
    return Sweep(**{**stated, **changes})


def bound(job: Job) -> dict[str, Any]:
    return app.parse_args(list(job.arguments), exit_on_error=False, print_error=False)[1].arguments


def test_jobs_say_what_the_trial_is(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """Constants reach who reads them, values of the grid their trial, and every folder has one configuration."""
    listed = {
        "radius": "0.01,0.1", "steps": "2", "draws": "3", "epochs": "2", "learning_rate": "1e-3,1e-2", "l2_sp": "0.1",
        "norm": "linf",
    }  # fmt: skip
    planned = plan(sweep_of(data, tiny_encoder, listed), tmp_path)
    assert len(planned) == 3 * 4 and len({run.folder for each in planned for run in each.runs}) == 12
    for each in planned:
        (run,) = each.runs
        found, point = bound(run.job), dict(each.trial.point)
        ball = found.get("ball", BallOptions())
        method: Method = found["method"].settings(ball) if "method" in found else make("plain")
        settings = found["recipe"].settings(card("xnli"), method, found["seed"])
        assert settings == each.settings and found["output"] == run.folder
        assert (settings.epochs, settings.controls.l2_sp, settings.freeze_embeddings) == (2.0, 0.1, True)
        assert settings.learning_rate == point["learning_rate"]
        assert method.name == each.trial.method
        if method.name == "plain":
            assert ball == BallOptions()
        else:
            assert (method.radius, method.norm, method.relative) == (point["radius"], "linf", False)
            own = (getattr(method, "steps", None), getattr(method, "draws", 1))
            assert own == {"pgd": (2, 1), "noise": (None, 3)}[method.name]
        assert found["scoring"] == ScoringOptions(languages="en,sw") and found["evaluate"]
    names = [each.runs[0].folder.name for each in planned if each.trial.method == "plain"]
    assert names[:2] == ["plain-l2sp0.1-learning-rate-0.001-seed1", "plain-l2sp0.1-learning-rate-0.01-seed1"]


def test_work_counts_passes_and_epochs(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    listed = {"epochs": "1,2", "radius": "0.01"}
    planned = plan(sweep_of(data, tiny_encoder, listed, methods=("plain", "pgd")), tmp_path)
    one, pgd, two, pgd_two = (each.training for each in planned)
    assert (two, pgd, pgd_two) == pytest.approx((2 * one, one * 5 / 3, one * 10 / 3))
    assert len({each.scoring for each in planned}) == 1 and planned[0].scoring > 0
    free = plan(sweep_of(data, tiny_encoder, listed, methods=("plain", "pgd"), scoring=None), tmp_path)
    assert {each.scoring for each in free} == {0.0}


def test_random_draws_are_the_same_again(data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    listed = {"radius": "0.001..0.1", "learning_rate": "1e-4..1e-2"}
    first, again = (plan(sweep_of(data, tiny_encoder, listed, trials=3), tmp_path) for _ in range(2))
    assert [each.trial for each in first] == [each.trial for each in again] and len(first) == 9
    assert [each.trial.seeds for each in first] == [(1,)] * 3 + [(2,)] * 3 + [(3,)] * 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--radius", "0.01"], "nothing is swept: name several values of a setting"),
        (["--radius", "0.01,x"], "--radius: 'x' is not a number"),
        (["--radius", "0.01,-1"], "--radius must be a number of at least 0, not -1"),
        (["--radius", "0.01..1"], "name the number of draws with --trials N"),
        (["--trials", "0"], "--trials must be at least 1, not 0"),
        (["--seeds", "0"], "--seeds must be at least 1, not 0"),
        (["--methods", "plain"], "--radius means nothing to any of the methods plain"),
        (["--methods", "plain,pdg"], "unknown method 'pdg'"),
        (["--methods", "pgd,pgd-1"], "--methods names a method twice"),
        (["--methods", "pgd-2", "--steps", "1,2"], "--methods pgd-2 and --steps both state K"),
        (["--norm", "l2,l3"], "--norm 'l3' is none of l2, linf"),
        (["--learning-rate", "0.1,0"], "--learning-rate must be a number greater than 0, not 0"),
        (["--languages", "en,zz"], "--languages names 'zz', which is none of xnli's"),
        (["--languages", "zz"], "--languages names none of xnli's"),
        (["--no-targets"], "leave out --no-targets"),
        (["--max-length", "200"], "--max-length 200 is more than the 140 positions"),
        (["--encoder", "no/such/folder"], "encoder folder no/such/folder does not exist"),
        (["--task", "xnli,panx"], "which `xtremor train` alone takes"),
        (["--radius", "0.1,0.10000001"], "two trials differ by less than the six digits"),
        (["--batch-size", "8,x"], "--batch-size: 'x' is not a whole number"),
    ],
)
def test_what_is_refused_before_anything_starts(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured, more: list[str],
    message: str,
) -> None:  # fmt: skip
    assert call(command(data, tiny_encoder, tmp_path / "out", *more)) == 2
    said = capsys.readouterr().err.strip().split("\n")
    assert said[-1].startswith("error: ") and message in said[-1]
    assert workers["started"] == [] and not (tmp_path / "out").exists()


def test_a_task_without_english_dev_is_refused(
    data: Path, tiny_encoder: Path, tmp_path: Path, workers: dict[str, Any], capsys: Captured
) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "xnli" / "dev-en.tsv").unlink()
    assert call(command(tmp_path / "data", tiny_encoder, tmp_path / "out")) == 2
    assert "xnli has no English dev set that a run is checked on" in capsys.readouterr().err
    assert workers["started"] == [] and not (tmp_path / "out").exists()


def test_retrieval_is_refused(tiny_encoder: Path, tmp_path: Path, capsys: Captured) -> None:
    """Its dev is ranked among all candidates, which is no check at the end of a run."""
    write_mlqa(tmp_path)
    (tmp_path / "lareqa" / "xquad-r").mkdir(parents=True)
    for code in card("lareqa").languages:
        path = tmp_path / "lareqa" / "xquad-r" / f"{code}.json"
        path.write_text(official.squad(code, [[["q1"], ["q2"]]]), encoding="utf-8")
    assert call(command(tmp_path, tiny_encoder, tmp_path / "out", "--task", "lareqa", "--languages", "ar")) == 2
    assert "lareqa has no English dev set that a run is checked on" in capsys.readouterr().err

"""Trackers: they are told what log.jsonl says and no step twice, and no run depends on them."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import signal
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from helpers.commands import call, finish, read_json, start, train_command, wait_for
from helpers.studies import write_study
from helpers.tiny import write_panx, write_xnli
from safetensors.torch import load_file

from xtremor.chain import Chain, plan
from xtremor.cli.options import ScoringOptions
from xtremor.cli.recipe import BallOptions, StageOptions, TrainOptions
from xtremor.cli.tracking import TrackingOptions
from xtremor.errors import UserError
from xtremor.study.files import StudyFolder
from xtremor.tracking import names, tracking
from xtremor.tracking.base import Held, Place
from xtremor.tracking.tracking import Tracking, flat, identity_of

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
Series = dict[str, list[tuple[int, float]]]
OF_THE_LOG = ("loss", "gradient_norm", "tokens")


def events(folder: Path) -> Series:
    """Every scalar of TensorBoard's event files, in the order in which they were written."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found: Series = {}
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda each: each.stat().st_ctime_ns):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def metrics(run: Path) -> Series:
    """Every metric of the one run in MLflow's file store."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(run / "trackers" / "mlflow").absolute().as_uri())
    (experiment,) = [each for each in client.search_experiments() if each.name == "xtremor"]
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.data.params["method.name"] == "plain"
    return {
        tag: [(each.step, each.value) for each in client.get_metric_history(found.info.run_id, tag)]
        for tag in found.data.metrics
    }


def transactions(log: bytes) -> Iterator[bytes]:
    """The records of a log in the format of LevelDB: seven bytes of a header, then pieces in blocks."""
    at, block, record = 7, 32768, b""
    while at + 7 <= len(log):
        left = block - at % block
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", log, at + 4)
        record += log[at + 7 : at + 7 + length]
        at += 7 + length
        # Whole, first, middle, last.
        if kind in (1, 4):
            yield record
            record = b""


def history(run: Path) -> Series:
    """As `written`, when the process beside this one that writes it is done with its latest file."""

    def ended() -> bool:
        return bool(written(run)[1])

    wait_for(ended)
    return written(run)[0]


def written(run: Path) -> tuple[Series, bool]:
    """Every figure in the transaction logs of Weights & Biases, all of one run; whether the last one has its end."""
    from wandb.proto import wandb_internal_pb2

    found: Series = {}
    ended = False
    for path in sorted(run.glob("trackers/wandb/offline-run-*/run-*.wandb")):
        assert path.name == f"run-{identity_of(run)}.wandb"
        ended = False
        for data in transactions(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            ended = record.WhichOneof("record_type") == "exit"
            told = record.history.item
            items = {(each.key or "/".join(each.nested_key)): json.loads(each.value_json) for each in told}
            for tag, value in items.items():
                if tag != "update" and not tag.startswith("_"):
                    found.setdefault(tag, []).append((items["update"], value))
    return found, ended


def assert_told(found: Series, run: Path) -> None:
    """All that the run's own files say, each once, and nothing else."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    record, scores = read_json(run / "run.json"), read_json(run / "scores.json")
    last = record["counts"]["updates"]
    expected: Series = {tag: [(line["update"], line[tag]) for line in lines] for tag in OF_THE_LOG}
    expected["english_dev"] = [(last, record["english_dev"]["score"])]
    if "snapshots" in record:
        expected["snapshot_english_dev"] = [
            (each["update"], each["english_dev"]["score"]) for each in record["snapshots"]
        ]
    expected |= {f"score/{code}": [(last, cell["score"])] for code, cell in scores["languages"].items()}
    expected |= {name: [(last, scores[name])] for name in ("average", "average_without_english")}
    assert found.keys() == expected.keys()
    for tag, series in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in series], tag
        for (_, value), (_, told) in zip(found[tag], series, strict=True):
            assert math.isclose(value, told, rel_tol=1e-6), tag


OPTIONS = ("--snapshots", "2", "--evaluate", "--languages", "en,sw", "--checkpoint-seconds", "0")
READERS = {
    "tensorboard": lambda run: events(run / "trackers" / "tensorboard"),
    "mlflow": metrics,
    "wandb": history,
}


@pytest.fixture(autouse=True)
def no_service() -> Iterator[None]:
    """What wandb starts beside this process ends with the test: killable processes would be told to share it."""
    yield
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()
        os.environ.pop("WANDB_SERVICE", None)


def needs(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"needs the package {name}")


@pytest.mark.parametrize("name", READERS)
def test_a_tracker_has_what_the_log_says(
    name: str, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run = tmp_path / "run"
    command = train_command(tiny_data, tiny_encoder, run, *OPTIONS, "--tracker", name)
    assert call(command) == 0
    assert_told(READERS[name](run), run)
    # Nothing of the run depends on it.
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "silent", *OPTIONS)) == 0
    assert read_json(run / "config.json") == read_json(tmp_path / "silent" / "config.json")
    first, second = (load_file(each / "model" / "model.safetensors") for each in (run, tmp_path / "silent"))
    assert all(weight.equal(second[key]) for key, weight in first.items())
    assert not (tmp_path / "silent" / "trackers").exists() and not (tmp_path / "home").exists()
    # Asked again, a finished run tells nothing twice; a tracker that is new to it is told all.
    assert call(command) == 0
    assert_told(READERS[name](run), run)
    assert call([*train_command(tiny_data, tiny_encoder, tmp_path / "silent", *OPTIONS), "--tracker", name]) == 0
    assert_told(READERS[name](tmp_path / "silent"), tmp_path / "silent")


@pytest.mark.parametrize(
    "name", ["tensorboard", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mlflow", "wandb"))]
)
def test_killed_and_resumed_no_step_is_told_twice(
    name: str, tiny_data: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    """Killed after a checkpoint, and beyond one that lies behind what the tracker knows."""
    needs(name)
    run, log = tmp_path / "run", tmp_path / "log"
    often = train_command(tiny_data, tiny_encoder, run, *OPTIONS, "--tracker", name)
    seldom = [*often[:-4], "--checkpoint-seconds", "60", *often[-2:]]
    for command, moment in (
        (often, ("checkpoint.safetensors", 4, "after")),
        (seldom, ("000000012.safetensors", 1, "before")),
        (often, ("run.json", 1, "before")),
    ):
        assert finish(start(command, log, moment)) == -signal.SIGKILL, moment
    assert finish(start(often, log)) == 0, log.read_text(encoding="utf-8")
    assert log.read_text(encoding="utf-8").count("resuming after update") == 3
    assert_told(READERS[name](run), run)


def test_the_environment_names_another_place(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "boards"))
    for name in ("a", "b"):
        command = train_command(tiny_data, tiny_encoder, tmp_path / name, "--train-rows", "16")
        assert call([*command, "--tracker", "tensorboard"]) == 0
        assert os.listdir(tmp_path / name / "trackers") == ["id.json"]
    found = sorted(path.name for path in (tmp_path / "boards").iterdir())
    assert found == [f"{name}-{identity_of(tmp_path / name)}" for name in ("a", "b")]
    assert len(events(tmp_path / "boards" / found[0])["loss"]) == 2


class StandIn:
    """A stand-in for a tracker, which keeps in memory what it is told and fails when it is told to."""

    told: ClassVar[list[tuple[int, dict[str, float]]]] = []
    held_before: ClassVar[Held] = {}
    fails_at = -1
    ended: ClassVar[list[bool]] = []

    def __init__(self, place: Place) -> None:
        if StandIn.fails_at == 0:
            raise RuntimeError("no connection\nmore of it")

    def held(self) -> Held:
        return dict(StandIn.held_before)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if step == StandIn.fails_at:
            raise ConnectionError("the server is gone")
        StandIn.told.append((step, dict(figures)))

    def close(self, finished: bool) -> None:
        StandIn.ended.append(finished)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    """In the place of wandb's client, its package there or not."""
    monkeypatch.setitem(tracking.CLASSES, "wandb", ("standing", "StandIn"))
    module = type(sys)("xtremor.tracking.standing")
    module.StandIn = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xtremor.tracking.standing", module)
    monkeypatch.setattr(names.importlib.util, "find_spec", lambda name: object())
    StandIn.told, StandIn.ended, StandIn.held_before, StandIn.fails_at = [], [], {}, -1
    return StandIn


@pytest.mark.parametrize(("fails_at", "reason"), [(0, "no connection"), (5, "the server is gone")])
def test_one_that_fails_is_told_of_once_and_the_run_goes_on(
    fails_at: int, reason: str, stand_in: type[StandIn], tiny_data: Path, tiny_encoder: Path, tmp_path: Path,
    capsys: Captured,
) -> None:  # fmt: skip
    stand_in.fails_at = fails_at
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", "--tracker", "wandb,tensorboard")
    assert call(command) == 0
    said = capsys.readouterr().err
    assert said.count("the tracker wandb failed") == 1
    assert f"warning: the tracker wandb failed ({reason}); the run goes on without it" in said
    assert len(events(tmp_path / "run" / "trackers" / "tensorboard")["loss"]) == 12
    assert len(stand_in.told) == max(0, fails_at - 1)


def test_lines_behind_what_is_held_are_left_out_and_figures_that_changed_are_not(
    stand_in: type[StandIn], tmp_path: Path
) -> None:
    stand_in.held_before = {"loss": (3, 0.5), "average": (9, 50.0)}
    with Tracking(["wandb"]) as told:
        told.begin(tmp_path, {})
        told.catch_up([{"update": step, "loss": 1.0 / step, "task": "x"} for step in (2, 3, 4)])
        told.line({"update": 4, "loss": 0.1})
        told.line({"update": 5, "loss": math.nan, "phase": "linear probing"})
        told.scores({"languages": {"en+sw": {"score": 40.0}}, "average": 50.0, "average_without_english": None}, 9)
        told.scores({"languages": {}, "average": 51.0}, 9)
        told.scores({"languages": {}, "average": 51.0}, 9)
        told.figures(8, {"average": 1.0})
    assert stand_in.told == [(4, {"loss": 0.25}), (9, {"score/en-sw": 40.0}), (9, {"average": 51.0})]
    assert stand_in.ended == [True]
    with pytest.raises(RuntimeError), Tracking(["wandb"]) as told:
        told.begin(tmp_path, {})
        raise RuntimeError
    assert stand_in.ended == [True, False]


def test_random_resumes_give_the_series_once(stand_in: type[StandIn], tmp_path: Path) -> None:
    """Any sequence of runs, each from a checkpoint behind the last, with a tracker that loses its latest lines."""
    draw = random.Random(3)
    for _ in range(50):
        stand_in.told, kept, at = [], 0, 0
        while at < 30:
            steps = [step for step, _ in stand_in.told]
            stand_in.held_before = {"loss": (max(steps), 0.0)} if steps else {}
            with Tracking(["wandb"]) as told:
                told.begin(tmp_path, {})
                told.catch_up([{"update": step, "loss": float(step)} for step in range(1, kept + 1)])
                at = min(30, kept + draw.randint(1, 12))
                for step in range(kept + 1, at + 1):
                    told.line({"update": step, "loss": float(step)})
            kept = draw.randint(kept, at)
            if at < 30 and draw.random() < 0.5:
                # What it had not written yet when it was killed.
                del stand_in.told[len(stand_in.told) - draw.randint(0, min(3, len(stand_in.told))) :]
        assert [step for step, _ in stand_in.told] == list(range(1, 31))


def test_what_is_missing_is_said_before_any_work(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    train = train_command(tiny_data, tiny_encoder, tmp_path / "run")
    for named, said in (
        ("tensorbord", "--tracker: unknown tracker 'tensorbord' (nearest: tensorboard)"),
        (",", "--tracker names no tracker"),
        ("tensorboard,tensorboard", "--tracker: tensorboard is named more than once"),
    ):
        assert call([*train, "--tracker", named]) == 2
        assert said in capsys.readouterr().err
    monkeypatch.setattr(names.importlib.util, "find_spec", lambda name: None if name == "mlflow" else object())
    write_xnli(tmp_path / "data", train=48, scored=6, languages=("en", "sw"))
    write_panx(tmp_path / "data", train=16, languages=("en", "sw"))
    trackers = ("seeds = 2", 'seeds = 2\ntrackers = ["mlflow"]')
    file = write_study(tmp_path, tmp_path / "data", tiny_encoder, trackers)
    common = ["--data", str(tmp_path / "data"), "--encoder", str(tiny_encoder), "--tracker", "mlflow"]
    for command in (
        [*train, "--tracker", "mlflow"],
        ["chain", "--intermediate", "xnli", "--targets", "panx", "-o", str(tmp_path / "chain"), *common],
        ["sweep", "--task", "xnli", "--learning-rate", "0.1,0.2", "-o", str(tmp_path / "sweep"), *common],
        ["study", "run", str(file), "-o", str(tmp_path / "study")],
    ):
        assert call(command) == 2
        said = capsys.readouterr().err
        assert "mlflow needs the package mlflow; install it with: pip install 'xtremor[mlflow]'" in said
        assert "Traceback" not in said
    assert not any((tmp_path / name).exists() for name in ("run", "chain", "sweep"))
    assert not list((tmp_path / "study").glob("store/work/*"))


def test_runs_of_a_chain_and_of_a_sweep_have_them(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    from xtremor.sweep.plan import Sweep
    from xtremor.sweep.plan import plan as plan_sweep
    from xtremor.sweep.space import Axis

    write_xnli(tmp_path / "data", languages=("en", "sw"))
    write_panx(tmp_path / "data", languages=("en", "sw"))
    recipe, scoring = TrainOptions(encoder=str(tiny_encoder)), ScoringOptions(languages="en,sw")
    chosen = TrackingOptions("tensorboard")
    chain = Chain(
        "xnli", ("panx",), tmp_path / "data", ("plain",), ("plain",), 1, True, BallOptions(), recipe, StageOptions(),
        scoring, tracking=chosen,
    )  # fmt: skip
    jobs = [each.job for each in plan(chain, tmp_path / "chain")]
    from xtremor.cli.options import TaskOptions

    axes = (Axis("learning_rate", (0.1, 0.2)),)
    sweep = Sweep(
        ("plain",), axes, 1, None, 0, TaskOptions("xnli", tmp_path / "data"), BallOptions(), recipe, None,
        tracking=chosen,
    )  # fmt: skip
    jobs += [run.job for trial in plan_sweep(sweep, tmp_path / "sweep") for run in trial.runs]
    assert len(jobs) == 5
    for job in jobs:
        at = job.arguments.index("--tracker")
        assert job.arguments[at + 1] == "tensorboard"


def test_stages_of_a_study_have_them_and_keep_their_keys(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    from helpers.studies import Inline

    from xtremor.study import driver, launchers

    inline: Any = Inline()
    monkeypatch.setattr(launchers, "make_launcher", lambda *_: inline)
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.0)
    write_xnli(tmp_path / "data", train=48, scored=6, languages=("en", "sw"))
    write_panx(tmp_path / "data", train=16, languages=("en", "sw"))
    arms = ('[[arms]]\nname = "standard"\nstage1 = { method = "plain" }\n', "")
    more = (arms, ('control = "standard"', 'control = "none"'), ("seeds = 2", "seeds = 1"))
    silent = write_study(tmp_path, tmp_path / "data", tiny_encoder, *more)
    assert call(["study", "plan", str(silent), "-o", str(tmp_path / "silent"), "--no-probe"]) == 0
    line = ("seeds = 1", 'seeds = 1\ntrackers = ["tensorboard"]')
    file = write_study(tmp_path, tmp_path / "data", tiny_encoder, *more, line)
    folder = tmp_path / "s"
    assert call(["study", "run", str(file), "-o", str(folder)]) == 0
    made = StudyFolder(folder).read()
    assert made.digest == StudyFolder(tmp_path / "silent").read().digest and made.trackers == ("tensorboard",)
    for cell in made.cells:
        stages = folder / "store" / "stages"
        assert len(events(stages / cell.target / "trackers" / "tensorboard")["loss"]) >= 2
        scored = read_json(stages / cell.evaluation / "scores.json")["languages"]
        told = events(stages / cell.evaluation / "trackers" / "tensorboard")
        assert told["score/sw"][0][1] == pytest.approx(scored["sw"]["score"])
    # What a tracker does with its files later is nobody's edit of a stage.
    for path in folder.glob("store/stages/*/trackers/tensorboard/events*"):
        path.unlink()
    assert call(["study", "verify", str(folder)]) == 0 and call(["results", str(folder)]) == 0


def test_an_identity_is_drawn_once_and_kept(tmp_path: Path) -> None:
    drawn = identity_of(tmp_path / "a")
    assert identity_of(tmp_path / "a") == drawn != identity_of(tmp_path / "b")
    (tmp_path / "a" / "trackers" / "id.json").write_text("{")
    assert identity_of(tmp_path / "a") != drawn
    assert flat({"a": {"b": 1, "c": None}, "d": ["x"], "e": True}) == {"a.b": 1, "d": "['x']", "e": True}
    with pytest.raises(UserError, match="unknown tracker 'x'"):
        Tracking(["x"])

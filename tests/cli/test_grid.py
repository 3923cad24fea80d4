"""The grid of the quickstart: methods by their short names, and jobs that say exactly what was asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import call

from xtremor.cli.app import app
from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, MethodOptions, TrainOptions
from xtremor.errors import UserError
from xtremor.jobs import parse_method
from xtremor.quickstart import Grid, baseline_job, training_job
from xtremor.robust.registry import make
from xtremor.tasks.cards import card

TASK = TaskOptions("xnli", Path("some data"))


def bound(arguments: tuple[str, ...]) -> dict[str, Any]:
    """What the command line makes of a job's arguments."""
    command, found, _ = app.parse_args(list(arguments), exit_on_error=False, print_error=False)
    assert command.__name__ == arguments[0]
    return found.arguments


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("plain", "plain"),
        ("noise", "noise"),
        ("pgd", "pgd-1"),
        ("pgd-3", "pgd-3"),
        ("freelb", "freelb-2"),
        ("freelb-4", "freelb-4"),
        ("noise-k", "noise-k2"),
        ("noise-k3", "noise-k3"),
        ("noise-k-3", "noise-k3"),
    ],
)
def test_short_names(name: str, arm: str) -> None:
    assert parse_method(name, BallOptions()).arm == arm


def test_the_ball_is_for_methods_that_perturb() -> None:
    names = ("plain", "rsda", "pgd")
    assert [parse_method(name, BallOptions(radius=0.1)).arm for name in names] == ["plain", "rsda", "pgd-1-r0.1"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pgd-0", "--steps must be at least 1"),
        ("pdg-2", "unknown method 'pdg-2'"),
        ("plain-2", "unknown method 'plain-2'"),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(name, BallOptions())


@pytest.mark.parametrize("name", ["plain", "noise", "pgd-3", "freelb", "noise-k"])
def test_a_job_says_what_was_asked(name: str) -> None:
    """Options of the quickstart come out of a worker's command line as the same settings."""
    ball = BallOptions(radius=0.03, absolute=True, norm="linf", scope="sequence", site="embeddings", dropout="fresh")
    recipe = TrainOptions(
        encoder="some encoder", epochs=1.5, batch_size=16, accumulate=2, learning_rate=1e-3, head_learning_rate=2e-3,
        max_length=64, train_rows=99, warmup=0.2, weight_decay=0.01, clip=float("inf"), freeze_embeddings=True,
        precision="bf16", threads=3,
    )  # fmt: skip
    scoring = ScoringOptions("dev", "en,sw", 7)
    grid = Grid((name,), 1, TASK, ball, recipe, scoring)
    method = parse_method(name, ball)
    job = training_job(grid, method, 5, Path("out put"), 10, 99.0, 7)
    found = bound(job.arguments)
    # What is all default is not among the bound arguments.
    own = found.get("method", MethodOptions()).settings(found.get("ball", BallOptions()))
    xnli = card("xnli")
    assert found["recipe"].settings(xnli, own, found["seed"]) == recipe.settings(xnli, method, 5)
    assert found["task"] == TASK and found["scoring"] == scoring
    assert found["evaluate"] and not found["keep_model"]
    assert found["output"] == Path("out put/runs") / f"{method.arm}-seed5"
    base = bound(baseline_job(grid, Path("out put"), 3).arguments)
    assert (base["encoder"], base["train_rows"], base["max_length"]) == ("some encoder", 99, 64)
    assert base["task"] == TASK and base["scoring"] == scoring


def test_defaults_are_left_unsaid() -> None:
    grid = Grid(("pgd",), 1, TaskOptions(), BallOptions(), TrainOptions(), ScoringOptions(), keep_model=True)
    job = training_job(grid, parse_method("pgd", BallOptions()), 2, Path("q"), 10, 99.0, 7)
    assert job.arguments == ("train", "--output", "q/runs/pgd-1-seed2", "--seed", "2", "--evaluate", "--method", "pgd")
    assert baseline_job(grid, Path("q"), 3).arguments == ("baseline", "--output", "q/runs/centroid")


@pytest.mark.slow
def test_a_small_grid_end_to_end(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real workers, a report, and a second call that finds everything done."""
    command = [
        "quickstart", "--task", "xnli", "--data", str(tiny_data), "--encoder", str(tiny_encoder), "--seeds", "2",
        "--methods", "plain,pgd", "--epochs", "1", "--output", str(tmp_path / "grid"), "--json",
    ]  # fmt: skip
    for _ in range(2):
        assert call(command) == 0
        scores = json.loads(capsys.readouterr().out)
        assert sorted(scores) == ["centroid", "pgd-1-seed1", "pgd-1-seed2", "plain-seed1", "plain-seed2"]
        assert all(len(each["languages"]) == 15 for each in scores.values())
        assert (tmp_path / "grid" / "report" / "index.html").stat().st_size > 1000
    assert call([*command, "--learning-rate", "1e-3"]) == 2
    assert "another configuration" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "grid")


def test_a_number_behind_a_method_is_k() -> None:
    found = MethodOptions(method="freelb-3").settings(BallOptions(radius=0.1))
    assert found == make("freelb", steps=3, radius=0.1)
    assert MethodOptions(method="noise-2").settings(BallOptions()) == make("noise", draws=2)

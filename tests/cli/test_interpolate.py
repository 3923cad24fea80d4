"""``xtremor interpolate``: what training with --interpolate would have written, and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from helpers.commands import call, read_json, train_command
from helpers.own import reviews, train_own, write
from helpers.tiny import write_encoder
from safetensors.torch import load_file

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
HEAD = ("classifier.weight", "classifier.bias")


@pytest.fixture(scope="module")
def home(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and the same one trained with its encoder half-way."""
    folder = tmp_path_factory.mktemp("interpolate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for name, options in (("plain", ()), ("half", ("--interpolate", "0.5"))):
            assert call(train_command(tiny_data, tiny_encoder, folder / name, "--method", "pgd", *options)) == 0
    return folder


def command(home: Path, data: Path, output: Path, alpha: str = "0.5", run: str = "plain") -> list[str]:
    return ["interpolate", str(home / run), "--alpha", alpha, "--output", str(output), "--data", str(data)]


def weights(run: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(run / "model" / "model.safetensors")
    return found


def test_it_is_the_run_that_training_would_have_made(home: Path, tiny_data: Path, tmp_path: Path) -> None:
    assert call(command(home, tiny_data, tmp_path / "new")) == 0
    made, trained = weights(tmp_path / "new"), weights(home / "half")
    assert made.keys() == trained.keys() and all(torch.equal(made[name], trained[name]) for name in made)
    records = [read_json(run / "run.json") for run in (tmp_path / "new", home / "half")]
    assert read_json(tmp_path / "new" / "config.json") == read_json(home / "half" / "config.json")
    for key in ("arm", "training", "english_dev", "counts", "method", "seed", "data"):
        assert records[0][key] == records[1][key], key
    assert records[0]["arm"] == "pgd-1-interpolated0.5"
    assert records[0]["drift"]["l2"] == pytest.approx(records[1]["drift"]["l2"], rel=1e-4)
    assert records[0]["interpolated_from"]["run"] == str(home / "plain")
    card = (tmp_path / "new" / "model" / "README.md").read_text(encoding="utf-8")
    assert "Besides: interpolate 0.5." in card and "Besides" not in (home / "plain/model/README.md").read_text()


def test_the_ends_are_the_run_and_its_encoder(home: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    for alpha in ("0", "1"):
        assert call(command(home, tiny_data, tmp_path / alpha, alpha)) == 0
    trained, encoder = weights(home / "plain"), load_file(tiny_encoder / "model.safetensors")
    assert all(torch.equal(value, weights(tmp_path / "1")[name]) for name, value in trained.items())
    for name, value in weights(tmp_path / "0").items():
        assert torch.equal(value, trained[name] if name in HEAD else encoder[name.removeprefix("bert.")]), name


def test_evaluate_and_report_take_it(home: Path, tiny_data: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    assert call(command(home, tiny_data, runs / "new")) == 0
    shutil.copytree(home / "plain", runs / "plain")
    for name in ("plain", "new"):
        assert call(["evaluate", str(runs / name), "--data", str(tiny_data), "--languages", "en,sw"]) == 0
    assert call(["report", str(runs), "--output", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "pgd-1-interpolated0.5" in page and "training.interpolate is" in page


def test_a_run_on_own_files(tiny_encoder: Path, tmp_path: Path) -> None:
    """Its English dev rows were part of the training file, which is not read again."""
    file, scored = (
        write(reviews("en", 40), tmp_path / "stars.csv"),
        write(reviews("sw", 9), tmp_path / "test" / "sw.csv"),
    )
    assert call(train_own(file, tiny_encoder, tmp_path / "run")) == 0
    assert call(command(tmp_path, scored.parent, tmp_path / "half", run="run")) == 0
    record = read_json(tmp_path / "half" / "run.json")
    assert record["english_dev"] is None and record["own"] == read_json(tmp_path / "run" / "run.json")["own"]
    assert "English dev was not scored again." in (tmp_path / "half/model/README.md").read_text(encoding="utf-8")
    assert call(["evaluate", str(tmp_path / "half"), "--data", str(scored.parent)]) == 0


def test_refusals_leave_nothing_behind(
    home: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare, moved = tmp_path / "bare", tmp_path / "moved"
    shutil.copytree(home / "plain", bare, ignore=shutil.ignore_patterns("model"))
    shutil.copytree(home / "plain", moved)
    other = write_encoder(tmp_path / "encoder", dropout=0.2)
    for name in ("config.json", "run.json"):
        text, old = (moved / name).read_text(encoding="utf-8"), read_json(moved / "config.json")["settings"]["encoder"]
        (moved / name).write_text(text.replace(old, str(other)), encoding="utf-8")
    new = tmp_path / "new"
    capsys.readouterr()
    for arguments, message in (
        (command(home, tiny_data, new, "1.5"), "--alpha is the share of the trained weights, from 0 to 1, not 1.5"),
        (command(home, tiny_data, new, run="half"), "is interpolated already; name the run that it was made from"),
        (command(tmp_path, tiny_data, new, run="bare"), "keeps no model, which interpolation needs"),
        (command(tmp_path, tiny_data, new, run="moved"), "is not the one that"),
        (command(tmp_path, tiny_data, new, run="absent"), "does not exist"),
        (command(home, tiny_data, home / "half", "0.25"), "interpolate: 0.5 there, 0.25 here"),
    ):
        assert call(arguments) == 2, message
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
        assert not new.exists()
    assert sorted(os.listdir(home / "half")) == ["config.json", "log.jsonl", "model", "run.json"]


def test_an_encoder_that_was_moved_is_named(
    home: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, new = tmp_path / "run", tmp_path / "new"
    shutil.copytree(home / "plain", run)
    shutil.copytree(tiny_encoder, tmp_path / "encoder")
    for name in ("config.json", "run.json"):
        text, old = (run / name).read_text(encoding="utf-8"), str(tiny_encoder)
        (run / name).write_text(text.replace(old, str(tmp_path / "gone")), encoding="utf-8")
    capsys.readouterr()
    assert call(command(tmp_path, tiny_data, new, run="run")) == 2
    assert "gone does not exist" in capsys.readouterr().err and not new.exists()
    assert call([*command(tmp_path, tiny_data, new, run="run"), "--encoder", str(tmp_path / "encoder")]) == 0
    assert all(torch.equal(value, weights(home / "half")[name]) for name, value in weights(new).items())


def test_the_same_command_again_does_nothing(
    home: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command(home, tiny_data, tmp_path / "new")) == 0
    before = (tmp_path / "new" / "run.json").stat().st_mtime_ns
    assert call(command(home, tiny_data, tmp_path / "new")) == 0
    assert "already there, nothing to do" in capsys.readouterr().err
    assert (tmp_path / "new" / "run.json").stat().st_mtime_ns == before

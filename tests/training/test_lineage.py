"""A run as the encoder of the next: what crosses, what run.json says of it, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.commands import assert_resumes, call, read_json, train_command
from helpers.tiny import write_encoder, write_mlqa, write_panx, write_xcopa
from safetensors.torch import load_file

from xtremor.cli.recipe import TrainOptions
from xtremor.encoders.load import fingerprint
from xtremor.robust.registry import make
from xtremor.tasks.cards import card
from xtremor.training.folder import FORMAT, write_json
from xtremor.training.lineage import base_of, lineage_of

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
WRITERS = {"panx": write_panx, "xcopa": write_xcopa, "mlqa": write_mlqa}
# An update whose rates are nothing to speak of: what is written is what the run began with.
STILL = ("--learning-rate", "1e-30", "--head-learning-rate", "1e-30", "--train-rows", "8", "--batch-size", "8")


@pytest.fixture(scope="module")
def first(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XNLI under FreeLB, its head and pooler trained hard."""
    folder = tmp_path_factory.mktemp("first") / "xnli"
    assert call(train_command(tiny_data, tiny_encoder, folder, "--method", "freelb", "--seed", "4")) == 0
    return folder


@pytest.fixture(scope="module")
def second(first: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XNLI again from it, held still."""
    folder = tmp_path_factory.mktemp("second") / "xnli"
    assert call(train_command(tiny_data, first, folder, *STILL, "--method", "pgd", "--seed", "4")) == 0
    return folder


def weights(run: Path) -> dict[str, Any]:
    return load_file(run / "model" / "model.safetensors")


def outside(name: str) -> bool:
    return not name.startswith("bert.") or "pooler" in name


def test_the_old_classifier_is_not_taken_up(first: Path, second: Path) -> None:
    """The names and shapes of both heads are the same."""
    before, after = weights(first), weights(second)
    assert before.keys() == after.keys()
    for name, tensor in after.items():
        if outside(name):
            assert not torch.equal(tensor, before[name]), name
        else:
            assert torch.allclose(tensor, before[name], rtol=0, atol=1e-20), name


def test_the_record_says_what_crossed(first: Path, second: Path) -> None:
    encoder = read_json(second / "run.json")["encoder"]
    fresh = [name for name in weights(second) if outside(name)]
    assert sorted(encoder["missing"]) == sorted(encoder["boundary"]["fresh"]) == sorted(fresh)
    assert encoder["boundary"]["equal"] == encoder["boundary"]["encoder_tensors"] == len(weights(first)) - len(fresh)
    assert encoder["resolved"] == str(first / "model")
    # A run on a bare encoder has nothing of this.
    record = read_json(first / "run.json")
    assert record["encoder"]["boundary"] is None and "lineage" not in record
    assert "fresh_pooler" not in record["training"]


def test_the_record_says_where_the_encoder_comes_from(
    first: Path, second: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    found = read_json(second / "run.json")["lineage"]
    assert found["encoder"]["name"] == str(tiny_encoder)
    assert found["encoder"]["fingerprint"] == fingerprint(str(tiny_encoder))
    (stage,) = found["stages"]
    assert (stage["task"], stage["arm"], stage["seed"]) == ("xnli", "freelb-2", 4)
    assert stage["method"] == read_json(first / "run.json")["method"] and stage["training"]["rows"] == 96
    assert stage["data"] == read_json(first / "config.json")["data"]
    assert stage["fingerprint"] == fingerprint(str(first)) == read_json(second / "config.json")["encoder"]


def test_three_stages_are_all_remembered(second: Path, tmp_path: Path, capsys: Captured) -> None:
    """By the folder of the model as well as by that of the run, and from one category to another."""
    data = write_panx(tmp_path / "data", train=8)
    command = ["train", "--task", "panx", "--data", str(data), "--encoder", str(second / "model"), "--threads", "1"]
    assert call([*command, "--output", str(tmp_path / "third"), *STILL]) == 0
    assert "left behind: pooler, classifier" in capsys.readouterr().err
    found = read_json(tmp_path / "third" / "run.json")["lineage"]
    assert [(stage["arm"], stage["task"]) for stage in found["stages"]] == [("freelb-2", "xnli"), ("pgd-1", "xnli")]
    card = (tmp_path / "third" / "model" / "README.md").read_text(encoding="utf-8")
    assert "# panx, plain after pgd-1 on xnli after freelb-2 on xnli, seed 1" in card
    assert f'base_model: "{found["encoder"]["name"]}"' in card and str(second) not in card.partition("Made by")[0]
    assert found == lineage_of(str(second))["lineage"] and found["encoder"]["resolved"].endswith("tiny")


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta", "distilbert"])
@pytest.mark.parametrize("task", WRITERS)
def test_every_head_starts_fresh_on_every_encoder(kind: str, task: str, tmp_path: Path) -> None:
    """A task after itself, where the old head would fit."""
    data = WRITERS[task](tmp_path / "data", train=8)
    encoder, runs = write_encoder(tmp_path / "encoder", kind), [tmp_path / "one", tmp_path / "two"]
    for start, output, rate in ((encoder, runs[0], "1e-2"), (runs[0], runs[1], "1e-30")):
        options = ["--learning-rate", rate, "--head-learning-rate", rate, "--threads", "1", "--batch-size", "4"]
        command = ["train", "--task", task, "--data", str(data), "--encoder", str(start), "--output", str(output)]
        assert call([*command, *options, "--epochs", "1", "--max-length", "99"]) == 0
    before, after, record = weights(runs[0]), weights(runs[1]), read_json(runs[1] / "run.json")
    fresh = set(record["encoder"]["missing"])
    assert fresh and record["encoder"]["boundary"]["equal"] == len(after) - len(fresh)
    for name, tensor in after.items():
        # What is added to the logits of all choices alike has no gradient but rounding, and may never leave 0.
        if task == "xcopa" and name == "classifier.bias":
            continue
        same = torch.allclose(tensor, before[name], rtol=0, atol=1e-20)
        assert same == (name not in fresh), name


def test_an_arm_without_a_stage_can_begin_with_the_same_pooler(
    second: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", *STILL, "--seed", "4")
    assert call([*command, "--fresh-pooler"]) == 0
    one, two = weights(tmp_path / "run"), weights(second)
    for name, tensor in one.items():
        assert torch.allclose(tensor, two[name], rtol=0, atol=1e-20) == outside(name), name
    assert read_json(tmp_path / "run" / "config.json")["settings"]["fresh_pooler"] is True
    capsys.readouterr()
    assert call(command) == 2
    assert "settings.fresh_pooler: True there, None here" in capsys.readouterr().err


def test_a_second_stage_is_resumed_as_it_began(first: Path, tiny_data: Path, tmp_path: Path) -> None:
    options = ("--checkpoint-seconds", "0", "--method", "pgd", "--train-rows", "48")
    assert_resumes(lambda run: train_command(tiny_data, first, run, *options), tmp_path, 3)


def test_somebody_elses_task_model_gives_its_encoder(
    first: Path, tiny_data: Path, tmp_path: Path, capsys: Captured
) -> None:
    shutil.copytree(first / "model", tmp_path / "theirs")
    assert call(train_command(tiny_data, tmp_path / "theirs", tmp_path / "run", *STILL)) == 0
    assert "4 tensors left behind: pooler, classifier" in capsys.readouterr().err
    record = read_json(tmp_path / "run" / "run.json")
    assert "lineage" not in record and len(record["encoder"]["boundary"]["fresh"]) == 4


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "run.json").unlink(), "is not finished; give its training command again"),
        (lambda run: shutil.rmtree(run / "model"), "keeps no model to start from"),
        (lambda run: (run / "model" / "tokenizer.json").write_text("{}"), "is not the one that this run was trained"),
        (lambda run: (run / "model" / "model.safetensors").write_bytes(b"x"), "is damaged or cut short"),
        (lambda run: (run / "model" / "config.json").unlink(), "has no config.json"),
        (lambda run: (run / "run.json").write_text('{"format": 9}'), "format 9, this version of xtremor reads 1"),
    ],
)
@pytest.mark.parametrize("name", ["", "model"])
def test_runs_that_cannot_be_built_on(
    first: Path, tiny_data: Path, tmp_path: Path, capsys: Captured, spoil: Any, message: str, name: str
) -> None:
    run = tmp_path / "spoilt"
    shutil.copytree(first, run)
    spoil(run)
    assert call(train_command(tiny_data, run / name, tmp_path / "next")) == 2
    said = [line for line in capsys.readouterr().err.split("\n") if line.startswith("error: ")]
    assert len(said) == 1 and (message in said[0] or not (run / name).exists())
    assert not (tmp_path / "next").exists()


def test_prefixes_of_a_retrieval_target_are_those_of_the_encoder_at_the_beginning(tmp_path: Path) -> None:
    """With a stage before it or without, a query reads the same."""
    run = tmp_path / "stage"
    record = {"format": FORMAT, "training": {"encoder": "starter"}}
    assert base_of("starter") == "starter" and base_of(str(tmp_path)) == str(tmp_path)
    run.mkdir()
    write_json(run / "config.json", {"settings": {}})
    # Not finished: there is nothing to go back from yet.
    assert base_of(str(run)) == str(run)
    write_json(run / "run.json", record)
    direct, after = (
        TrainOptions(encoder).settings(card("lareqa"), make("plain"), 1).embedding for encoder in ("starter", str(run))
    )
    assert direct == after and direct is not None and (direct.prefix_query, direct.prefix_passage) == (
        "query: ", "passage: ",
    )  # fmt: skip
    later = {**record, "training": {"encoder": str(run)}, "lineage": {"encoder": {"name": "starter"}, "stages": []}}
    write_json(run / "run.json", later)
    assert base_of(str(run)) == "starter"

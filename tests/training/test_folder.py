"""Run folders through the command line: whose they are, what is refused, and that nothing is left half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from helpers.commands import call, train_command
from safetensors import SafetensorError
from safetensors.torch import load_file

from xtremor.errors import UserError
from xtremor.training.folder import LOCK, RunFolder

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(scope="module")
def finished(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of plain; not to be written to."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        assert call(train_command(tiny_data, tiny_encoder, folder)) == 0
    return folder


def errors(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that begins with ``error:``; fails on a traceback."""
    said = capsys.readouterr().err
    assert "Traceback" not in said
    found = [line for line in said.split("\n") if line.startswith("error: ")]
    assert len(found) == 1, said
    return found[0]


def stop_at(monkeypatch: pytest.MonkeyPatch, update: int) -> None:
    """Let the next run end as if it had been killed, its checkpoint written just before."""
    from xtremor.training import loop

    advance = loop.Loop._update

    def counted(self: Any, rows: Any, *more: Any) -> Any:
        if self.totals.update == update:
            self._save()
            raise SystemExit(9)
        return advance(self, rows, *more)

    monkeypatch.setattr(loop.Loop, "_update", counted)


def test_a_finished_run_says_so_and_is_left_alone(
    finished: Path, tiny_data: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    assert call(train_command(tiny_data, tiny_encoder, finished)) == 0
    assert "already finished, nothing to train" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--seed", "2"), "settings.seed: 1 there, 2 here"),
        (("--learning-rate", "1e-3"), "settings.learning_rate: 0.003 there, 0.001 here"),
        (("--method", "noise"), "settings.method.name: plain there, noise here"),
        (("--train-rows", "90"), "settings.train_rows: None there, 90 here"),
    ],
)
def test_another_configuration_is_refused_by_name(
    finished: Path,
    tiny_data: Path,
    tiny_encoder: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    named: str,
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, finished, *more)) == 2
    said = errors(capsys)
    assert "holds a run of another configuration" in said and named in said


def test_other_data_and_another_encoder_are_refused(
    finished: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same options on changed files: what was trained on decides, not the path."""
    run, data, encoder = tmp_path / "run", tmp_path / "data", tmp_path / "encoder"
    for source, target in ((finished, run), (tiny_data, data), (tiny_encoder, encoder)):
        shutil.copytree(source, target)
    assert call(train_command(data, tiny_encoder, run)) == 0
    train = data / "xnli" / "train-en.tsv"
    train.write_text(train.read_text(encoding="utf-8").replace("neutral", "entailment", 1), encoding="utf-8")
    assert call(train_command(data, tiny_encoder, run)) == 2
    assert "(data: " in errors(capsys)
    weights = load_file(encoder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1
    safetensors.torch.save_file(weights, encoder / "model.safetensors", {"format": "pt"})
    assert call(train_command(tiny_data, encoder, run)) == 2
    assert "encoder: " in errors(capsys)


def test_the_same_encoder_in_another_place_is_the_same_run(
    finished: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = tmp_path / "moved"
    shutil.copytree(tiny_encoder, encoder)
    assert call(train_command(tiny_data, encoder, finished)) == 0
    assert "already finished, nothing to train" in capsys.readouterr().err
    # What else differs is still said, and the place is not among it.
    assert call(train_command(tiny_data, encoder, finished, "--seed", "2")) == 2
    said = errors(capsys)
    assert "settings.seed: 1 there, 2 here" in said and "settings.encoder" not in said


def test_folders_that_hold_no_run_are_refused(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("precious")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "notes")) == 2
    assert "notes is not empty and holds no run" in errors(capsys)
    assert os.listdir(tmp_path / "notes") == ["thesis.txt"]
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "notes" / "thesis.txt")) == 2
    assert "is a file" in errors(capsys)
    (tmp_path / "empty").mkdir()
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "empty", "--train-rows", "8")) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--max-length", "500"), "--max-length 500 is more than the 140 positions of this encoder"),
        (("--method", "pgd", "--radius", "-1"), "--radius must be a number of at least 0"),
        (("--evaluate", "--languages", "sw,xx"), "unknown language of xnli 'xx'"),
    ],
)
def test_what_is_refused_at_the_start_leaves_no_folder(
    tiny_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    message: str,
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", *more)) == 2
    assert message in errors(capsys)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by update; the state before it is kept, and stays what a second try ends in."""
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", "--learning-rate", "1e38")
    for _ in range(2):
        assert call(command) == 2
        said = errors(capsys)
        assert "became nan at update 2 of 12" in said and "checkpoint.safetensors" in said
        assert sorted(os.listdir(tmp_path / "run")) == ["checkpoint.safetensors", "config.json", "log.jsonl"]
        with safetensors.safe_open(tmp_path / "run" / "checkpoint.safetensors", "pt") as opened:
            assert json.loads(opened.metadata()["state"])["update"] == 1


def test_weights_that_are_not_finite_at_the_end(
    tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the last update no loss would tell."""
    options = ("--train-rows", "8", "--warmup", "0", "--weight-decay", "10", "--learning-rate", "1e38")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", *options)) == 2
    assert "the weights are not finite after the last update (1)" in errors(capsys)
    assert not (tmp_path / "run" / "run.json").exists() and not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize("damage", ["cut", "text", "other"])
def test_a_damaged_checkpoint_is_refused_in_one_sentence(
    damage: str,
    tiny_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        stop_at(patch, 3)
        call(command)
    path = tmp_path / "run" / "checkpoint.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "text":
        path.write_text("not a checkpoint")
    else:
        safetensors.torch.save_file({"weight/x": torch.zeros(2)}, path, {"state": json.dumps({"update": 3})})
    capsys.readouterr()
    assert call(command) == 2
    assert "checkpoint.safetensors: not a checkpoint of this run" in errors(capsys)
    path.unlink()
    assert call(command) == 0


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
@pytest.mark.parametrize("at", ["checkpoint", "model"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(
    at: str,
    error: Exception,
    tiny_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    command = train_command(tiny_data, tiny_encoder, folder, "--checkpoint-seconds", "0" if at == "checkpoint" else "9")
    save = safetensors.torch.save_file
    asked: list[Path] = []

    def full(tensors: Any, path: Path, *rest: Any, **more: Any) -> None:
        asked.append(Path(path))
        if at == "checkpoint" and len(asked) < 3:
            save(tensors, path, *rest, **more)
            return
        Path(path).write_bytes(b"half")
        raise error

    with monkeypatch.context() as patch:
        if at == "checkpoint":
            patch.setattr(safetensors.torch, "save_file", full)
        else:
            patch.setattr("transformers.modeling_utils.safe_save_file", full)
        assert call(command) == 2
    assert "the disk is full; free some space or name another folder" in errors(capsys)
    left = ["checkpoint.safetensors"] if at == "checkpoint" else []
    assert sorted(os.listdir(folder)) == [*left, "config.json", "log.jsonl"] and asked
    assert call(command) == 0


def test_a_full_disk_under_the_log(
    tiny_data: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from xtremor.training import log

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log, "write", full)
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run")) == 2
    assert "the disk is full" in errors(capsys)


def test_drafts_of_a_killed_process_are_swept_away(
    finished: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But never in a folder that is no run of ours."""
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run")
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        stop_at(patch, 3)
        call(command)
    (tmp_path / "run" / ".checkpoint.safetensors.abc").write_bytes(b"half")
    (tmp_path / "run" / ".model.abc").mkdir()
    (tmp_path / "run" / ".model.abc" / "config.json").write_text("{}")
    assert call(command) == 0
    assert sorted(os.listdir(tmp_path / "run")) == ["config.json", "log.jsonl", "model", "run.json"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".model.mine").write_text("precious")
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "other")) == 2
    assert os.listdir(tmp_path / "other") == [".model.mine"]


def test_records(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text(encoding="utf-8"))
    assert record["arm"] == "plain" and record["seed"] == 1 and record["task"] == "xnli"
    assert record["counts"]["updates"] == record["counts"]["forward"] == 12
    assert record["counts"]["examples"] == record["training"]["rows"] == 96
    assert record["encoder"]["missing"] == ["classifier.weight", "classifier.bias"]
    assert record["data"]["files"]["xnli/train-en.tsv"]["rows"] == 96
    assert record["versions"]["torch"] == torch.__version__ and record["machine"]["threads"] == 1
    log = [json.loads(line) for line in (finished / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert log[-1]["tokens"] == record["counts"]["tokens"]
    assert {path.stat().st_mode & 0o777 for path in finished.rglob("*") if path.is_file()} == {0o666 & ~umask()}


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_training_repeats_itself(finished: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """The same seed gives the same weights, another seed another head."""
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "again")) == 0
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "other", "--seed", "2")) == 0
    first, again, other = (
        load_file(each / "model" / "model.safetensors") for each in (finished, tmp_path / "again", tmp_path / "other")
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_bf16_trains(tiny_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    """In a process of its own: accelerate keeps one precision a process."""
    from helpers.commands import finish, start

    log = tmp_path / "log"
    command = train_command(tiny_data, tiny_encoder, tmp_path / "run", "--precision", "bf16", "--method", "freelb")
    assert finish(start(command, log)) == 0, log.read_text(encoding="utf-8")
    weights = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    """The second is refused at once; the folder is free again when the first lets go or dies."""
    from filelock import FileLock

    folder = RunFolder(tmp_path / "run")
    folder.claim({"seed": 1})
    folder.release()
    assert not (tmp_path / "run" / LOCK).exists()
    elsewhere = FileLock(tmp_path / "run" / LOCK, timeout=0)
    with elsewhere, pytest.raises(UserError, match="another process is working"):
        folder.claim({"seed": 1})
    folder.claim({"seed": 1})
    folder.release()


def test_drafts_of_a_killed_process_are_swept_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.claim({"seed": 1})
    folder.release()
    for name in (".checkpoint.safetensors.ab12", ".tmpAenn6l", ".tmp", ".mine", "tmpAenn6l"):
        (folder.path / name).write_text("", encoding="utf-8")
    folder.claim({"seed": 1})
    folder.release()
    assert sorted(path.name for path in folder.path.iterdir()) == [".mine", ".tmp", "config.json", "tmpAenn6l"]

"""Which folders are run folders of ours, and which model they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xtremor.encoders.runs import model_folder, run_of, tokenizer_digest
from xtremor.errors import UserError


def write(folder: Path, config: dict | None = None, record: dict | None = None, model: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, content in (("config.json", config), ("run.json", record)):
        if content is not None:
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
    if model:
        write(folder / "model", {"model_type": "bert"})
        (folder / "model" / "tokenizer.json").write_text("{}", encoding="utf-8")
    return folder


def test_a_run_and_its_model_mean_the_same(tmp_path: Path) -> None:
    run = write(tmp_path / "run", {"settings": {}}, {"task": "xnli"}, model=True)
    assert run_of(run) == run_of(run / "model") == run
    assert model_folder(run) == model_folder(run / "model") == run / "model"


def test_a_checkpoint_is_none_whatever_lies_beside_it(tmp_path: Path) -> None:
    """Other programs write a run.json too."""
    checkpoint = write(tmp_path / "model", {"model_type": "bert", "settings": {}}, {"loss": 1.0})
    assert run_of(checkpoint) is None and model_folder(checkpoint) == checkpoint
    (tmp_path / "config.json").write_text("no JSON", encoding="utf-8")
    assert run_of(checkpoint) is None and run_of(tmp_path) is None and run_of(tmp_path / "absent") is None


def test_an_unfinished_run_and_one_without_a_model(tmp_path: Path) -> None:
    begun = write(tmp_path / "begun", {"settings": {}}, model=True)
    for folder in (begun, begun / "model"):
        with pytest.raises(UserError, match="begun is not finished"):
            model_folder(folder)
    with pytest.raises(UserError, match="baseline keeps no model"):
        model_folder(write(tmp_path / "baseline", {"method": "centroid"}, {"task": "xnli"}))


def test_the_tokenizer_must_be_the_recorded_one(tmp_path: Path) -> None:
    run = write(tmp_path / "run", {"settings": {}}, {"task": "xnli"}, model=True)
    digest = tokenizer_digest(run / "model")
    (run / "run.json").write_text(json.dumps({"tokenizer": digest}), encoding="utf-8")
    assert model_folder(run) == run / "model"
    # A further file of the tokenizer would be read as well.
    (run / "model" / "vocab.txt").write_text("a\n", encoding="utf-8")
    assert tokenizer_digest(run / "model") != digest
    with pytest.raises(UserError, match="is not the one that this run was trained with"):
        model_folder(run)

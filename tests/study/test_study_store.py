"""A stage is there whole or not at all, and what was done to it afterwards is noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from xtremor.errors import UserError
from xtremor.study.stage import EVALUATION, TARGET, VERSIONS, Size, Stage
from xtremor.study.store import Store

TOLD: dict[str, Any] = {"seconds": {"work": 1.0, "process": 2.0}, "environment": {"machine": {"device": "cpu"}}}


def stage(**changes: Any) -> Stage:
    stated: dict[str, Any] = {
        "kind": TARGET, "name": "panx, plain, seed 1", "task": "panx", "config": {"seed": 1}, "parents": (),
        "data": {"panx": "abc"}, "threads": 1,
    }  # fmt: skip
    return Stage(**{**stated, **changes})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store").open(make=True)


def published(store: Store, made: Stage) -> Path:
    area = store.work / made.key
    (area / "model").mkdir(parents=True)
    (area / "model" / "weights").write_text("w" * 100)
    (area / "scores.json").write_text("{}")
    log = store.work / f"{made.key}.log"
    log.write_text("said")
    store.publish(made, TOLD, log)
    return store.stages / made.key


def test_the_key_is_made_of_what_decides_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    key = stage().key
    assert key == stage(name="x", place={"data": "/elsewhere"}, size=Size(5.0)).key
    for change in (
        {"kind": EVALUATION}, {"config": {"seed": 2}}, {"parents": ("p",)}, {"data": {"panx": "abd"}}, {"threads": 2},
    ):  # fmt: skip
        assert stage(**change).key != key, change
    assert Stage.from_dict(json.loads(json.dumps(stage().as_dict()))).key == key
    monkeypatch.setitem(VERSIONS, TARGET, 99)
    assert stage().key != key


def test_a_stage_appears_whole(store: Store) -> None:
    made = stage()
    assert not store.has(made.key) and store.finished() == set()
    folder = published(store, made)
    assert store.finished() == {made.key} and not (store.work / made.key).exists()
    assert (folder / "output.log").read_text() == "said"
    store.verify(made.key)
    manifest = store.manifest(made.key)
    assert manifest["name"] == made.name and set(manifest["checksums"]) == {
        "model/weights", "scores.json", "output.log",
    }  # fmt: skip


def test_who_is_second_leaves_the_first_one_s(store: Store) -> None:
    made = stage()
    folder = published(store, made)
    before = (folder / "stage.json").stat().st_ino
    published(store, made)
    assert (folder / "stage.json").stat().st_ino == before and not (store.work / made.key).exists()


def test_a_dropped_model_is_no_damage(store: Store) -> None:
    made = stage()
    published(store, made)
    assert store.has_model(made.key) and store.drop_model(made.key)
    assert not store.has_model(made.key) and not store.drop_model(made.key)
    store.verify(made.key)
    store.forget(made.key)
    assert not store.has(made.key) and not list(store.work.iterdir())


def test_whatever_was_edited_is_named(store: Store, tmp_path: Path) -> None:
    made = stage()
    folder = published(store, made)
    saved = tmp_path / "saved"
    shutil.copytree(folder, saved)

    def damaged(what: str) -> None:
        with pytest.raises(UserError) as told:
            store.verify(made.key, whole=False)
        assert what in str(told.value) and made.key in str(told.value) and "\n" not in str(told.value)
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)
        store.verify(made.key)

    (folder / "scores.json").write_text("[]")
    damaged("stage 'panx, plain, seed 1': scores.json was edited")
    (folder / "scores.json").unlink()
    damaged("scores.json is missing")
    (folder / "notes.txt").write_text("mine")
    damaged("notes.txt was added")
    (folder / "model" / "weights").write_text("v" * 100)
    damaged("model/weights was edited")
    (folder / "model" / "weights").unlink()
    damaged("model/weights is missing")
    manifest = json.loads((folder / "stage.json").read_text())
    (folder / "stage.json").write_text(json.dumps({**manifest, "config": {"seed": 2}}))
    damaged("stage.json was edited: it no longer describes this stage")
    (folder / "stage.json").unlink()
    damaged("has no stage.json")
    (folder / "stage.json").write_text("{")
    damaged("not valid JSON")


def test_other_stores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no store of stages"):
        Store(tmp_path / "none").open()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(UserError, match="is not empty and holds no store"):
        Store(tmp_path / "full").open(make=True)
    store = Store(tmp_path / "new").open(make=True)
    (store.path / "store.json").write_text('{"format": 7}')
    with pytest.raises(UserError, match="a store of format 7, this version of xtremor reads 1"):
        store.open()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        Store(tmp_path / "file" / "store").open(make=True)

"""Reading run folders, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import METHODS, write_grid, write_run

from xtremor.errors import UserError
from xtremor.report.collect import collect

SCORES = {"en": 95.0, "de": 40.0, "sw": 30.0}


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")


def test_a_parent_folder_gives_one_long_table(tmp_path: Path) -> None:
    write_grid(tmp_path / "runs", codes=("en", "de", "sw"))
    runs = collect([tmp_path])
    assert runs.arms == ["plain", "noise", "freelb-2", "pgd-1", "centroid"]
    table = runs.table()
    assert table.columns == ["task", "split", "arm", "method", "seed", "language", "score", "items", "run"]
    assert table.height == (4 * 3 + 1) * 3
    assert runs.notices == ()


def test_arms_keep_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    folders = write_grid(tmp_path, arms=("pgd-1", "plain", "freelb-2"), codes=("en", "de"))
    assert collect(folders).arms == ["plain", "pgd-1", "freelb-2", "centroid"]


def test_a_run_named_twice_counts_once(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "plain", 1, SCORES)
    assert len(collect([run, tmp_path, run]).runs) == 1


def test_unfinished_folders_with_a_leading_dot_are_passed_over(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES)
    write_run(tmp_path / ".b.tmp", "plain", 2, SCORES, evaluated=False)
    assert len(collect([tmp_path]).runs) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "does not exist"),
        (lambda folder: folder.mkdir(), "no run folder and holds none"),
        (lambda folder: folder.write_text("x"), "is a file"),
        (lambda folder: write_run(folder, "plain", 1, SCORES, evaluated=False), "xtremor evaluate"),
        (lambda folder: (write_run(folder, "plain", 1, SCORES) / "run.json").unlink(), "no run.json"),
    ],
)
def test_what_is_no_evaluated_run(tmp_path: Path, make: Any, said: str) -> None:
    folder = tmp_path / "given"
    make(folder)
    with pytest.raises(UserError, match=said) as caught:
        collect([folder])
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", b'{"format": 1,\n"task": }', r"run\.json:2 is not valid JSON"),
        ("run.json", b"\xff\xfe", "not UTF-8"),
        ("run.json", b"[1]", "one JSON object"),
        ("run.json", b'{"format": 9}', "format 9"),
        ("run.json", b'{"format": 1, "task": "intents", "seed": 1, "method": {"name": "pgd"}}', "arm is missing"),
        ("run.json", b'{"format": 1, "task": "t", "arm": "a", "seed": "1", "method": {"name": "p"}}', 'seed is "1"'),
        ("scores.json", b"{", r"scores\.json:1 is not valid JSON"),
        ("scores.json", b'{"format": 1, "languages": {}}', "holds no language"),
        ("scores.json", b'{"format": 1, "languages": {"de": {"score": 1.0}}}', "languages.de.items is missing"),
        ("scores.json", b'{"format": 1, "languages": {"de": {"score": NaN, "items": 3}}}', "not a finite number"),
        ("scores.json", b'{"format": 1, "seed": 4, "languages": {}}', "of seed '4' but run.json beside it says '1'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, file: str, content: bytes, said: str) -> None:
    run = write_run(tmp_path / "a", "plain", 1, SCORES)
    (run / file).write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        collect([run])
    assert str(run / file) in str(caught.value)


def test_tasks_do_not_mix_unless_one_is_chosen(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES)
    write_run(tmp_path / "b", "plain", 1, SCORES, task="xnli")
    with pytest.raises(UserError, match=r"2 tasks \(intents, xnli\).*--task"):
        collect([tmp_path])
    assert collect([tmp_path], task="xnli").task == "xnli"
    with pytest.raises(UserError, match="none of the 2 runs"):
        collect([tmp_path], task="panx")


def test_one_label_for_two_configurations(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "pgd-1", 1, SCORES)
    write_run(tmp_path / "b", "pgd-1", 1, SCORES, method={**METHODS["pgd-1"], "radius": 0.05})
    with pytest.raises(UserError, match=r"'pgd-1' with seed 1 but method.radius is 0.01 in one and 0.05"):
        collect([tmp_path])


def test_seeds_of_one_arm_share_their_configuration(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES, training={"epochs": 2, "seed": 1})
    other = write_run(tmp_path / "b", "plain", 2, SCORES, training={"epochs": 2, "seed": 2})
    assert len(collect([tmp_path]).runs) == 2
    edit(other / "run.json", training={"epochs": 3, "seed": 2})
    with pytest.raises(UserError, match=r"training.epochs is 2 in one and 3"):
        collect([tmp_path])


def test_copies_are_left_out_and_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", "plain", 1, SCORES)
    shutil.copytree(run, tmp_path / "b")
    runs = collect([tmp_path])
    assert len(runs.runs) == 1
    assert "b is a copy of a" in runs.notices[0]
    edit(tmp_path / "b" / "scores.json", languages={"de": {"score": 41.0, "items": 120}})
    with pytest.raises(UserError, match="their scores differ"):
        collect([tmp_path])


def test_different_items_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES, items=100)
    write_run(tmp_path / "b", "noise", 1, SCORES, items=99)
    with pytest.raises(UserError, match=r"scored 100 items of 'en', .* 99"):
        collect([tmp_path])


def test_languages_that_some_runs_lack_are_left_out_and_said(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES)
    write_run(tmp_path / "b", "noise", 1, {"en": 90.0, "sw": 20.0})
    runs = collect([tmp_path])
    assert runs.languages == ("en", "sw")
    assert "de" in runs.notices[0]


def test_splits_do_not_mix(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES)
    edit(write_run(tmp_path / "b", "noise", 1, SCORES) / "scores.json", split="dev")
    with pytest.raises(UserError, match="differ in split"):
        collect([tmp_path])


def test_arms_that_differ_in_more_than_the_method_are_said(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "plain", 1, SCORES)
    edit(write_run(tmp_path / "b", "noise", 1, SCORES) / "run.json", training={"epochs": 9.0}, machine={"cores": 64})
    notices = " ".join(collect([tmp_path]).notices)
    assert "training.epochs is 3.0 in plain; 9.0 in noise" in notices
    assert "different machines" in notices

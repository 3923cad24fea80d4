"""Checkpoint rules: what each takes of a run, against a brute-force evaluation of every snapshot."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.commands import call, finish, read_json, start, train_command

from xtremor.errors import UserError
from xtremor.evaluation.checkpoints import choose
from xtremor.evaluation.rules import Rule, parse_rule
from xtremor.training.folder import RunFolder

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
Captured = pytest.CaptureFixture[str]
LANGUAGES = ("--languages", "en,sw,de,tr")


def score(run: Path, data: Path, rule: str, *more: str) -> list[str]:
    return ["evaluate", str(run), "--data", str(data), *LANGUAGES, "--threads", "1", "--checkpoint", rule, *more]


@pytest.fixture(scope="module")
def kept(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with four snapshots, scored by its last step."""
    home = tmp_path_factory.mktemp("kept")
    options = ("--snapshots", "4", "--epochs", "3", "--learning-rate", "6e-3", "--evaluate", *LANGUAGES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        assert call(train_command(tiny_data, tiny_encoder, home / "run", *options)) == 0
    return home / "run"


@pytest.fixture(scope="module")
def each(kept: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Update -> scores of its snapshot, each evaluated as the best one on English dev of a record that says so."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for update in (9, 18, 27, 36):
            run = tmp_path_factory.mktemp("one") / "run"
            shutil.copytree(kept, run)
            record = read_json(run / "run.json")
            for one in record["snapshots"]:
                one["english_dev"]["score"] = 100.0 * (one["update"] == update)
            (run / "run.json").write_text(json.dumps(record))
            assert call(score(run, tiny_data, "best-dev")) == 0
            found[update] = read_json(run / "checkpoints" / "best-dev" / "scores.json")
            found[update]["table"] = pl.read_parquet(run / "checkpoints" / "best-dev" / "predictions.parquet")
    return found


def test_names() -> None:
    assert parse_rule("average-12") == Rule("average", 12) and parse_rule("average-12").label == "average-12"
    assert [parse_rule(name).needs for name in ("last", "average-3", "best-dev", "oracle")] == [0, 3, 1, 1]
    for name in ("average", "average-0", "average-x", "averag-3", "best", "", "oracle-2"):
        with pytest.raises(UserError, match=f"unknown checkpoint rule '{name}'"):
            parse_rule(name)


def test_the_last_step_is_what_was_scored_before(kept: Path, tiny_data: Path, each: dict[int, Any]) -> None:
    before = read_json(kept / "scores.json")
    assert before["checkpoint"] == {
        "rule": "last", "selected_by": "nothing: the last update of a fixed schedule", "updates": [],
        "upper_bound": False,
    }  # fmt: skip
    assert call(score(kept, tiny_data, "last")) == 0
    after = read_json(kept / "scores.json")
    assert after["languages"] == before["languages"] == each[36]["languages"]
    assert not (kept / "checkpoints" / "last").exists()


def test_an_average_of_one_is_the_last_step(kept: Path, tiny_data: Path) -> None:
    assert call(score(kept, tiny_data, "average-1")) == 0
    folder = kept / "checkpoints" / "average-1"
    assert pl.read_parquet(folder / "predictions.parquet").equals(pl.read_parquet(kept / "predictions.parquet"))


def test_an_average_is_an_arm_of_its_own(kept: Path, tiny_data: Path, each: dict[int, Any], capsys: Captured) -> None:
    assert call(score(kept, tiny_data, "average-3")) == 0
    folder = kept / "checkpoints" / "average-3"
    scores, record = read_json(folder / "scores.json"), read_json(folder / "run.json")
    assert scores["checkpoint"]["updates"] == [18, 27, 36] and "last 3 snapshots" in scores["checkpoint"]["selected_by"]
    assert scores["arm"] == record["arm"] == "plain-average-3" and record["english_dev"] is None
    assert record["checkpoint"] == scores["checkpoint"]
    table = pl.read_parquet(folder / "predictions.parquet")
    assert all(not table.equals(one["table"]) for one in each.values())
    # Asked again, nothing is to do; asked for other rows, nothing is replaced.
    before = (folder / "scores.json").stat().st_mtime_ns
    assert call(score(kept, tiny_data, "average-3")) == 0
    assert (folder / "scores.json").stat().st_mtime_ns == before
    assert "already scored" in capsys.readouterr().err
    assert call(score(kept, tiny_data, "average-3", "--limit", "3")) == 2
    assert "holds a run of another configuration (selection.limit: None there, 3 here)" in capsys.readouterr().err


def test_the_best_on_english_dev(kept: Path, tiny_data: Path, each: dict[int, Any]) -> None:
    """What a brute-force evaluation of every snapshot on English dev says."""
    assert call(score(kept, tiny_data, "best-dev")) == 0
    record = read_json(kept / "run.json")
    found = {}
    for update in each:
        folder = kept.parent / f"dev-{update}"
        run = kept.parent / f"run-{update}"
        shutil.copytree(kept, run, ignore=shutil.ignore_patterns("checkpoints"))
        told = read_json(run / "run.json")
        told["snapshots"] = [one for one in told["snapshots"] if one["update"] == update]
        (run / "run.json").write_text(json.dumps(told))
        command = ["evaluate", str(run), "--data", str(tiny_data), "--split", "dev", "--languages", "en"]
        assert call([*command, "--threads", "1", "--checkpoint", "average-1", "-o", str(folder)]) == 0
        found[update] = read_json(folder / "scores.json")["languages"]["en"]["score"]
    assert {one["update"]: one["english_dev"]["score"] for one in record["snapshots"]} == found
    assert len(set(found.values())) > 1, "all the same: nothing would be chosen here"
    best = max(found, key=lambda update: (found[update], update))
    scores = read_json(kept / "checkpoints" / "best-dev" / "scores.json")
    assert scores["checkpoint"]["updates"] == [best] and scores["languages"] == each[best]["languages"]
    assert f"English dev: accuracy {found[best]:.2f} on 12 rows" in scores["checkpoint"]["selected_by"]
    dev = read_json(kept / "checkpoints" / "best-dev" / "run.json")["english_dev"]
    assert dev["score"] == found[best]


def test_of_equal_ones_the_later_is_taken(kept: Path) -> None:
    record = read_json(kept / "run.json")
    for one in record["snapshots"]:
        one["english_dev"] = {**record["english_dev"], "score": 50.0 + (one["update"] in (18, 27))}
    assert choose(RunFolder(kept), record, Rule("best-dev")).updates == (27,)
    record["snapshots"][0]["english_dev"] = None
    with pytest.raises(UserError, match="English dev was not scored"):
        choose(RunFolder(kept), record, Rule("best-dev"))


def test_the_oracle_takes_the_best_in_each_language_and_says_so(
    kept: Path, tiny_data: Path, each: dict[int, Any], capsys: Captured
) -> None:
    assert call(score(kept, tiny_data, "oracle")) == 0
    assert "oracle (an upper bound, chosen on the scored rows themselves)" in capsys.readouterr().err
    folder = kept / "checkpoints" / "oracle"
    scores, table = read_json(folder / "scores.json"), pl.read_parquet(folder / "predictions.parquet")
    best = {}
    for language in ("en", "sw", "de", "tr"):
        best[language] = max(each, key=lambda update: (each[update]["languages"][language]["score"], update))
        expected = each[best[language]]
        assert scores["languages"][language] == expected["languages"][language]
        assert table.filter(language=language).equals(expected["table"].filter(language=language))
    assert len(set(best.values())) > 1, "one snapshot is the best in all: a macro oracle would pass"
    told = scores["checkpoint"]
    assert told["upper_bound"] and told["by_language"] == best and "an upper bound" in told["selected_by"]
    assert sorted(os.listdir(folder)) == ["config.json", "predictions.parquet", "run.json", "scores.json"]
    # Nobody takes it for the score of an arm.
    for command in (
        ["report", str(folder), "--output", str(kept.parent / "report")],
        ["compare", str(folder), str(kept)],
        ["compare", str(folder / "predictions.parquet"), str(kept / "predictions.parquet")],
        ["submit", str(folder), "--output", str(kept.parent / "submission")],
    ):
        assert call(command) == 2
        assert "holds the oracle's scores, an upper bound" in capsys.readouterr().err, command[0]


def test_a_killed_oracle_goes_on_with_the_next_snapshot(
    kept: Path, tiny_data: Path, each: dict[int, Any], tmp_path: Path
) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    shutil.copytree(kept, run, ignore=shutil.ignore_patterns("checkpoints"))
    for moment in (("18.json", 1, "before"), ("scores.json", 1, "before")):
        assert finish(start(score(run, tiny_data, "oracle"), log, moment)) == -signal.SIGKILL
    assert finish(start(score(run, tiny_data, "oracle"), log)) == 0, log.read_text(encoding="utf-8")
    said = log.read_text(encoding="utf-8")
    assert [said.count(f"oracle: snapshot {number} of 4") for number in (1, 2, 3, 4)] == [1, 2, 1, 1]
    found = read_json(run / "checkpoints" / "oracle" / "scores.json")["languages"]
    assert {code: cell["score"] for code, cell in found.items()} == {
        code: max(one["languages"][code]["score"] for one in each.values()) for code in found
    }


def test_what_a_run_did_not_keep(
    kept: Path, tiny_data: Path, tiny_encoder: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert call(train_command(tiny_data, tiny_encoder, tmp_path / "run", "--train-rows", "16")) == 0
    assert call(score(tmp_path / "run", tiny_data, "last")) == 0
    for rule in ("average-2", "best-dev", "oracle"):
        assert call(score(tmp_path / "run", tiny_data, rule)) == 2
        assert f"kept no snapshots of its weights, which the rule {rule} needs" in capsys.readouterr().err
    shutil.copytree(kept, tmp_path / "kept", ignore=shutil.ignore_patterns("checkpoints"))
    (tmp_path / "kept" / "snapshots" / "000000018.safetensors").unlink()
    for rule, said in (
        ("average-5", "average-5 takes 5 snapshots, and "), ("average-3", "000000018.safetensors is missing"),
        ("oracle", "000000018.safetensors is missing"), ("averge-3", "unknown checkpoint rule 'averge-3'"),
    ):  # fmt: skip
        assert call(score(tmp_path / "kept", tiny_data, rule)) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "kept" / "checkpoints").exists()
    assert call(score(tmp_path / "kept", tiny_data, "average-2")) == 0

"""``xtremor attack`` on tiny runs: what it finds, what it writes, that it goes on where it was, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.commands import call, read_json, train_command
from helpers.own import Own

from xtremor.evaluation.attack import cells

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")
RADII = (0.0, 0.1, 0.3, 1.0, 4.0)


@pytest.fixture(scope="module")
def trained(tiny_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learnt its task; not to be written to."""
    folder = tmp_path_factory.mktemp("attacked") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTREMOR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        options = ("--epochs", "25", "--learning-rate", "1e-2")
        assert call(train_command(tiny_data, tiny_encoder, folder, *options)) == 0
    return folder


def attack(run: Path, data: Path, output: Path, *more: str) -> int:
    """An attack on Swahili and Turkish; ``more`` overrides."""
    stated = {
        "--languages": "sw,tr",
        "--radii": ",".join(map(str, RADII)),
        "--steps": "6",
        "--draws": "2",
        "--threads": "1",
    }
    options = [word for name, value in stated.items() if name not in more for word in (name, value)]
    return call(["attack", str(run), "--data", str(data), "--output", str(output), *options, *more])


def scores(result: dict[str, Any], language: str, condition: str, key: str = "score") -> list[float]:
    """Of one run, by ascending size."""
    found = [cell for cell in result["cells"] if (cell["language"], cell["condition"]) == (language, condition)]
    return [cell[key] for cell in found]


def test_an_attack_is_worse_than_noise_and_the_larger_the_worse(
    trained: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attack(trained, tiny_data, tmp_path / "out", "--character-rates", "0.2,1") == 0
    result = read_json(tmp_path / "out" / "attack.json")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(result["cells"]) == 1 + 2 * (1 + 5 + 5 + 2)
    for language in ("sw", "tr"):
        clean, under, noise = (scores(result, language, name) for name in ("clean", "attack", "noise"))
        assert under[0] == noise[0] == clean[0] > 60
        assert under == sorted(under, reverse=True) and under[-1] == 0
        assert all(a <= b for a, b in zip(under, noise, strict=True)) and under[3] < noise[3] - 30
        broken = scores(result, language, "attack", "broken")
        assert broken[0] == 0 and broken[-1] == 100
    cell = result["cells"][0]
    assert cell["low"] <= cell["score"] <= cell["high"] and cell["items"] == 12 and cell["forward"] == 12
    assert set(cell["calibration"]) == {"ece", "ece_equal_mass", "confidence"} and cell["site_unit"] > 0
    for key in ("command", "created", "versions", "machine", "selection", "settings", "runs", "data"):
        assert result[key], key


def test_predictions_under_attack_are_kept_item_by_item(trained: Path, tiny_data: Path, tmp_path: Path) -> None:
    assert attack(trained, tiny_data, tmp_path / "out") == 0
    result = read_json(tmp_path / "out" / "attack.json")
    table = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert table.height == 12 * len(result["cells"]) and table["run"].unique().to_list() == ["run"]
    for cell in result["cells"]:
        part = table.filter(language=cell["language"], condition=cell["condition"], size=cell["size"])
        assert part["row"].to_list() == list(range(12))
        assert 100 * part["mean_score"].mean() == pytest.approx(cell["score"])
        assert part["score"].to_list() == (part["gold"] == part["predicted"]).cast(pl.Float64).to_list()
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "attack.html", "attack.json", "attack.svg", "config.json", "predictions.parquet"
    ]  # fmt: skip


def test_clean_is_what_evaluate_gives(trained: Path, tiny_data: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    assert call(["evaluate", str(run), "--data", str(tiny_data), "--languages", "sw", "--threads", "1"]) == 0
    assert attack(run, tiny_data, run / "attack", "--languages", "sw", "--radii", "0.1") == 0
    evaluated = read_json(run / "scores.json")
    cell = read_json(run / "attack" / "attack.json")["cells"][0]
    assert cell["score"] == evaluated["languages"]["sw"]["score"]
    for name, value in evaluated["calibration"]["sw"].items():
        assert cell["calibration"][name] == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("finished", [1, 3, 8])
def test_interrupted_it_goes_on_to_the_same_end(
    finished: int,
    trained: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert attack(trained, tiny_data, tmp_path / "straight") == 0
    write, made = cells.write_cell, []

    def counted(path: Path, table: Any, facts: Any) -> None:
        if len(made) == finished:
            raise KeyboardInterrupt
        write(path, table, facts)
        made.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(cells, "write_cell", counted)
        assert attack(trained, tiny_data, tmp_path / "stopped") == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "stopped" / "attack.json").exists()
    assert attack(trained, tiny_data, tmp_path / "stopped") == 0
    assert all(not path.exists() for path in made)
    straight, stopped = (read_json(tmp_path / name / "attack.json")["cells"] for name in ("straight", "stopped"))
    for cell in (*straight, *stopped):
        del cell["seconds"]
    assert straight == stopped
    tables = [pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("straight", "stopped")]
    assert tables[0].equals(tables[1])


def test_runs_are_compared_on_the_same_items_and_draws(
    trained: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same weights under two names get the same figures everywhere; asked again, nothing is done."""
    twin = shutil.copytree(trained, tmp_path / "twin")
    more = (str(twin), "--radii", "0.3,1", "--character-rates", "0.5", "--languages", "sw")
    assert attack(trained, tiny_data, tmp_path / "out", *more) == 0
    result = read_json(tmp_path / "out" / "attack.json")
    assert list(result["runs"]) == ["run", "twin"]
    by_run = [[cell for cell in result["cells"] if cell["run"] == name] for name in result["runs"]]
    for one, two in zip(*by_run, strict=True):
        assert {**one, "run": "", "seconds": 0} == {**two, "run": "", "seconds": 0}
    page = (tmp_path / "out" / "attack.html").read_text(encoding="utf-8")
    assert page.count("<code>") == 2 and "http-equiv" in page and "<script src" not in page
    assert "<svg" in (tmp_path / "out" / "attack.svg").read_text(encoding="utf-8")
    capsys.readouterr()
    assert attack(trained, tiny_data, tmp_path / "out", *more) == 0
    assert "already attacked" in capsys.readouterr().err
    assert attack(trained, tiny_data, tmp_path / "out", *more, "--seed", "1") == 2
    assert "another configuration (attack.seed: 0 there, 1 here" in capsys.readouterr().err


@pytest.mark.parametrize("category", ["choice", "tagging", "spans"])
def test_other_kinds_of_files(category: str, learnt_kind: Callable[[str], tuple[Own, Path]], tmp_path: Path) -> None:
    own, run = learnt_kind(category)
    more = ("--radii", "0.3,10", "--character-rates", "0.5", "--limit", "4", "--languages", own.file.stem[:2])
    assert attack(run, own.test, tmp_path / "out", *more) == 0
    result = read_json(tmp_path / "out" / "attack.json")
    clean, low, high, *_ = (cell["score"] for cell in result["cells"])
    assert clean >= 50 and clean >= low >= high and high < 20
    metric = {"choice": "accuracy", "tagging": "token_accuracy", "spans": "f1"}[category]
    assert all(cell["metric"] == metric for cell in result["cells"])
    assert all(("exact_match" in cell.get("figures", {})) == (category == "spans") for cell in result["cells"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--radii", "0.1,x"), "--radii: 'x' is no number"),
        (("--radii", "0.3,0.1"), "--radii 0.3,0.1: name each once, ascending"),
        (("--radii", "-1"), "--radii must be numbers of at least 0, not -1.0"),
        (("--radii", "nan"), "--radii must be numbers of at least 0, not nan"),
        (("--radii", ""), "there is nothing to do"),
        (("--character-rates", "2"), "--character-rates are shares of words, from 0 to 1, not 2.0"),
        (("--norm", "l1"), "unknown norm 'l1' (nearest: l2"),
        (("--site", "wrod"), "unknown site 'wrod' (nearest: word)"),
        (("--loss", "hinge"), "unknown loss 'hinge'"),
        (("--steps", "0"), "--steps must be at least 1, not 0"),
        (("--languages", "swa"), "unknown language of xnli 'swa' (nearest: sw)"),
        (("--task", "panx"), "was trained on xnli (classification) and cannot answer panx (tagging)"),
        (("--threads", "0"), "--threads must be at least 1"),
    ],
)
def test_refusals(
    trained: Path,
    tiny_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    message: str,
) -> None:
    assert attack(trained, tiny_data, tmp_path / "out", *more) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said and said.count("error: ") == 1
    assert not (tmp_path / "out").exists()


def test_runs_that_cannot_be_attacked(
    trained: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        assert call(["attack", *arguments, "--data", str(tiny_data), "--languages", "sw"]) == 2
        return capsys.readouterr().err

    run = shutil.copytree(trained, tmp_path / "run")
    assert "name it with --output" in said(str(trained), str(run))
    assert "folders of the same name" in said(str(run), str(run), "-o", str(tmp_path / "out"))
    shutil.rmtree(run / "model")
    assert "keeps no model" in said(str(run))
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps({**record, "task": "tatoeba", "category": "retrieval"}), encoding="utf-8")
    (run / "model").mkdir()
    assert "tatoeba is retrieval" in said(str(run))
    assert not (run / "attack").exists()

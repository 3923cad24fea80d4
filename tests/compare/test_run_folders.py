"""Runs and prediction files as input: their items reach the bootstrap, and what differs is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from helpers.compared import write_runs

from xtremor.compare.aa import halves_of, text
from xtremor.compare.comparison import compare
from xtremor.compare.folders import is_predictions, load
from xtremor.compare.settings import CompareSettings
from xtremor.compare.table import Target, restrict
from xtremor.errors import UserError
from xtremor.scoring.predictions import read_predictions, write_predictions
from xtremor.stats import crossed_difference, resample_items
from xtremor.stats.hierarchical import interval


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seeds of two arms; not to be written to."""
    return write_runs(tmp_path_factory.mktemp("runs"), {"plain": 0.5, "pgd-1": 0.56})


def test_scores_and_items_of_run_folders(runs: Path) -> None:
    loaded = load([runs])
    assert set(loaded.table.systems) == {"plain", "pgd-1"} and loaded.table.tasks == ("xnli",)
    told = json.loads((runs / "plain-seed2" / "scores.json").read_text(encoding="utf-8"))["languages"]
    assert loaded.table.scores["plain"]["2"][Target("xnli", "sw")] == pytest.approx(told["sw"]["score"])
    items = loaded.items["xnli"]
    place = next(i for i, key in enumerate(items.runs) if (key.system, key.seed) == ("plain", "2"))
    cell = items.cells["sw"]
    assert cell.sums.shape == (10, 20, 2) and len(cell.clusters) == 20
    assert 100 * cell.sums[place, :, 0].sum() / 60 == pytest.approx(told["sw"]["score"])


def test_the_bootstrap_of_a_comparison_is_that_of_its_cells(runs: Path) -> None:
    loaded = load([runs])
    found = compare(loaded.table, CompareSettings(replicates=400, seed=3), loaded.items)
    main = found.contrasts[0].main
    assert main.bootstrap is not None and main.customary is not None and main.bootstrap.replicates == 400
    items = loaded.items["xnli"]
    codes = [test.language for test in found.scores.tests]
    drawn = resample_items({code: items.cells[code] for code in codes}, 400, 3, "xnli")
    mean = np.mean([drawn[code] for code in codes], axis=0)
    sides = [
        [next(i for i, key in enumerate(items.runs) if (key.system, key.seed) == (name, seed)) for seed in "12345"]
        for name in (main.treatment, main.control)
    ]
    seen = np.array(main.values[0]), np.array(main.values[1])
    expected = interval(crossed_difference(mean[:, sides[0]], mean[:, sides[1]], seen, True, 3), main.effect, runs=(5,))
    assert (main.bootstrap.low, main.bootstrap.high) == pytest.approx((expected.low, expected.high), abs=1e-3)
    # With seeds fixed the interval is narrower: it does not see their scatter.
    assert main.customary.high - main.customary.low < main.bootstrap.high - main.bootstrap.low
    each = found.variances["plain"]["xnli"]
    assert each.items is not None and 0 < each.items <= 1.5 * each.language and each.test_set is not None
    alone = compare(loaded.table, CompareSettings(replicates=0), loaded.items)
    assert alone.contrasts[0].main.bootstrap is None


def test_a_run_that_did_not_learn_is_named(runs: Path, tmp_path: Path) -> None:
    copy = tmp_path / "runs"
    shutil.copytree(runs, copy)
    assert load([copy]).notes == load([runs]).notes
    record = copy / "pgd-1-seed3" / "run.json"
    told = json.loads(record.read_text(encoding="utf-8"))
    doubt = "the run did not learn: its training loss ended at 1.099, guessing gives 1.099; try another --learning-rate"
    record.write_text(json.dumps({**told, "warnings": ["something else", doubt]}), encoding="utf-8")
    assert [note for note in load([copy]).notes if note not in load([runs]).notes] == [f"pgd-1-seed3: {doubt}."]


def test_order_of_folders_does_not_matter(runs: Path) -> None:
    folders = sorted(runs.iterdir())
    one, other = load(folders), load(folders[::-1])
    settings = CompareSettings(baseline="plain", replicates=200)
    first = compare(one.table, settings, one.items).contrasts[0].main
    second = compare(other.table, settings, other.items).contrasts[0].main
    assert (first.bootstrap, first.difference) == (second.bootstrap, second.difference)


def test_prediction_files_alone(runs: Path, tmp_path: Path) -> None:
    for folder in runs.iterdir():
        shutil.copy(folder / "predictions.parquet", tmp_path / f"{folder.name}.parquet")
    assert is_predictions(tmp_path / "plain-seed1.parquet") and not is_predictions(runs / "plain-seed1" / "run.json")
    found, expected = load([tmp_path]), load([runs])
    for system in expected.table.systems:
        for seed, cells in expected.table.scores[system].items():
            assert found.table.scores[system][seed] == pytest.approx(cells)
    assert load(sorted(tmp_path.iterdir())).table.scores == found.table.scores


def test_second_stages_on_one_first_stage_count_once(tmp_path: Path) -> None:
    staged = write_runs(tmp_path, {"plain": 0.5}, range(1, 7), stage={1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3})
    loaded = load([staged])
    assert loaded.table.systems == ("plain after plain on mnli",)
    assert loaded.table.seeds("plain after plain on mnli") == ("1", "2", "3")
    assert "Several second stages on one first stage are averaged" in loaded.table.notes[0]


def test_without_predictions_there_is_no_bootstrap(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    (tmp_path / "runs" / "plain-seed1" / "predictions.parquet").unlink()
    loaded = load([tmp_path / "runs"])
    assert not loaded.items and loaded.table.scores["plain"].keys() == set("12345")
    found = compare(loaded.table, None, loaded.items)
    assert any("Without predictions there is no bootstrap" in note for note in found.notes)


def spoil_predictions(folder: Path, column: str) -> None:
    """Change the first row of a run's predictions."""
    table, told = read_predictions(folder / "predictions.parquet")
    changed = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit("spoilt")).otherwise(pl.col(column)).alias(column)
    write_predictions(folder / "predictions.parquet", table.with_columns(changed), told)


def test_what_cannot_be_compared(runs: Path, tmp_path: Path) -> None:
    def copy(name: str) -> Path:
        shutil.copytree(runs, tmp_path / name)
        return tmp_path / name

    spoil_predictions(copy("items") / "plain-seed2", "file")
    with pytest.raises(UserError, match="were scored on different items or labels of 'en'"):
        load([tmp_path / "items"])
    spoil_predictions(copy("scores") / "plain-seed2", "predicted")
    with pytest.raises(UserError, match=r"scores.json has .* its predictions give"):
        load([tmp_path / "scores"])
    split = copy("split") / "plain-seed2" / "scores.json"
    split.write_text(split.read_text(encoding="utf-8").replace('"split": "test"', '"split": "dev"'), encoding="utf-8")
    with pytest.raises(UserError, match="differ in split"):
        load([tmp_path / "split"])
    twice = copy("twice")
    shutil.copytree(twice / "plain-seed1", twice / "again")
    with pytest.raises(UserError, match="are both of system 'plain' on xnli en, seed 1"):
        load([twice])
    with pytest.raises(UserError, match="--task panx: the runs are of xnli"):
        load([runs], "panx")


def test_halves_of_runs(runs: Path, tmp_path: Path) -> None:
    loaded = load([runs])
    found = halves_of(loaded.table, loaded.items, "plain", replicates=200)
    assert found.seeds == tuple("12345") and found.languages == ("de", "ru", "sw", "te")
    # Five runs: one is left out, ten choices of the rest, three ways to pair them.
    assert {rate.comparisons for rate in found.rates} == {15, 10}
    assert found.variances.items is not None and set(found.visible) == {5, 10, 20}
    shown = text(found)
    assert "plain, 5 runs split in two at random" in shown and "of it noise of finite items" in shown
    json.dumps(found.record(), allow_nan=False)
    assert not [rate for rate in halves_of(loaded.table, {}, "plain").rates if "bootstrap" in rate.test]
    for table, system, message in (
        (loaded.table, None, "--split-half is over runs of one system"),
        (loaded.table, "none", "unknown system 'none'"),
    ):
        with pytest.raises(UserError, match=message):
            halves_of(table, {}, system)
    few = write_runs(tmp_path / "few", {"plain": 0.5}, range(1, 4))
    with pytest.raises(UserError, match="at least 4 runs of 'plain'"):
        halves_of(restrict(load([few]).table, None, None), {})

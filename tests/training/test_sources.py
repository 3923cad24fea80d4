"""Several source languages: equal totals, nothing of a source in zero-shot averages, English alone as before."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from helpers.commands import call, train_command
from helpers.tiny import write_panx

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.sources.base import training_examples
from xtremor.tasks.cards import card
from xtremor.training.config import TrainSettings
from xtremor.training.sources import draw, source_codes, training_rows

pytestmark = pytest.mark.usefixtures("own_cache", "one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WikiANN's layout with training sets in English, Swahili (as long) and Yoruba (5 sentences)."""
    folder = write_panx(tmp_path_factory.mktemp("data"), languages=("en", "sw", "yo", "de"))
    english = (folder / "panx" / "train-en.tsv").read_text(encoding="utf-8")
    (folder / "panx" / "train-sw.tsv").write_text(english, encoding="utf-8")
    (folder / "panx" / "train-yo.tsv").write_text("\n\n".join(english.split("\n\n")[:5]) + "\n\n", encoding="utf-8")
    return folder


def settings(sources: str | None = None, rows: int | None = None) -> TrainSettings:
    return TrainSettings("panx", train_rows=rows, sources=None if sources is None else source_codes(sources))


def test_sources_share_the_total_alike(data: Path) -> None:
    source = open_source(card("panx"), data)
    rows = training_rows(source, settings("sw,en", 21))
    assert Counter(row.language for row in rows) == {"en": 11, "sw": 10}
    assert [row.language for row in rows] == sorted(row.language for row in rows)
    # The rows of a source are those that it would give alone.
    assert rows[:11] == draw(source.examples("train", "en"), 11, 0)
    assert training_rows(source, settings("en,sw", 21)) == rows


def test_without_a_number_the_smallest_source_sets_the_share(data: Path) -> None:
    found = training_rows(open_source(card("panx"), data), settings("en,yo"))
    assert Counter(row.language for row in found) == {"en": 5, "yo": 5}


def test_english_alone_is_as_before_and_says_nothing(data: Path) -> None:
    source = open_source(card("panx"), data)
    assert training_rows(source, settings(rows=9)) == draw(training_examples(source), 9, 0)
    assert "sources" not in settings().as_dict() and settings().arm == "plain"
    several = settings("sw,de")
    assert several.as_dict()["sources"] == ["de", "sw"] and several.arm == "plain-from-de+sw"
    assert TrainSettings.from_dict(several.as_dict()) == several


@pytest.mark.parametrize(
    ("sources", "rows", "said"),
    [
        ("en,yo", 40, "yo has 5 training rows and its share of 40 is 20.*at most 10"),
        ("en,de", 4, "no training set in de"),
    ],
)
def test_a_source_with_too_few_rows_or_none_is_named(data: Path, sources: str, rows: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        training_rows(open_source(card("panx"), data), settings(sources, rows))


@pytest.mark.parametrize(("text", "said"), [(",", "names no language"), ("de,de", "more than once"), ("xx", "unknown")])
def test_codes_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        source_codes(text)


def test_a_source_is_in_no_zero_shot_average(tiny_encoder: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    more = ("--task", "panx", "--sources", "en,sw", "--train-rows", "32", "--evaluate", "--languages", "en,sw,yo,de")
    assert call(train_command(data, tiny_encoder, out, *more)) == 0
    record, scores = (json.loads((out / name).read_text()) for name in ("run.json", "scores.json"))
    assert record["training"]["sources"] == ["en", "sw"] and record["arm"] == "plain-from-en+sw"
    cells = {code: cell["score"] for code, cell in scores["languages"].items()}
    assert scores["trained_on"] == ["sw"] and set(cells) == {"en", "sw", "yo", "de"}
    assert scores["average_without_english"] == pytest.approx((cells["yo"] + cells["de"]) / 2)
    assert sum(cell["languages"] for cell in scores["strata"]["script"].values()) == 2
    # And in none of the report, nor where real scores are read.
    assert call(["report", str(out), "--output", str(tmp_path / "report")]) == 0
    assert "trained on their labels: sw" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    from xtremor.analysis.selection.scores import read_scores

    found = read_scores([out])
    assert set(found.several) == {"en+sw"} and set(found.several["en+sw"]) == {"yo", "de"}
    assert pl.read_parquet(out / "predictions.parquet")["language"].n_unique() == 4

"""A task made of a user's English file: what is read, what is set aside for dev, what is recorded."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

from xtremor.errors import UserError
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.kinds import Named
from xtremor.sources.own.source import OwnSource, own_record, recorded_source
from xtremor.sources.own.task import OwnTask
from xtremor.sources.own.training import OwnRows, read_labelled, read_training, set_aside
from xtremor.tasks.base import TextExample


def frame(rows: int = 60, seed: int = 0) -> pl.DataFrame:
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(["fine", "bad", "so", "slow"], k=5)) + f" {seed} {row}" for row in range(rows)]
    return pl.DataFrame({"text": texts, "stars": [str(row % 3 + 1) for row in range(rows)]})


@pytest.fixture
def own(tmp_path: Path) -> OwnRows:
    frame().write_csv(tmp_path / "reviews.csv")
    return read_training("reviews", tmp_path / "reviews.csv")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_task(tmp_path: Path, own: OwnRows, suffix: str) -> None:
    path = tmp_path / f"other.{suffix}"
    numbered = frame().with_columns(pl.col("stars").cast(pl.Int64))
    write = {"csv": numbered.write_csv, "jsonl": numbered.write_ndjson, "parquet": numbered.write_parquet}
    write["tsv"] = lambda target: numbered.write_csv(target, separator="\t")
    write[suffix](path)
    found = read_training("reviews", path)
    assert found.task.columns == Columns("text", None, "stars") and found.task.labels == ("1", "2", "3")
    assert [(each.texts, each.label, each.row) for each in found.train] == [
        (each.texts, each.label, each.row) for each in own.train
    ]
    assert found.task.train.file == f"other.{suffix}" and found.task.train.rows == 60


def test_examples_are_identified_by_file_and_row(own: OwnRows) -> None:
    both = sorted([*own.train, *own.dev], key=lambda each: each.row)
    assert [each.row for each in both] == list(range(60)) and len(own.dev) == 3
    assert {each.file for each in both} == {"reviews.csv"} and {each.language for each in both} == {"en"}
    assert {each.task for each in both} == {"reviews"}
    assert [each.texts[0] for each in both] == frame()["text"].to_list()


def test_what_is_said(own: OwnRows) -> None:
    said = "\n".join(own.sentences)
    assert "60 rows, none dropped; text in column 'text', label in column 'stars' with 3 classes (1: 33.3%" in said
    assert "English dev: 3 rows of the training file, set aside with seed 0" in said
    assert own.notes == ("3 rows of reviews.csv, drawn with seed 0, are the English dev set",)


def made(texts: list[str]) -> list[TextExample]:
    return [TextExample("t", "f", row, text, "en", (text,), "x") for row, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("texts", "size"),
    [
        ([f"t{n}" for n in range(200)], 10),
        ([f"t{n}" for n in range(30_000)], 1000),
        ([f"t{n // 4}" for n in range(400)], 20),
        (["same"] * 100, 0),
        ([f"t{n}" for n in range(19)], 0),
    ],
)
def test_rows_of_equal_text_stay_on_one_side(texts: list[str], size: int) -> None:
    train, dev = set_aside(made(texts))
    assert len(dev) == size and len(train) + len(dev) == len(texts)
    assert not {each.texts for each in train} & {each.texts for each in dev}
    assert (train, dev) == set_aside(made(texts))
    for side in (train, dev):
        assert [each.row for each in side] == sorted(each.row for each in side)


def test_pairs_share_a_cluster_by_their_first_text(tmp_path: Path) -> None:
    rows = {"a": [f"premise {n // 3} of it" for n in range(90)], "b": [f"hypothesis {n} here" for n in range(90)]}
    pl.DataFrame({**rows, "y": ["yes", "no", "may"] * 30}).write_csv(tmp_path / "nli.csv")
    found = read_training("nli", tmp_path / "nli.csv", "a", "b", "y")
    assert found.train[0].texts == ("premise 0 of it", "hypothesis 0 here")
    assert len({each.cluster for each in [*found.train, *found.dev]}) == 30 and len(found.dev) == 3


def test_a_dev_file(tmp_path: Path, own: OwnRows) -> None:
    frame(9, 1).vstack(frame(3, 0)).write_csv(tmp_path / "dev.csv")
    found = read_training("reviews", tmp_path / "reviews.csv", dev=tmp_path / "dev.csv")
    assert len(found.train) == 60 and len(found.dev) == 12 and found.task.dev is not None
    assert found.task.dev.file == "dev.csv" and found.task.dev_rows == 12
    assert "3 of 12 rows of dev.csv have a text that is trained on" in found.notes
    with pytest.raises(UserError, match="holds the same as --train"):
        read_training("reviews", tmp_path / "reviews.csv", dev=tmp_path / "reviews.csv")


def test_texts_with_several_labels_are_counted(tmp_path: Path) -> None:
    pl.concat([frame(), frame(2).with_columns(pl.lit("3").alias("stars"))]).write_csv(tmp_path / "a.csv")
    assert "4 rows of a.csv have a text that occurs with several labels" in read_training("a", tmp_path / "a.csv").notes


def test_csv_quotes_in_a_tsv_are_counted(tmp_path: Path) -> None:
    lines = ['text\tstars\n"so ""fine"" it is"\t1\n', *(f"text number {n} here\t{n % 2}\n" for n in range(8))]
    (tmp_path / "a.tsv").write_text("".join(lines), encoding="utf-8")
    assert "1 texts of" in read_training("a", tmp_path / "a.tsv").notes[0]


BAD = [
    ('{"text": "a b"}\n', "column 'stars' has no label"),
    ('{"text": "a b", "stars": null}\n', "column 'stars' has no label"),
    ('{"text": "a b", "stars": " "}\n', "column 'stars' has no label"),
    ('{"text": " ", "stars": 1}\n', "column 'text' is empty"),
    ('{"stars": 1}\n', "column 'text' is missing"),
    ('{"text": 5, "stars": 1}\n', "column 'text' is no text but '5'"),
    ('{"text": ["a"], "stars": 1}\n', "column 'text' is no text"),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    good = "".join(json.dumps({"text": f"a text {n}", "stars": n % 2}) + "\n" for n in range(6))
    (tmp_path / "a.jsonl").write_text(good + line + good, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_training("a", tmp_path / "a.jsonl", "text", None, "stars")
    assert f"a.jsonl, line 7: {message}" in str(refused.value)


def test_another_file_must_use_the_classes_of_training(tmp_path: Path, own: OwnRows) -> None:
    (tmp_path / "sw.csv").write_text("text,stars\nnzuri,1\nmbaya,4\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"sw.csv, line 3: label '4' is none of the training file's \(known: 1, 2, 3\)"):
        read_labelled(own.task, tmp_path / "sw.csv", "sw")
    with pytest.raises(UserError, match=r"unknown column of .*'note'"):
        read_labelled(own.task, tmp_path / "sw.csv", "sw", columns=Columns("text", None, "note"))
    (tmp_path / "sw.txt").write_text("nzuri\n", encoding="utf-8")
    with pytest.raises(UserError, match="has no labels"):
        read_labelled(own.task, tmp_path / "sw.txt", "sw")


def test_a_task_is_restored_from_its_record(tmp_path: Path, own: OwnRows) -> None:
    frame(6, 2).write_csv(tmp_path / "swh.csv")
    frame(6, 3).rename({"text": "t", "stars": "s"}).write_csv(tmp_path / "de.csv")
    source = OwnSource(own.task, own, f"{tmp_path}/swh.csv")
    record = json.loads(json.dumps(own_record(source)))
    assert OwnTask.from_dict(record) == own.task
    assert "category" not in record and "choices" not in record["columns"], "as before there were other kinds"
    none = Named()
    again = recorded_source(record, tmp_path / "swh.csv", none)
    assert again.languages("test") == ["sw"] and again.languages("train") == again.languages("dev") == []
    assert again.examples("test", "sw") == source.examples("test", "sw") and again.labels() == ("1", "2", "3")
    other = recorded_source(record, tmp_path / "de.csv", Named("t", None, "s"))
    assert len(other.examples("test", "de")) == 6
    with pytest.raises(UserError, match="name labelled files with --data"):
        recorded_source(record, None, none)
    with pytest.raises(UserError, match="was it edited"):
        OwnTask.from_dict({**record, "columns": {"words": "text"}})
    with pytest.raises(UserError, match="was it edited"):
        OwnTask.from_dict({**record, "category": "parsing"})


def test_what_a_source_records(tmp_path: Path, own: OwnRows) -> None:
    frame().write_csv(tmp_path / "en.csv")
    frame(6, 2).write_csv(tmp_path / "qqq.csv")
    source = OwnSource(own.task, own, f"{tmp_path}/en.csv,{tmp_path}/qqq.csv")
    assert source.languages("dev") == ["en"] and source.languages("test") == ["en", "qqq"]
    source.examples("test", "en")
    record = source.record()
    name = f"{tmp_path}/en.csv"
    assert record.files[name] == {"sha256": own.task.train.sha256, "rows": 60, "dropped": 0, "why": ""}
    assert any("was trained or checked with" in note for note in record.notes)
    assert any("qqq" in note for note in record.notes)
    with pytest.raises(UserError, match="has no file of sw"):
        source.examples("test", "sw")


def test_the_card_says_whose_data_it_is(own: OwnRows) -> None:
    card = own.task.card()
    assert (card.name, card.category, card.source, card.metric) == ("reviews", "classification", "own", "accuracy")
    assert card.labels == ("1", "2", "3") and card.languages == () and "reviews.csv" in card.train

"""Pairs in the official layout: identity, clusters, labels, and every way in which a folder can be wrong."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.sources.official import open_official
from xtremor.tasks.cards import card

XNLI = card("xnli")
LABELS = ("neutral", "contradiction", "entailment")


def tsv(language: str, premises: int = 2, end: str = "\n") -> str:
    """Three hypotheses for each premise, as XNLI has them."""
    return "".join(
        f"{language} premise {n // 3}\t{language} hypothesis {n}\t{LABELS[n % 3]}{end}" for n in range(3 * premises)
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three languages."""
    folder = tmp_path / "xnli"
    folder.mkdir()
    for split in ("dev", "test"):
        for language in ("de", "en", "sw"):
            (folder / f"{split}-{language}.tsv").write_text(tsv(language), encoding="utf-8", newline="")
    (folder / "train-en.tsv").write_text(tsv("en", 4), encoding="utf-8", newline="")
    return tmp_path


def edit(data: Path, name: str, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (data / "xnli" / name).write_bytes(raw)


def test_rows_become_examples_with_a_lasting_identity(data: Path) -> None:
    example = open_official(XNLI, data).examples("test", "de")[4]
    assert (example.task, example.file, example.row) == ("xnli", "xnli/test-de.tsv", 4)
    assert (example.language, example.label) == ("de", "contradiction")
    assert example.texts == ("de premise 1", "de hypothesis 4")


def test_the_task_folder_itself_may_be_named_and_changes_no_identity(data: Path) -> None:
    inside, outside = open_official(XNLI, data / "xnli"), open_official(XNLI, data)
    assert inside.examples("dev", "sw") == outside.examples("dev", "sw")
    assert inside.record() == outside.record()


def test_translations_and_hypotheses_of_a_premise_share_a_cluster(data: Path) -> None:
    source = open_official(XNLI, data)
    english, german = source.examples("test", "en"), source.examples("test", "de")
    assert [each.cluster for each in english] == [each.cluster for each in german]
    assert [each.cluster for each in german] == ["xnli/test/0"] * 3 + ["xnli/test/1"] * 3
    assert not {each.cluster for each in source.examples("dev", "de")} & {each.cluster for each in german}


def test_training_rows_cluster_by_premise_wherever_they_stand(data: Path) -> None:
    edit(data, "train-en.tsv", "a\tx\tneutral\nb\tx\tneutral\na\ty\tentailment\n")
    clusters = [each.cluster for each in open_official(XNLI, data).examples("train", "en")]
    assert clusters == ["xnli/train/0", "xnli/train/1", "xnli/train/0"]


def test_languages_are_those_on_disk_in_the_cards_order(data: Path) -> None:
    source = open_official(XNLI, data)
    assert source.languages("test") == ["de", "en", "sw"]
    assert source.languages("train") == ["en"]


def test_the_record_has_hashes_rows_and_what_is_missing(data: Path) -> None:
    source = open_official(XNLI, data)
    assert source.record().files == {}
    source.examples("train", "en")
    source.examples("test", "de")
    record = source.record()
    content = (data / "xnli" / "test-de.tsv").read_bytes()
    assert record.files["xnli/test-de.tsv"] == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": 6,
        "dropped": 0,
        "why": "",
    }
    # The English test was read for the clusters, so it belongs to the record.
    assert set(record.files) == {"xnli/train-en.tsv", "xnli/test-de.tsv", "xnli/test-en.tsv"}
    notes = " | ".join(record.notes)
    assert "xnli/train-en.tsv: 12 rows, the published file has 392,702" in notes
    assert "no test file for ar, bg, el" in notes and "no dev file" not in notes


def test_notes_are_not_repeated_when_a_file_is_read_twice(data: Path) -> None:
    source = open_official(XNLI, data)
    source.examples("test", "de")
    once = source.record()
    source.examples("test", "de")
    assert source.record() == once


def test_labels_that_differ_from_english_are_counted(data: Path) -> None:
    edit(data, "test-de.tsv", tsv("de").replace("neutral", "entailment", 1))
    source = open_official(XNLI, data)
    assert source.examples("test", "de")[0].label == "entailment"
    assert "xnli/test-de.tsv: 1 of 6 labels differ from the English file's" in source.record().notes


def test_a_file_that_is_not_parallel_gets_clusters_of_its_own(data: Path) -> None:
    edit(data, "test-de.tsv", tsv("de", 3))
    source = open_official(XNLI, data)
    german = {each.cluster for each in source.examples("test", "de")}
    assert german == {"xnli/test/de/0", "xnli/test/de/1", "xnli/test/de/2"}
    assert not german & {each.cluster for each in source.examples("test", "sw")}
    assert any("9 rows but 6 in English" in note for note in source.record().notes)


@pytest.mark.parametrize("english", [None, "a\tb\n" * 6])
def test_without_usable_english_the_file_is_still_read(data: Path, english: str | None) -> None:
    before = [each.cluster for each in open_official(XNLI, data).examples("test", "de")]
    if english is None:
        (data / "xnli" / "test-en.tsv").unlink()
    else:
        edit(data, "test-en.tsv", english)
    source = open_official(XNLI, data)
    assert [each.cluster for each in source.examples("test", "de")] == before
    assert any("no usable test-en.tsv" in note for note in source.record().notes)


def test_without_english_premises_that_are_not_in_threes_stand_alone(data: Path) -> None:
    (data / "xnli" / "test-en.tsv").unlink()
    edit(data, "test-de.tsv", "a\tx\tneutral\nb\tx\tneutral\na\ty\tentailment\n")
    clusters = [each.cluster for each in open_official(XNLI, data).examples("test", "de")]
    assert clusters == ["xnli/test/de/0", "xnli/test/de/1", "xnli/test/de/0"]


def test_the_original_spelling_of_contradiction_is_read_and_noted(data: Path) -> None:
    edit(data, "train-en.tsv", tsv("en").replace("contradiction", "contradictory"))
    source = open_official(XNLI, data)
    assert Counter(each.label for each in source.examples("train", "en"))["contradiction"] == 2
    assert any("2 labels 'contradictory' read as 'contradiction'" in note for note in source.record().notes)


def test_official_files_end_their_rows_as_csv_and_keep_their_quotes(data: Path) -> None:
    edit(data, "dev-en.tsv", '"he said ""no"" twice"\tb\tneutral\r\n"c\td\tneutral \r\n')
    source = open_official(XNLI, data)
    rows = source.examples("dev", "en")
    assert [each.texts for each in rows] == [('"he said ""no"" twice"', "b"), ('"c', "d")]
    assert {each.label for each in rows} == {"neutral"}
    assert any("1 texts in CSV quotes" in note for note in source.record().notes)


def test_a_byte_order_mark_is_noted(data: Path) -> None:
    edit(data, "dev-en.tsv", "\ufeff" + tsv("en"))
    source = open_official(XNLI, data)
    assert source.examples("dev", "en")[0].texts[0] == "en premise 0"
    assert any("byte order mark" in note for note in source.record().notes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "a\tb\tentailement\n",
            r"line 1: unknown label 'entailement' \(nearest: entailment; allowed: entail",
        ),
        (
            "a\tb\tneutral\na\tb\t2\n",
            r"line 2: unknown label '2' \(allowed: entailment, neutral, contradiction\)",
        ),
        ("premise\thypothesis\tlabel\n", "line 1: unknown label 'label' .*no header line"),
        ("a\tb\tneutral\n \tb\tneutral\n", "line 2: the premise is empty"),
        ("a\t\tneutral\n", "line 1: the hypothesis is empty"),
        (
            "a\tb\tneutral\na\tb\n",
            r"line 2 has 2 tab-separated columns; expected 3 .*premise, hypothesis, label",
        ),
        ("a\tb\tc\tneutral\n", "line 1 has 4 tab-separated columns; expected 3"),
        ("a\tb\n", r"has no labels .*official download strips them .*facebook/xnli"),
        ("", "is empty"),
        (b"a\tb\tneutral\n\xff\tb\tneutral\n", "line 2: byte 0xff at offset 12"),
    ],
)
def test_an_unusable_row_is_refused_with_file_and_line(data: Path, content: str | bytes, said: str) -> None:
    edit(data, "test-de.tsv", content)
    with pytest.raises(UserError, match=said) as caught:
        open_official(XNLI, data).examples("test", "de")
    assert "test-de.tsv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_training_file_of_two_columns_is_no_stripped_test(data: Path) -> None:
    edit(data, "train-en.tsv", "a\tb\n")
    with pytest.raises(UserError, match="line 1 has 2 tab-separated columns; expected 3"):
        open_official(XNLI, data).examples("train", "en")


def test_missing_languages_are_named_together_with_those_that_are_there(data: Path) -> None:
    source = open_official(XNLI, data)
    source.require("test", ["de", "en"])
    with pytest.raises(UserError, match=r"lacks test-hi\.tsv, test-ur\.tsv; .*--languages de,en,sw"):
        source.require("test", ["hi", "de", "ur"])
    with pytest.raises(UserError, match=r"lacks test-th\.tsv"):
        source.examples("test", "th")


def test_dev_is_pointed_at_where_it_has_the_files_that_the_test_lacks(data: Path) -> None:
    source = open_official(XNLI, data)
    (data / "xnli" / "test-sw.tsv").unlink()
    with pytest.raises(
        UserError, match=r"lacks test-sw\.tsv; add what is missing, score --split dev, .*, or name only"
    ):
        source.require("test", ["sw"])
    for path in (data / "xnli").glob("test-*"):
        path.unlink()
    with pytest.raises(UserError, match=r"no test file at all, so score --split dev, whose files are there$"):
        source.require("test", ["de", "sw"])
    with pytest.raises(UserError, match=r"no test file at all, so download the task again$"):
        source.require("test", ["de", "th"])


def test_a_missing_training_set_and_a_split_without_files(data: Path) -> None:
    (data / "xnli" / "train-en.tsv").unlink()
    for path in (data / "xnli").glob("dev-*"):
        path.unlink()
    source = open_official(XNLI, data)
    with pytest.raises(UserError, match=r"lacks train-en\.tsv"):
        source.examples("train", "en")
    with pytest.raises(UserError, match=r"lacks dev-de\.tsv; it has no dev file at all"):
        source.examples("dev", "de")
    with pytest.raises(UserError, match="trains on English alone; there is no training set in de"):
        source.examples("train", "de")


def test_unknown_languages_and_splits_get_the_nearest(data: Path) -> None:
    source = open_official(XNLI, data)
    with pytest.raises(UserError, match=r"unknown language 'sww' .*nearest: sw"):
        source.examples("test", "sww")
    with pytest.raises(UserError, match=r"unknown split 'tests' .*nearest: test"):
        source.examples("tests", "sw")


def test_folders_that_cannot_be_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not exist; expected a folder that holds xnli/train-en\.tsv"):
        open_source(XNLI, tmp_path / "absent")
    with pytest.raises(UserError, match="holds no files of task xnli"):
        open_source(XNLI, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is not a folder"):
        open_source(XNLI, tmp_path / "file")


def test_each_source_says_whether_it_needs_a_folder(data: Path) -> None:
    with pytest.raises(UserError, match=r"needs --data DIR.*xnli/train-en\.tsv"):
        open_source(XNLI)
    with pytest.raises(UserError, match="leave out --data"):
        open_source(card("intents"), data)
    assert open_source(XNLI, data).labels() == XNLI.labels


def test_the_published_counts_on_real_files(shared: Path) -> None:
    source = open_source(XNLI, shared / "xtreme_r")
    assert len(source.examples("train", "en")) == 19_647
    for split, rows in (("dev", 2_490), ("test", 5_010)):
        assert source.languages(split) == list(XNLI.languages)
        clusters = [f"xnli/{split}/{row // 3}" for row in range(rows)]
        for language in source.languages(split):
            examples = source.examples(split, language)
            assert [each.cluster for each in examples] == clusters
            assert Counter(each.label for each in examples) == dict.fromkeys(LABELS, rows // 3)
    record = source.record()
    assert len(record.files) == 31
    assert record.notes == ("xnli/train-en.tsv: 19,647 rows, the published file has 392,702",)


def test_the_size_of_mnli_is_the_published_one(data: Path) -> None:
    row = "A premise of about the usual length in words, {}, no more\tAnd a hypothesis, {}\tneutral\n"
    edit(data, "train-en.tsv", "".join(row.format(n // 3, n) for n in range(392_702)))
    source = open_official(XNLI, data)
    assert len(source.examples("train", "en")) == 392_702
    assert not [note for note in source.record().notes if "train" in note]

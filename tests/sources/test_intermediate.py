"""The English intermediate tasks: every published layout, the traps in it, and what is said about damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.english import (
    FILES,
    as_csv,
    cosmos_rows,
    csqa_row,
    hellaswag_row,
    mnli_of_glue,
    mnli_row,
    put,
    second,
    social_rows,
    table,
    write,
)
from helpers.official import json_lines, squad

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.tasks.cards import card

# Rows of the training and the dev set that `helpers.english` writes.
ROWS = {
    "mnli": (24, 3), "anli": (6, 6), "qqp": (12, 3), "qnli": (8, 2), "squad": (12, 4), "squad2": (12, 4),
    "hellaswag": (12, 4), "siqa": (12, 3), "cosmosqa": (8, 4), "commonsenseqa": (10, 5),
}  # fmt: skip


def read(folder: Path, task: str, split: str = "train") -> list:
    return open_source(card(task), folder).examples(split, "en")


@pytest.mark.parametrize("task", FILES)
def test_the_published_layout_is_read_from_the_data_folder_or_the_tasks_own(task: str, tmp_path: Path) -> None:
    source = open_source(card(task), write(tmp_path, task))
    assert tuple(len(source.examples(split, "en")) for split in ("train", "dev")) == ROWS[task]
    assert source.languages("train") == source.languages("dev") == ["en"]
    train = source.examples("train", "en")
    assert len({(each.task, each.file, each.row) for each in train}) == len(train)
    assert train == open_source(card(task), tmp_path / task).examples("train", "en")
    record = source.record()
    assert all(about["sha256"] for about in record.files.values())
    # Social IQa's labels are files of their own.
    rows = [about["rows"] for name, about in record.files.items() if not name.endswith(".lst")]
    assert sum(rows) == sum(ROWS[task]) and len(record.files) == len(rows) * (2 if task == "siqa" else 1)


@pytest.mark.parametrize("task", FILES)
def test_what_is_not_there_is_said(task: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"holds no files of task {task}; expected {task}/") as caught:
        open_source(card(task), tmp_path)
    assert all(name in str(caught.value) for name in FILES[task]() if not name.endswith(".lst"))
    source = open_source(card(task), write(tmp_path, task))
    with pytest.raises(UserError, match="unknown split 'test'"):
        source.examples("test", "en")
    with pytest.raises(UserError, match="unknown language 'sw'"):
        source.examples("train", "sw")


# -- pairs


def test_mnli_drops_pairs_without_a_gold_label_counts_and_says_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = open_source(card("mnli"), write(tmp_path, "mnli"))
    found = source.examples("dev", "en")
    assert [each.row for each in found] == [0, 2, 3] and found[1].label == "contradiction"
    record = source.record()
    (about,) = record.files.values()
    assert (about["rows"], about["dropped"], about["why"]) == (3, 1, "1 without a gold label ('-')")
    assert "1 of 4 rows dropped (1 without a gold label ('-'))" in capsys.readouterr().err
    assert any("rows dropped" in note for note in record.notes)
    assert [each.cluster for each in found] == ["mnli/dev/0", "mnli/dev/0", "mnli/dev/1"]
    assert len(source.examples("dev-mismatched", "en")) == 2


def test_mnli_of_glue_holds_the_same_pairs(tmp_path: Path) -> None:
    put(tmp_path / "a", mnli_of_glue())
    write(tmp_path / "b", "mnli")
    for split in ("train", "dev", "dev-mismatched"):
        glue, own = (read(tmp_path / each, "mnli", split) for each in "ab")
        assert [(each.texts, each.label) for each in glue] == [(each.texts, each.label) for each in own]
    put(tmp_path / "c", {name.replace("mnli/", "mnli/MNLI/"): text for name, text in mnli_of_glue().items()})
    for split, name in (("train", "train"), ("dev", "dev_matched"), ("dev-mismatched", "dev_mismatched")):
        assert read(tmp_path / "c", "mnli", split)[0].file == f"mnli/MNLI/{name}.tsv"


def test_anli_joins_its_rounds_and_lacks_none(tmp_path: Path) -> None:
    found = read(write(tmp_path, "anli"), "anli")
    assert [each.file[5:7] for each in found] == ["R1", "R2", "R2", "R3", "R3", "R3"]
    assert [each.label for each in found] == ["entailment"] + ["neutral"] * 2 + ["contradiction"] * 3
    (tmp_path / "anli/R2/train.jsonl").unlink()
    with pytest.raises(UserError, match=r"lacks anli/R2/train.jsonl; the train set of anli needs 3 files"):
        read(tmp_path, "anli")


def test_quotes_of_qqp_swallow_no_row_and_incomplete_rows_are_counted(tmp_path: Path) -> None:
    source = open_source(card("qqp"), write(tmp_path, "qqp"))
    found = source.examples("train", "en")
    assert found[1].texts == ('"ne po', "ri su?") and found[0].texts[1] == '"ku" la?'
    (about,) = source.record().files.values()
    assert (about["rows"], about["dropped"], about["why"]) == (12, 6, "6 with a missing text or label")
    # Ids repeat; an item is known by its line.
    assert [each.row for each in found[:5]] == [1, 2, 3, 6, 7]
    # Rows 1, 3 and 6 are connected by equal questions.
    assert [each.cluster for each in found[:4]] == ["qqp/train/0", "qqp/train/1", "qqp/train/0", "qqp/train/0"]


@pytest.mark.parametrize(
    ("task", "name", "text", "said"),
    [
        ("mnli", "mnli/multinli_1.0_train.jsonl", json_lines([mnli_row(0, "maybe")]), "line 1: unknown label 'maybe'"),
        ("mnli", "mnli/multinli_1.0_train.jsonl", json_lines([mnli_row(0, "-")]), "holds no row that can be used"),
        ("mnli", "mnli/multinli_1.0_train.jsonl", '{"gold_label": "neutral"}\n', "line 1: 'sentence1' is missing"),
        ("anli", "anli/R1/train.jsonl", '{"context": "a", "hypothesis": "b", "label": "x"}', "unknown label 'x'"),
        ("qqp", "qqp/train.tsv", "a\tb\t0\n", "line 1 has no column 'question1'; expected GLUE's header"),
        ("qqp", "qqp/train.tsv", table(["question1", "question2", "is_duplicate"], [("a", "b", 0, 1)]), "line 2 has 4"),
        ("qnli", "qnli/train.tsv", table(["question", "sentence", "label"], [("a", "entailment")]), "line 2 has 2"),
    ],
)
def test_wrong_pairs_are_refused_with_their_line(task: str, name: str, text: str, said: str, tmp_path: Path) -> None:
    put(write(tmp_path, task), {name: text})
    with pytest.raises(UserError, match=said) as caught:
        read(tmp_path, task)
    assert "\n" not in str(caught.value)


# -- questions


def test_squad_2_has_questions_without_an_answer(tmp_path: Path) -> None:
    found = read(write(tmp_path, "squad2"), "squad2", "dev")
    assert [bool(each.answers) for each in found] == [True, False, True, False]
    assert not any(each.answerable for each in found) and found[1].answers == ()
    assert all(each.answerable for each in read(write(tmp_path, "squad"), "squad"))
    # The official site has both versions in one place.
    (tmp_path / "squad2/train-v2.0.json").rename(tmp_path / "squad/train-v2.0.json")
    assert read(tmp_path, "squad2")[0].file == "squad/train-v2.0.json"


def test_a_question_of_squad_2_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "squad2")
    wrong = second(squad("en", [[["a", "b"]]])).replace('"is_impossible": true', '"is_impossible": false')
    put(tmp_path, {"squad2/train-v2.0.json": wrong})
    with pytest.raises(
        UserError, match=r"paragraph 1, question 2: it has no answer, but 'is_impossible' says otherwise"
    ):
        read(tmp_path, "squad2")
    put(tmp_path, {"squad2/train-v2.0.json": squad("en", [[["a"]]])})
    with pytest.raises(UserError, match="'is_impossible' is missing"):
        read(tmp_path, "squad2")


# -- multiple choice


def test_social_iqa_has_its_labels_apart_or_as_letters(tmp_path: Path) -> None:
    apart = read(write(tmp_path / "apart", "siqa"), "siqa", "dev")
    rows = [{**row, "correct": letter} for row, letter in zip(social_rows(3), "ABC", strict=True)]
    put(tmp_path / "older", {"siqa/socialIQa_v1.4_dev.jsonl": json_lines(rows)})
    older = read(tmp_path / "older", "siqa", "dev")
    assert [each.label for each in apart] == [each.label for each in older] == ["0", "1", "2"]
    assert apart[0].choices == older[0].choices == ("A fo", "B fo", "C fo")
    assert [each.cluster for each in apart] == ["siqa/dev/0", "siqa/dev/0", "siqa/dev/1"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("1\n2\n", "has 2 labels, .* 3 rows"),
        ("1\n2\n0\n", "line 3: '0' is no label"),
        (None, "no dev-labels.lst beside"),
    ],
)
def test_labels_of_social_iqa_that_do_not_fit(labels: str | None, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, "siqa") / "siqa/dev-labels.lst"
    path.unlink() if labels is None else path.write_text(labels)
    with pytest.raises(UserError, match=said):
        read(tmp_path, "siqa", "dev")


def test_white_space_around_labels_of_social_iqa_does_not_count(tmp_path: Path) -> None:
    path = write(tmp_path, "siqa") / "siqa/dev-labels.lst"
    before = [each.label for each in read(tmp_path, "siqa", "dev")]
    path.write_text("".join(f" {line}\x1d\n" for line in path.read_text().split()))
    assert [each.label for each in read(tmp_path, "siqa", "dev")] == before


def test_an_ending_of_hellaswag_continues_ctx_b(tmp_path: Path) -> None:
    found = read(write(tmp_path, "hellaswag"), "hellaswag", "dev")
    assert (found[0].context, found[0].question, found[0].choices[1]) == ("ba de 0.", "", "he fo 1.")
    assert found[1].choices[1] == "fo 1." and found[1].label == "1"
    assert [each.cluster for each in found] == [f"hellaswag/dev/{n}" for n in (0, 0, 1, 1)]


def test_a_row_of_hellaswag_may_have_its_text_in_one_piece(tmp_path: Path) -> None:
    row = hellaswag_row(1)
    plain = {key: value for key, value in row.items() if key != "ctx_b"}
    whole = {key: value for key, value in plain.items() if key != "ctx_a"}
    put(tmp_path, {"hellaswag/hellaswag_val.jsonl": json_lines([row, plain, whole])})
    first, *others = read(tmp_path, "hellaswag", "dev")
    assert all((each.context, each.choices) == (first.context, first.choices) for each in others)


def test_cosmos_qa_as_csv_or_json_lines(tmp_path: Path) -> None:
    found = read(write(tmp_path / "csv", "cosmosqa"), "cosmosqa", "dev")
    assert found[2].context == 'ba "de",\nfo 2.' and found[2].choices[3] == "la, 3" and found[2].label == "2"
    put(tmp_path / "jsonl", {"cosmosqa/valid.jsonl": json_lines(cosmos_rows(4))})
    lines = read(tmp_path / "jsonl", "cosmosqa", "dev")
    assert [(each.context, each.choices, each.label) for each in lines] == [
        (each.context, each.choices, each.label) for each in found
    ]


def test_choices_of_commonsense_qa_stand_in_the_order_of_their_letters(tmp_path: Path) -> None:
    found = read(write(tmp_path, "commonsenseqa"), "commonsenseqa")
    assert all(each.choices == tuple(f"{letter} ba" for letter in "ABCDE") for each in found)
    assert [each.label for each in found[:6]] == ["0", "1", "2", "3", "4", "0"]


CSQA = csqa_row(0)
TWICE = {**CSQA, "question": {**CSQA["question"], "choices": [{"label": "A", "text": "a"}] * 5}}


@pytest.mark.parametrize(
    ("task", "name", "text", "said"),
    [
        ("hellaswag", "hellaswag_train.jsonl", {**hellaswag_row(0), "label": 4}, "'label' is 4; expected 0 to 3"),
        ("hellaswag", "hellaswag_train.jsonl", {**hellaswag_row(0), "endings": ["a"]}, "there are 1 endings"),
        ("commonsenseqa", "train_rand_split.jsonl", {**CSQA, "answerKey": "F"}, "'answerKey' is 'F'"),
        ("commonsenseqa", "train_rand_split.jsonl", TWICE, "lettered A; expected each of A to E once"),
        ("cosmosqa", "train.csv", as_csv([{**cosmos_rows(1)[0], "label": "x"}]), "line 2: 'label' is 'x'"),
        ("cosmosqa", "train.csv", as_csv(cosmos_rows(2))[:-60], "line 4 has 1 field; expected 8"),
        ("siqa", "train.jsonl", {**social_rows(1)[0], "answerB": " "}, "'answerB' is empty"),
    ],
)
def test_wrong_choices_are_refused_with_their_line(
    task: str, name: str, text: object, said: str, tmp_path: Path
) -> None:
    content = text if isinstance(text, str) else json.dumps(text) + "\n"
    put(write(tmp_path, task), {f"{task}/{name}": content})
    with pytest.raises(UserError, match=said) as caught:
        read(tmp_path, task)
    assert "\n" not in str(caught.value)

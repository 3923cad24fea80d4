"""XCOPA: the repaired question, its three places on disk, COPA and Social IQa."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.official import choice_rows, json_lines, small_card, write

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.tasks.cards import card


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path, "xcopa")


def edit(data: Path, language: str, content: str) -> None:
    (data / "xcopa" / language / f"test.{language}.jsonl").write_text(content, encoding="utf-8", newline="")


def wrong(language: str) -> str:
    """A file that says effect throughout, as upstream's Thai does."""
    return json_lines({**row, "question": "effect"} for row in choice_rows(language))


def test_a_row_is_a_premise_a_question_in_words_and_two_choices(data: Path) -> None:
    found = open_source(small_card("xcopa"), data).examples("test", "tr")
    assert found[0].context == "tr: the lamp went out (0)." and found[0].question == "What was the cause?"
    assert found[1].question == "What was the effect?" and found[3].label == "1"
    assert found[0].choices == ("tr: the oil was used up.", "tr: the room got dark.")
    assert (found[2].file, found[2].row, found[2].cluster) == ("xcopa/tr/test.tr.jsonl", 2, "xcopa/test/2")


def test_translations_share_a_cluster_wherever_they_stand(data: Path) -> None:
    edit(data, "th", json_lines(reversed(choice_rows("th"))))
    source = open_source(small_card("xcopa"), data)
    assert [each.cluster for each in source.examples("test", "th")] == [
        f"xcopa/test/{idx}" for idx in (5, 4, 3, 2, 1, 0)
    ]
    assert source.examples("test", "tr")[5].cluster == "xcopa/test/5"


def test_the_wrong_question_is_repaired_from_a_clean_language_and_counted(data: Path) -> None:
    edit(data, "th", wrong("th"))
    source = open_source(small_card("xcopa"), data)
    right = [each.question for each in source.examples("test", "zh")]
    assert [each.question for each in source.examples("test", "th")] == right
    (note,) = source.record().notes
    assert note == (
        "xcopa/th/test.th.jsonl: 'question' was wrong in 3 of 6 rows; taken from xcopa/zh/test.zh.jsonl by idx"
    )


def test_an_option_keeps_the_question_of_upstream(data: Path) -> None:
    edit(data, "th", wrong("th"))
    source = open_source(small_card("xcopa"), data, upstream_question=True)
    assert {each.question for each in source.examples("test", "th")} == {"What was the effect?"}
    assert "differs from xcopa/zh/test.zh.jsonl in 3 of 6 rows; kept as it is" in source.record().notes[0]


def test_english_helps_where_no_clean_language_is_there_and_nothing_is_said_to_be_checked_without(data: Path) -> None:
    edit(data, "th", wrong("th"))
    edit(data, "zh", "no JSON\n")
    source = open_source(small_card("xcopa"), data)
    assert source.examples("test", "th")[0].question == "What was the cause?"
    assert any("taken from xcopa/en/test.en.jsonl" in note for note in source.record().notes)
    assert any("not used to check 'question'" in note for note in source.record().notes)
    (data / "xcopa/en/test.en.jsonl").unlink()
    source = open_source(small_card("xcopa"), data)
    assert source.examples("test", "th")[0].question == "What was the effect?"
    assert any(
        "'question' not checked: no usable test file in any of zh, et, qu, en" in n for n in source.record().notes
    )


def test_rows_that_the_clean_language_lacks_are_said_to_be_unchecked(data: Path) -> None:
    edit(data, "th", json_lines(choice_rows("th", 8)))
    source = open_source(small_card("xcopa"), data)
    assert len(source.examples("test", "th")) == 8
    assert any("'question' of 2 rows not checked" in note for note in source.record().notes)


@pytest.mark.parametrize("name", ["xcopa/test.tr.jsonl", "xcopa/test-tr.jsonl"])
def test_the_official_scripts_leave_out_the_languages_folder(data: Path, name: str) -> None:
    (data / "xcopa/tr/test.tr.jsonl").rename(data / name)
    found = open_source(small_card("xcopa"), data).examples("test", "tr")
    assert len(found) == 6 and found[0].file == name


def test_english_is_for_training_and_not_scored(data: Path) -> None:
    source = open_source(small_card("xcopa"), data)
    assert source.languages("train") == ["en"] and "en" not in source.languages("test")
    assert len(source.examples("train", "en")) == 8 and len(source.examples("dev", "en")) == 6
    social = source.examples("siqa", "en")
    assert social[0].choices == ("cross", "glad", "hungry") and social[0].label == "1"
    assert social[0].question == "How does Bo feel?" and social[0].cluster == social[1].cluster


ROW = choice_rows("th", 1)[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps({**ROW, "question": "reason"}), "line 1: 'question' is 'reason'; expected cause or effect"),
        (json.dumps({**ROW, "label": 2}), "line 1: 'label' is 2; expected 0 or 1"),
        (json.dumps({**ROW, "label": True}), "line 1, 'label': expected a whole number, found true or false"),
        (json.dumps({**ROW, "premise": " "}), "line 1: 'premise' is empty"),
        (json.dumps({**ROW, "choice2": None}), "'choice2': expected a string, found null"),
        (json.dumps({key: value for key, value in ROW.items() if key != "idx"}), "'idx' is missing"),
        (f"{json.dumps(ROW)}\n{json.dumps(ROW)}", r"line 2: idx 0 stands at line 1 already"),
        (json.dumps(ROW)[:-1], "line 1, column [0-9]+: no valid JSON"),
        ("[1]", "line 1: expected a JSON object, found a list"),
        (f"{json.dumps(ROW)}\n\n", "line 2 is empty"),
        ('{"idx": 1, "idx": 2}', "line 1: 'idx' stands twice in one object"),
        (
            json_lines(choice_rows("th", labelled=False)),
            r"has no labels \(no row has a 'label'\): .*cambridgeltl/xcopa",
        ),
        (json_lines([ROW, {**choice_rows("th", 2, labelled=False)[1]}]), "line 2: 'label' is missing"),
    ],
)
def test_an_unusable_row_is_refused_with_its_line(data: Path, content: str, said: str) -> None:
    edit(data, "th", content)
    with pytest.raises(UserError, match=said) as caught:
        open_source(small_card("xcopa"), data).examples("test", "th")
    assert "test.th.jsonl" in str(caught.value) and "\n" not in str(caught.value)


def test_rows_without_labels_where_that_was_asked_for(data: Path) -> None:
    edit(data, "th", json_lines(choice_rows("th", labelled=False)))
    source = open_source(small_card("xcopa"), data, unlabelled=True)
    assert {each.label for each in source.examples("test", "th")} == {None}
    assert "its rows have no labels" in source.record().notes[0]


def test_social_iqa_is_checked_too(data: Path) -> None:
    (data / "siqa/socialIQa_v1.4_trn.jsonl").write_text('{"context": "a", "question": "b", "answerA": "c"}\n')
    with pytest.raises(UserError, match="'answerB' is missing"):
        open_source(small_card("xcopa"), data).examples("siqa", "en")


def test_the_errors_of_real_files(shared: Path) -> None:
    source = open_source(card("xcopa"), shared / "xtreme_r")
    for split, rows in (("test", 500), ("dev", 100)):
        assert source.languages(split) == list(card("xcopa").languages)
        read = {code: source.examples(split, code) for code in (*source.languages(split), "en")}
        assert {len(each) for each in read.values()} == {rows}
        assert len({tuple(item.question for item in each) for each in read.values()}) == 1
        assert len({tuple(item.label for item in each) for each in read.values()}) == 1
    assert len(source.examples("train", "en")) == 400
    found = {tuple(note.split()[i] for i in (0, 5)) for note in source.record().notes}
    test = {"th": 250, "tr": 51, "sw": 37, "it": 4, "id": 4}
    dev = {"th": 52, "tr": 52, "sw": 6, "it": 5, "id": 5}
    assert found == {(f"xcopa/{code}/test.{code}.jsonl:", str(n)) for code, n in test.items()} | {
        (f"xcopa/{code}/val.{code}.jsonl:", str(n)) for code, n in dev.items()
    }

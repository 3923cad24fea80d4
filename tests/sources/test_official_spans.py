"""Questions about paragraphs: places, clusters over languages, stripped answers, strict JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.official import paragraph, small_card, squad, stripped, write

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.tasks.base import Answer
from xtremor.tasks.cards import card


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path, "xquad")


def edit(data: Path, content: str | bytes, language: str = "el") -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (data / "xquad" / f"xquad.{language}.json").write_bytes(raw)


def test_a_question_has_its_paragraph_and_its_answers(data: Path) -> None:
    found = open_source(small_card("xquad"), data).examples("test", "el")
    assert [each.id for each in found] == ["a", "b", "c", "d"] and [each.row for each in found] == [0, 1, 2, 3]
    assert found[2].answers == (Answer("«1»", found[2].context.index("«")),)
    assert found[2].question == "el: which number, c?" and found[2].file == "xquad/xquad.el.json"


def test_a_paragraph_and_its_translations_are_a_cluster(data: Path) -> None:
    source = open_source(small_card("xquad"), data)
    clusters = [f"xquad/test/{n}" for n in (0, 0, 1, 2)]
    for language in source.languages("test"):
        assert [each.cluster for each in source.examples("test", language)] == clusters


def test_an_article_is_the_cluster_of_mlqa_whatever_the_paragraphs(tmp_path: Path) -> None:
    source = open_source(small_card("mlqa"), write(tmp_path, "mlqa"))
    english = {each.id: each.cluster for each in source.examples("test", "en")}
    assert english == {"a": "mlqa/test/0", "b": "mlqa/test/0", "c": "mlqa/test/0", "d": "mlqa/test/1"}
    for language in ("de", "hi"):
        assert all(each.cluster == english[each.id] for each in source.examples("test", language))


def test_without_usable_english_the_clusters_are_the_languages_own(data: Path) -> None:
    edit(data, "{", "en")
    source = open_source(small_card("xquad"), data)
    assert [each.cluster for each in source.examples("test", "el")] == [f"xquad/test/el/{n}" for n in (0, 0, 1, 2)]
    assert any("no usable English file: clusters are its own paragraphs" in note for note in source.record().notes)
    edit(data, squad("en", [[["a"]]]), "en")
    source = open_source(small_card("xquad"), data)
    assert source.examples("test", "el")[0].cluster == "xquad/test/el/0"
    assert any("questions that English lacks" in note for note in source.record().notes)


def test_ids_of_tydiqa_repeat_and_rows_are_told_apart_all_the_same(tmp_path: Path) -> None:
    source = open_source(small_card("tydiqa"), write(tmp_path, "tydiqa"))
    found = source.examples("train", "ko")
    assert [each.id for each in found] == ["0", "1", "0"] and [each.row for each in found] == [0, 1, 2]
    assert source.languages("train") == ["en", "ko", "sw"] and source.languages("dev") == []
    with pytest.raises(UserError, match="task tydiqa has no dev set in this layout"):
        source.examples("dev", "en")


def test_equal_passages_are_a_cluster_of_tydiqa(tmp_path: Path) -> None:
    write(tmp_path, "tydiqa")
    inside = [[paragraph("sw", number, [str(at)])] for at, number in enumerate((0, 1, 0))]
    text = json.dumps({"data": [{"paragraphs": each} for each in inside]})
    (tmp_path / "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json").write_text(text)
    found = open_source(small_card("tydiqa"), tmp_path).examples("train", "sw")
    assert [each.cluster for each in found] == ["tydiqa/train/sw/0", "tydiqa/train/sw/1", "tydiqa/train/sw/0"]


@pytest.mark.parametrize("empty", [{"answer_start": 0, "text": ""}, None])
def test_stripped_answers_are_refused_or_none(data: Path, empty: Any) -> None:
    text = stripped(squad("el", [[["a", "b"]]]))
    if empty is None:
        text = text.replace(json.dumps([{"answer_start": 0, "text": ""}]), "[]")
        assert text.count("[]") == 2
    edit(data, text)
    with pytest.raises(UserError, match=r"has no labels \(the answers are empty\): .*google/xquad"):
        open_source(small_card("xquad"), data).examples("test", "el")
    found = open_source(small_card("xquad"), data, unlabelled=True).examples("test", "el")
    assert [each.answers for each in found] == [None, None]


def test_a_training_set_without_answers_is_refused_whatever_was_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "xquad")
    (tmp_path / "squad/train-v1.1.json").write_text(stripped(squad("en", [[["a"]]])))
    with pytest.raises(UserError, match="expected a training set with them"):
        open_source(small_card("xquad"), tmp_path, unlabelled=True).examples("train", "en")


def test_a_folder_with_nothing_but_the_shared_training_set_can_be_trained_on(tmp_path: Path) -> None:
    write(tmp_path, "xquad")
    for path in (tmp_path / "xquad").iterdir():
        path.unlink()
    (tmp_path / "xquad").rmdir()
    source = open_source(small_card("xquad"), tmp_path)
    assert len(source.examples("train", "en")) == 3 and source.languages("test") == []


def changed(**values: Any) -> str:
    """A file of one question with fields replaced; None removes one."""
    document = json.loads(squad("el", [[["a", "b"]]]))
    inside = document["data"][0]["paragraphs"][0]
    question = inside["qas"][0]
    for key, value in values.items():
        holder = next(each for each in (question["answers"][0], question, inside) if key in each)
        if value is None:
            del holder[key]
        else:
            holder[key] = value
    return json.dumps(document, ensure_ascii=False)


WHERE = r"xquad.el.json, paragraph 1, question 1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed(answers=None), f"{WHERE}: 'answers' is missing; expected a list"),
        (changed(id=7), f"{WHERE}, 'id': expected a string, found a whole number"),
        (changed(question=" "), f"{WHERE}: 'question' is empty"),
        (changed(answer_start=1), f"{WHERE}: the answer '«0»' does not stand at character 1"),
        (changed(answer_start=-3), "does not stand at character -3"),
        (changed(answer_start=True), "expected a whole number, found true or false"),
        (changed(answer_start=1.0), "expected a whole number, found a number"),
        (changed(text="", answer_start=0), "question 'a' and 0 others have an empty answer while others do not"),
        (changed(context=None), "paragraph 1: 'context' is missing"),
        (changed(qas={}), "'qas': expected a list, found an object"),
        ('{"data": [{"paragraphs": []}]}', "holds no question"),
        ('{"data": 3}', "'data': expected a list"),
        ("[]", "expected an object with 'data', found a list"),
        ('{"data": [], "data": []}', "'data' stands twice"),
        ('{"data": NaN}', "holds NaN, which is no JSON"),
        ("{\n\n  oops}", r"line 3, column 3: no valid JSON"),
        ("[" * 100_000, "nests too deeply"),
        ('{"data": ' + "9" * 5000 + "}", "no usable JSON"),
        (b'{"data": "\xff"}', "line 1: byte 0xff at offset 10"),
        ("", "is empty"),
    ],
)
def test_an_unusable_file_is_refused_with_the_place(data: Path, content: str | bytes, said: str) -> None:
    edit(data, content)
    with pytest.raises(UserError, match=said) as caught:
        open_source(small_card("xquad"), data).examples("test", "el")
    assert "xquad.el.json" in str(caught.value) and "\n" not in str(caught.value)


def test_half_a_surrogate_pair_is_refused_because_nothing_can_encode_it(data: Path) -> None:
    edit(data, squad("el", [[["a"]]]).replace("el para 0", "\\ud800 para 0"))
    with pytest.raises(UserError, match="'context': the string holds half a surrogate pair"):
        open_source(small_card("xquad"), data).examples("test", "el")


def test_characters_that_python_takes_for_line_ends_stay_in_the_text(data: Path) -> None:
    edit(data, squad("el", [[["a"]]]).replace("el para 0", "el\u2028para\u00850"))
    (found,) = open_source(small_card("xquad"), data).examples("test", "el")
    assert "el\u2028para\u00850" in found.context and found.answers[0].text == "«0»"


def test_the_counts_of_real_files(shared: Path) -> None:
    xquad = open_source(card("xquad"), shared / "xtreme_r")
    assert xquad.languages("test") == list(card("xquad").languages)
    clusters = {tuple(each.cluster for each in xquad.examples("test", code)) for code in xquad.languages("test")}
    assert len(clusters) == 1 and len(*clusters) == 1190 and len(set(*clusters)) == 240

    mlqa = open_source(card("mlqa"), shared / "xtreme_r")
    assert {code: len(mlqa.examples("dev", code)) for code in mlqa.languages("dev")} == {
        "ar": 517, "de": 512, "en": 1148, "es": 500, "hi": 507, "vi": 511, "zh": 504,
    }  # fmt: skip
    assert not mlqa.record().notes and len({each.cluster for each in mlqa.examples("dev", "en")}) == 520

    tydiqa = open_source(card("tydiqa"), shared / "xtreme_r")
    assert {code: len(tydiqa.examples("train", code)) for code in tydiqa.languages("train")} == {
        "en": 3696, "ko": 1625, "sw": 2755,
    }  # fmt: skip
    assert len({each.id for each in tydiqa.examples("train", "en")}) == 89
    with pytest.raises(UserError, match=r"tydiqa.goldp.sw.dev.json has no labels"):
        tydiqa.examples("test", "sw")

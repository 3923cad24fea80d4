"""Queries, candidates and golds of the retrieval tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.official import entity, json_lines, mention, small_card, write

from xtremor.errors import UserError
from xtremor.sources import open_source
from xtremor.sources.base import training_examples
from xtremor.tasks.cards import card


def source_of(task: str, folder: Path, **settings: bool) -> Any:
    return open_source(small_card(task), folder, **settings)


# Tatoeba


def test_english_queries_are_sorted_by_code_point_and_keep_their_line(tmp_path: Path) -> None:
    source = source_of("tatoeba", write(tmp_path, "tatoeba"))
    queries = source.examples("test", "jv")
    assert [each.text for each in queries] == ["A cat sleeps.", "A cat sleeps.", "Zebras run.", "“No,” she said."]
    # Equal lines stay in the order of the file.
    assert [each.row for each in queries] == [1, 3, 0, 2] and [each.gold for each in queries] == [
        ("1",), ("3",), ("0",), ("2",),
    ]  # fmt: skip
    candidates = source.candidates("test", "jv")
    assert [each.id for each in candidates] == ["0", "1", "2", "3"] and candidates[0].text == "jv: Zebras run."
    assert {each.cluster for each in queries} == {each.cluster for each in candidates}
    assert queries[0].file == "tatoeba/tatoeba.jav-eng.eng" and candidates[0].file == "tatoeba/tatoeba.jav-eng.jav"


def test_the_sorted_files_of_the_official_script_have_no_golds(tmp_path: Path) -> None:
    (tmp_path / "tatoeba").mkdir()
    (tmp_path / "tatoeba/de-en.en").write_text("A\nB\n", encoding="utf-8")
    (tmp_path / "tatoeba/de-en.de").write_text("zwei\neins\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"has no labels \(it is sorted, .*LASER"):
        source_of("tatoeba", tmp_path).examples("test", "de")
    source = source_of("tatoeba", tmp_path, unlabelled=True)
    assert [(each.text, each.gold) for each in source.examples("test", "de")] == [("A", None), ("B", None)]
    assert [each.text for each in source.candidates("test", "de")] == ["zwei", "eins"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\nb\nc\n", "has 4 lines, but the file of its translations 3"),
        ("a\n\nb\nc\n", "line 2 is empty"),
        (None, "no such file"),
    ],
)
def test_two_files_that_do_not_fit_are_refused(tmp_path: Path, content: str | None, said: str) -> None:
    write(tmp_path, "tatoeba")
    path = tmp_path / "tatoeba/tatoeba.cmn-eng.cmn"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match=said):
        source_of("tatoeba", tmp_path).examples("test", "zh")


def test_the_mock_labels_of_tatoeba_are_the_golds(shared: Path) -> None:
    source: Any = open_source(card("tatoeba"), shared / "xtreme_r")
    assert source.languages("test") == list(card("tatoeba").languages)
    sizes = {code: len(source.examples("test", code)) for code in source.languages("test")}
    small = {"jv": 205, "te": 234, "ta": 307, "sw": 390, "th": 548, "kk": 575, "ml": 687, "ka": 746}
    assert {code: rows for code, rows in sizes.items() if rows != 1000} == small
    labels = shared / "official_mock" / "labels" / "tatoeba"
    for language in card("tatoeba", "xtreme").languages:
        first = (labels / f"test-{language}.tsv").read_text(encoding="utf-8").split()
        assert [each.gold for each in source.examples("test", language)[: len(first)]] == [(row,) for row in first]


# LAReQA


def test_a_question_has_an_answer_in_every_language(tmp_path: Path) -> None:
    source = source_of("lareqa", write(tmp_path, "lareqa"))
    query = source.examples("test", "th")[2]
    assert query.id == "c_th" and query.gold == ("de_2_1", "en_2_1", "th_2_1") and query.cluster == "lareqa/test/1"
    candidates = source.candidates("test", "de")
    assert candidates == source.candidates("test", "th") and len(candidates) == 18
    right = next(each for each in candidates if each.id == "en_2_1")
    assert right.text == "Its number is «1» (en)." and right.context.startswith("en para 1.")
    assert right.cluster == "lareqa/test/1" and right.language == "en" and right.file == "lareqa/xquad-r/en.json"


def edit_lareqa(folder: Path, change: Any) -> None:
    path = folder / "lareqa/xquad-r/en.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document["data"][0]["paragraphs"][0])
    path.write_text(json.dumps(document), encoding="utf-8")


def test_sentences_that_read_the_same_are_right_together(tmp_path: Path) -> None:
    write(tmp_path, "lareqa")

    def twice(paragraph: dict[str, Any]) -> None:
        second = paragraph["sentence_breaks"][1]
        length = len(paragraph["context"]) + 1
        paragraph["context"] += " " + paragraph["context"][second[0] :]
        paragraph["sentence_breaks"].append([length, len(paragraph["context"])])

    edit_lareqa(tmp_path, twice)
    assert source_of("lareqa", tmp_path).examples("test", "de")[0].gold == ("de_1_1", "en_1_1", "en_1_2", "th_1_1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: each["sentence_breaks"].pop(), "no sentence of 'sentence_breaks' holds the answer"),
        (lambda each: each["sentence_breaks"].append([5, 5]), "5 to 5 is no span"),
        (lambda each: each["sentence_breaks"].append([0, 999]), "0 to 999 is no span"),
        (lambda each: each["sentence_breaks"].append([1]), r"expected \(start, end\), found 1 values"),
        (lambda each: each["sentence_breaks"].append([1, "2"]), "expected a whole number, found a string"),
        (lambda each: each.pop("sentence_breaks"), "'sentence_breaks' is missing"),
        (lambda each: each["qas"].append(each["qas"][0]), "question id 'a' stands twice"),
        (lambda each: each["qas"][0].update(answers=[]), "question 'a' has no single answer"),
        (lambda each: each["qas"].pop(), "the questions of en.json are not those of the languages before it"),
        (lambda each: each["qas"][0].update(id="z"), "the questions of en.json are not those"),
    ],
)
def test_an_unusable_paragraph_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    edit_lareqa(write(tmp_path, "lareqa"), change)
    with pytest.raises(UserError, match=said) as caught:
        source_of("lareqa", tmp_path).examples("test", "de")
    assert "en.json" in str(caught.value)


def test_the_published_numbers_of_lareqa(shared: Path) -> None:
    source: Any = open_source(card("lareqa"), shared / "xtreme_r")
    candidates = source.candidates("test", "en")
    counts = {code: sum(each.language == code for each in candidates) for code in card("lareqa").languages}
    assert counts == {
        "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244, "ru": 1219, "th": 852, "tr": 1167,
        "vi": 1209, "zh": 1196,
    }  # fmt: skip
    queries = [each for code in source.languages("test") for each in source.examples("test", code)]
    assert len(queries) == 13_090 and {len(each.gold) for each in queries} == {11}
    assert len({each.cluster for each in queries}) == 240


# Mewsli-X


def test_a_mention_is_marked_in_its_sentence(tmp_path: Path) -> None:
    source = source_of("mewslix", write(tmp_path, "mewslix"))
    first, *_, last = source.examples("test", "ta")
    assert first.text == "Ada: Then { Ada } (0) spoke." and first.gold == ("Q0",)
    assert first.id == "ta-0" and first.cluster == "mewslix/ta/doc0" != last.cluster
    candidates = source.candidates("test", "ta")
    assert [each.id for each in candidates] == ["Q0", "Q1", "Q2", "Q3", "Q4"]
    assert candidates[1].text == "Q1 is a person. Much more is known."


def test_the_training_set_of_mewslix_is_english_with_its_own_entities(tmp_path: Path) -> None:
    source = source_of("mewslix", write(tmp_path, "mewslix"))
    assert source.languages("train") == ["en"] and len(source.examples("train", "en")) == 3
    assert [each.id for each in source.candidates("train", "en")] == ["Q0", "Q1"]


def test_a_language_without_mentions_is_said(tmp_path: Path) -> None:
    write(tmp_path, "mewslix")
    path = tmp_path / "mewslix/wikinews_mentions-test.jsonl"
    path.write_text(json_lines([mention(0, "de", "Q0"), mention(0, "zz", "Q0")]))
    source = source_of("mewslix", tmp_path)
    assert source.languages("test") == ["de"]
    with pytest.raises(UserError, match="holds no mention in ta"):
        source.examples("test", "ta")
    source.examples("test", "de")
    assert any("outside the benchmark, not scored: zz" in note for note in source.record().notes)
    assert "no test file for en, ta" in source.record().notes


def test_a_mention_over_two_sentences_takes_the_whole_context(tmp_path: Path) -> None:
    write(tmp_path, "mewslix")
    row = mention(0, "de", "Q0")
    row["context"]["sentence_spans"] = []
    (tmp_path / "mewslix/wikinews_mentions-test.jsonl").write_text(json_lines([row]))
    assert source_of("mewslix", tmp_path).examples("test", "de")[0].text == "Ada: Rain in de. Then { Ada } (0) spoke."


def broken(**values: Any) -> dict[str, Any]:
    row = mention(0, "de", "Q0")
    for key, value in values.items():
        holders = (row, row["context"], row["mentions"][0], row["mentions"][0]["mention_span"])
        next(each for each in holders if key in each)[key] = value
    return row


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([broken(start=3)], "the mention 'Ada' does not stand at 3 to"),
        ([broken(entity_id=3)], "line 1, 'entity_id': expected a string"),
        ([broken(mentions=[])], "'mentions' is empty"),
        ([broken(sentence_spans=[{"start": 4, "end": 2}])], "4 to 2 is no span"),
        ([broken(), broken()], "line 2: the example_id 'de-0' stands twice"),
        ([{"mention": {}}], "'context' is missing"),
    ],
)
def test_an_unusable_mention_is_refused(tmp_path: Path, rows: list[Any], said: str) -> None:
    write(tmp_path, "mewslix")
    (tmp_path / "mewslix/wikinews_mentions-test.jsonl").write_text(json_lines(rows))
    with pytest.raises(UserError, match=said):
        source_of("mewslix", tmp_path).examples("test", "de")


def test_an_entity_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "mewslix")
    (tmp_path / "mewslix/candidate_set_entities.jsonl").write_text(json_lines([entity("Q1"), entity("Q1")]))
    with pytest.raises(UserError, match="line 2: the entity 'Q1' stands twice"):
        source_of("mewslix", tmp_path).candidates("test", "de")


# BUCC


def test_pairs_hidden_in_two_texts(tmp_path: Path) -> None:
    source = source_of("bucc2018", write(tmp_path, "bucc2018"))
    queries = source.examples("dev", "fr")
    assert [each.gold for each in queries] == [(), ("en-4",), (), ("en-0",), ()]
    assert queries[1].text == "Satz 1 (fr)" and queries[1].id == "fr-1" and queries[1].file == "bucc2018/fr-en.dev.fr"
    candidates = source.candidates("dev", "fr")
    assert [each.id for each in candidates] == [f"en-{n}" for n in range(6)] and candidates[0].language == "en"


def test_without_the_gold_that_the_official_script_deletes(tmp_path: Path) -> None:
    (write(tmp_path, "bucc2018") / "bucc2018/de-en.test.gold").unlink()
    with pytest.raises(UserError, match=r"has no labels \(the file is not there\): .*XX-en.test.gold"):
        source_of("bucc2018", tmp_path).examples("test", "de")
    assert {each.gold for each in source_of("bucc2018", tmp_path, unlabelled=True).examples("test", "de")} == {None}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("de-en.test.gold", "de-1\ten-9\n", "line 1: no sentence has the id 'en-9'"),
        ("de-en.test.gold", "en-1\tde-1\n", "line 1: no sentence has the id 'en-1'"),
        ("de-en.test.gold", "de-1\ten-1\nde-1\ten-1\n", "line 2: this pair stands twice"),
        ("de-en.test.de", "de-1\ta\nde-1\tb\n", "line 2: the id 'de-1' stands twice"),
        ("de-en.test.de", "de-1\n", "line 1 has 1 tab-separated column; expected 2"),
        ("de-en.test.en", "en-1\t \n", "line 1 has an empty id or sentence"),
    ],
)
def test_an_unusable_file_of_bucc_is_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (write(tmp_path, "bucc2018") / "bucc2018" / name).write_text(content)
    with pytest.raises(UserError, match=said) as caught:
        source_of("bucc2018", tmp_path).examples("test", "de")
    assert name in str(caught.value)


def test_lareqa_trains_on_the_sentences_that_answer_squads_questions(tmp_path: Path) -> None:
    context = "Dr. Ada wrote notes. They were long. Nobody read them."

    def asked(identity: str, answer: str) -> dict[str, Any]:
        start = context.index(answer)
        return {"id": identity, "question": f"{identity}?", "answers": [{"text": answer, "answer_start": start}]}

    paragraphs = [{"context": context, "qas": [asked("a", "notes"), asked("b", "Dr. Ada"), asked("c", "read")]}]
    (tmp_path / "squad").mkdir()
    path = tmp_path / "squad" / "train-v1.1.json"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    source = source_of("lareqa", write(tmp_path, "lareqa"))
    found = [(pair.query.text, pair.passage.text, pair.passage.context) for pair in training_examples(source)]
    first, last = "Dr. Ada wrote notes.", "Nobody read them."
    assert found == [("a?", first, context), ("b?", first, context), ("c?", last, context)]
    queries = source.examples("train", "en")
    assert [each.row for each in queries] == [0, 1, 2] and {each.cluster for each in queries} == {"lareqa/train/0"}
    # A sentence is a candidate once, and only where it answers something.
    assert [each.id for each in source.candidates("train", "en")] == ["en_1_0", "en_1_2"]
    assert source.record().files["squad/train-v1.1.json"]["rows"] == 3
    assert any("not by XTREME-R's splitter" in note for note in source.record().notes)
    with pytest.raises(UserError, match="trains on English alone"):
        source.examples("train", "de")
    paragraphs[0]["qas"][0]["answers"] = []
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    with pytest.raises(UserError, match="question 'a' has no answer"):
        source_of("lareqa", tmp_path).examples("train", "en")


def test_a_pair_of_mewslix_is_a_mention_and_its_entity(tmp_path: Path) -> None:
    source = source_of("mewslix", write(tmp_path, "mewslix"))
    pairs = training_examples(source)
    assert [pair.passage.id for pair in pairs] == ["Q0", "Q1", "Q0"] == [pair.query.gold[0] for pair in pairs]
    assert all(pair.query.text.startswith("Ada: ") and "is a person" in pair.passage.text for pair in pairs)

"""Gold from label files and from data files: which one it is, clusters, and files without labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.tiny import write_xnli
from submissions import squad

from xtremor.errors import UserError
from xtremor.submission.gold import open_gold
from xtremor.submission.gold_labels import joined
from xtremor.tasks.cards import card


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="\n")
    return path


def test_label_files_are_told_from_data_files(submission: tuple[Path, Path], tmp_path: Path) -> None:
    labels = open_gold(card("xnli"), submission[1])
    assert (labels.kind, labels.split, labels.languages()) == ("label files", "test", ["en", "sw"])
    data = open_gold(card("xnli"), write_xnli(tmp_path / "data", languages=("en", "sw")))
    assert (data.kind, data.split, data.languages()) == ("data files", "test", ["en", "sw"])


def test_the_task_folder_itself_will_do(submission: tuple[Path, Path]) -> None:
    assert open_gold(card("xnli"), submission[1] / "xnli").languages() == ["en", "sw"]


def test_rows_of_a_premise_are_one_cluster_in_all_languages(submission: tuple[Path, Path], tmp_path: Path) -> None:
    gold = open_gold(card("xnli"), submission[1])
    english, swahili = gold.read("en"), gold.read("sw")
    assert [english.clusters.index(each) for each in english.clusters] == [0, 0, 0, 3, 3, 3]
    assert english.clusters == swahili.clusters
    data = open_gold(card("xnli"), write_xnli(tmp_path / "data", languages=("en", "sw")))
    assert data.read("sw").clusters == data.read("en").clusters and data.read("sw").values[:2] == [
        "entailment",
        "neutral",
    ]


def test_rows_that_do_not_divide_by_three_are_clusters_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "xnli" / "test-sw.tsv", "neutral\n" * 4)
    assert len(set(open_gold(card("xnli"), tmp_path).read("sw").clusters)) == 4


def test_paragraphs_of_xquad_are_shared_by_position_and_of_tydiqa_not(submission: tuple[Path, Path]) -> None:
    xquad = open_gold(card("xquad"), submission[1])
    assert len(set(xquad.read("en").clusters)) == 1 and xquad.read("en").clusters == xquad.read("zh").clusters
    tydiqa = open_gold(card("tydiqa"), submission[1]).read("ko")
    assert tydiqa.values == [("서울",), ("부산", "부산시")] and tydiqa.ids == ["k1", "k2"]
    assert "ko" in tydiqa.clusters[0]


def test_paragraphs_of_mlqa_are_joined_by_ids(tmp_path: Path) -> None:
    """German asks in one paragraph what English asks in two; Spanish joins in through German."""
    for code, ids in (("en", "abcde"), ("de", "xaecb"), ("es", "xzyy")):
        write(tmp_path / "mlqa" / f"test-{code}.json", squad([(each, ["x"], None) for each in ids]))
    gold = open_gold(card("mlqa"), tmp_path)
    english, german, spanish = (gold.read(code).clusters for code in ("en", "de", "es"))
    # Paragraphs hold two questions: en ab|cd|e, de xa|ec|b, es xz|yy.
    assert english[0] == english[1] == german[0] == german[1] == german[4] == spanish[0]
    assert english[2] == english[4] == german[2] and english[2] != english[0]
    assert spanish[2] not in english + german


def test_joined_goes_through_others() -> None:
    found = joined({"a": (["1", "2"], ["p", "q"]), "b": (["3", "3"], ["q", "r"]), "c": (["4", "5"], ["r", "s"])})
    assert found["a"][1] == found["b"][0] == found["c"][0] and len({found["a"][0], found["a"][1], found["c"][1]}) == 3


def test_equal_pairs_of_bucc_are_one_and_ids_of_gold_are_stripped(tmp_path: Path) -> None:
    write(tmp_path / "bucc2018" / "test-fr.tsv", "fr-1\ten-1\nfr-1\ten-1\nfr-1\ten-2\nfr-2\ten-3\n")
    found = open_gold(card("bucc2018", "xtreme"), tmp_path).read("fr")
    assert found.ids == ["fr-1", "fr-2"] and found.values == [("en-1", "en-2"), ("en-3",)]
    write(tmp_path / "mewslix" / "test-ta.json", '{"a": [" Q1 "]}')
    assert open_gold(card("mewslix"), tmp_path).read("ta").values == [("Q1",)]


def test_questions_of_lareqa_share_a_cluster_across_languages(tmp_path: Path) -> None:
    for code in ("de", "el"):
        write(tmp_path / "lareqa" / f"test-{code}.json", json.dumps({f"q1_{code}": ["x"], f"q2_{code}": ["y"]}))
    gold = open_gold(card("lareqa"), tmp_path)
    assert gold.read("de").clusters == gold.read("el").clusters and len(set(gold.read("de").clusters)) == 2


NO_LABELS = [
    ("xnli", "test-sw.tsv", "a\tb\n", "has no labels"),
    ("panx", "test-sw.tsv", "Nairobi\nni\n", "unknown tag 'Nairobi'"),
    ("panx", "test-sw.tsv", "Nairobi\nni\n", "can be had from the published WikiANN splits"),
    ("xquad", "test-de.json", squad([("q", [], None)]), "the question 'q' has no gold answer"),
    ("xquad", "test-de.json", squad([("q", [""], None), ("r", [""], None)]), "every gold answer is empty"),
    ("mewslix", "test-ta.json", '{"a": []}', "query 'a' has no gold id"),
    ("xquad", "test-de.json", '{"a": "x"}', "are PREDICTIONS and --gold swapped?"),
    ("xquad", "test-de.json", '{"data": [{"paragraphs": [{}]}]}', "paragraph 1 has no list 'qas'"),
    ("xquad", "test-de.json", '{"data": [{}]}', "article 1 has no list 'paragraphs'"),
    ("xquad", "test-de.json", '{"data": []}', "holds no question"),
    ("xquad", "test-de.json", '{"data": [{"paragraphs": [{"qas": [{}]}]}]}', "a question of paragraph 1 has no id"),
]


@pytest.mark.parametrize(("task", "name", "content", "message"), NO_LABELS, ids=[each[3] for each in NO_LABELS])
def test_gold_without_labels_is_refused(task: str, name: str, content: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / task / name, content)
    language = path.stem.removeprefix("test-")
    with pytest.raises(UserError) as caught:
        open_gold(card(task), tmp_path).read(language)
    assert message in str(caught.value) and name in str(caught.value)


def test_a_folder_without_gold_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--gold .* holds no files of task xnli; .*, or label files xnli/test-XX.tsv"):
        open_gold(card("xnli"), tmp_path)


def test_a_split_of_label_files_is_refused(submission: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match=r"--split dev: .* are of the test split"):
        open_gold(card("xnli"), submission[1], "dev")


def test_real_data_files(shared: Path) -> None:
    gold = open_gold(card("panx"), shared / "xtreme_r", "dev")
    assert len(gold.languages()) == 47 and "th" not in gold.languages()
    found = gold.read("yo")
    assert len(found.values) == 100 and found.ids is None and set(found.values[0]) <= set(card("panx").labels)
    xquad = open_gold(card("xquad"), shared / "xtreme_r")
    english, thai = xquad.read("en"), xquad.read("th")
    assert len(english.values) == 1190 and english.clusters == thai.clusters and len(set(thai.clusters)) == 240

"""The language table: facts spot-checked against lists written out here, locales, strata."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.languages import all_languages, counted, is_english, lookup, low_resource, strata, table

CLASSES = {
    1: "az gu jv ml my qu te",
    2: "ht mr pa sw wo yo",
    3: "af bg bn el et he id ka kk lt ms ro ta th tl uk ur",
    4: "eu fa fi hi hu it ko nl pl pt ru tr vi",
    5: "ar de en es fr ja zh",
}
FURTHER = "ca cs cy da ga gl hr is lb lv nb ne sk sl sr sv"
TASK_SIZES = {"xnli": 15, "xcopa": 11, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9, "mewslix": 11}


def test_the_fifty_languages_of_xtreme_r_and_those_of_the_starter_data() -> None:
    codes = [language.iso639_1 for language in all_languages()]
    fifty = sorted(" ".join(CLASSES.values()).split())
    assert len(fifty) == 50
    assert sorted(code for code in codes if lookup(code).tasks) == fifty
    assert codes == sorted(fifty + FURTHER.split())


@pytest.mark.parametrize("joshi", CLASSES)
def test_resource_classes(joshi: int) -> None:
    for code in CLASSES[joshi].split():
        assert lookup(code).joshi_class == joshi, code
        assert low_resource(code) == (joshi <= 2), code


def test_number_of_languages_per_task() -> None:
    found = {task: sum(task in language.tasks for language in all_languages()) for task in TASK_SIZES}
    assert found == TASK_SIZES
    assert sum("lareqa" in language.tasks for language in all_languages()) == 11
    tatoeba = [language for language in all_languages() if "tatoeba" in language.tasks]
    assert len(tatoeba) == 41
    assert all(len(language.tatoeba_code) == 3 for language in tatoeba)


def test_what_the_encoders_never_saw() -> None:
    assert {each.code for each in all_languages() if not each.in_xlmr} == {"ht", "qu", "wo", "yo", "lb"}
    assert {each.code for each in all_languages() if not each.in_mbert} == {"qu", "wo"}
    assert all(each.in_me5 == each.in_xlmr for each in all_languages())
    assert all((each.xlmr_gib is not None) == each.in_xlmr for each in all_languages())


def test_sizes_are_plausible_and_the_logarithms_are_theirs() -> None:
    basque, further = lookup("eu"), lookup("sk")
    assert basque.log2_wiki_text_mb == pytest.approx(math.log2(305.0))
    assert round(basque.log2_wiki_articles or 0, 1) == 18.5
    assert further.log2_wiki_articles is None and further.log2_wiki_text_mb is None
    sizes = {each.code: each.wiki_text_mb for each in all_languages() if each.wiki_text_mb is not None}
    assert max(sizes, key=sizes.__getitem__) == "en" and min(sizes, key=sizes.__getitem__) == "wo"


def test_equal_to_the_reference_table(shared: Path) -> None:
    file = shared / "reference" / "languages.tsv"
    if not file.is_file():
        pytest.skip("the reference table is not there")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert len(rows) == 50
    for row in rows:
        mine = lookup(row["iso639_1"])
        assert (mine.iso639_3, mine.script, str(mine.joshi_class)) == (
            row["iso639_3"],
            row["script"],
            row["joshi_class"],
        )
        assert ",".join(mine.tasks) == row["tasks"]
        assert mine.tatoeba_code == row["tatoeba_code"]
        assert abs((mine.log2_wiki_articles or 0) - float(row["log2_wiki_articles"])) <= 0.051, mine.code
        assert abs((mine.log2_wiki_text_mb or 0) - float(row["log2_wiki_text_mb"])) <= 0.051, mine.code


@pytest.mark.parametrize(
    ("code", "short", "script"),
    [
        ("sw", "sw", "Latn"),
        ("swa", "sw", "Latn"),
        ("swh", "sw", "Latn"),
        ("pt-BR", "pt", "Latn"),
        ("pt_br", "pt", "Latn"),
        ("zh-CN", "zh", "Hans"),
        ("zh-TW", "zh", "Hant"),
        ("zh-HK", "zh", "Hant"),
        ("zh-Hans-HK", "zh", "Hans"),
        ("cmn", "zh", "Hans"),
        ("sr", "sr", "Cyrl"),
        ("sr-Latn", "sr", "Latn"),
        ("de-CH", "de", "Latn"),
        ("no", "nb", "Latn"),
        ("es-419", "es", "Latn"),
    ],
)
def test_lookup_of_locales(code: str, short: str, script: str) -> None:
    found = lookup(code)
    assert (found.code, found.iso639_1, found.script) == (code, short, script)
    assert strata(code)["script"] == script


@pytest.mark.parametrize("code", ["xx", "", "de-", "e", "en-Latn-US-x", "../en", "zh CN"])
def test_unknown_codes_are_refused(code: str) -> None:
    with pytest.raises(UserError, match="unknown language"):
        lookup(code)


def test_a_name_leads_to_its_code() -> None:
    with pytest.raises(UserError, match=r"sw \(Swahili\)"):
        lookup("swahili")


def test_strata() -> None:
    assert strata("sw") == {
        "joshi_class": "2",
        "script": "Latn",
        "family": "Atlantic-Congo",
        "seen by mBERT": "yes",
        "seen by XLM-R": "yes",
        "seen by multilingual-e5": "yes",
        "wiki size": "under 64 MB",
    }
    assert strata("en")["wiki size"] == "1 GB and more"
    assert strata("lb")["seen by XLM-R"] == "no"
    assert strata("nb")["joshi_class"] == strata("nb")["wiki size"] == "unknown"
    assert not low_resource("nb")


def test_an_ordered_pair_is_in_groups_of_its_own() -> None:
    assert strata("en+sw") == {"first text": "en", "second text": "sw", "same language": "no"}
    assert strata("sw+sw")["same language"] == "yes"
    with pytest.raises(UserError, match="unknown language 'xx'"):
        strata("en+xx")


def test_table() -> None:
    assert len(table()) == 66
    rows = table(["zh-TW", "nb"])
    assert [row["code"] for row in rows] == ["zh-TW", "nb"]
    assert [row["script"] for row in rows] == ["Hant", "Latn"]
    assert rows[1]["joshi_class"] is None and rows[1]["low_resource"] == "unknown"
    assert {tuple(row) for row in table()} == {tuple(rows[0])}


@pytest.mark.parametrize(
    ("code", "english"),
    [
        ("en", True),
        ("en-GB", True),
        ("en_US", True),
        ("EN", True),
        ("eng", True),
        ("en+en", True),
        ("et", False),
        ("enf", False),
        ("en+sw", False),
        ("sw+en", False),
    ],
)
def test_english_codes(code: str, english: bool) -> None:
    assert is_english(code) is english


def test_languages_and_pairs_of_them_are_counted() -> None:
    assert (
        counted(["sw"]) == "1 language"
        and counted({"sw": 1, "de": 2}) == "2 languages"
        and counted([]) == "0 languages"
    )
    assert counted(["en+sw", "sw+en"]) == "2 pairs of languages" and counted(["en+sw"]) == "1 pair of languages"
    assert counted(["en+sw", "sw"]) == "2 languages"

"""The starter data: splits, labels, determinism, clean text in every locale, and what is said when it is missing."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("home_assistant_intents")
pytest.importorskip("hassil")
pytest.importorskip("babel")

from xtremor.errors import UserError
from xtremor.languages import lookup
from xtremor.sources.base import Source
from xtremor.sources.intents import LOCALES, IntentsSource
from xtremor.sources.intents_templates import TEMPLATE_SYNTAX, Utterance
from xtremor.sources.intents_words import name_words, words_for

SCRIPTS = {
    "Arab": "\u0600-\u06ff",
    "Beng": "\u0980-\u09ff",
    "Cyrl": "\u0400-\u04ff",
    "Deva": "\u0900-\u097f",
    "Grek": "\u0370-\u03ff",
    "Hang": "\uac00-\ud7af",
    "Hans": "\u3400-\u9fff",
    "Hant": "\u3400-\u9fff",
    "Hebr": "\u0590-\u05ff",
    "Latn": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "Mlym": "\u0d00-\u0d7f",
    "Thai": "\u0e00-\u0e7f",
}


@pytest.fixture(scope="module")
def source() -> IntentsSource:
    return IntentsSource()


def test_locales_languages_and_labels(source: IntentsSource) -> None:
    locales = source.languages("test")
    assert tuple(locales) == LOCALES and len(locales) == 49
    assert len({lookup(code).iso639_1 for code in locales}) == 44
    assert source.languages("train") == source.languages("dev") == ["en"]
    assert len(source.labels()) == 42 and source.labels() == tuple(sorted(source.labels()))
    checked: Source = source
    assert checked.record().source.startswith("generated with seed 0 from home-assistant-intents ")


def test_english_train_covers_every_label_and_splits_share_nothing(source: IntentsSource) -> None:
    splits = {split: source.examples(split, "en") for split in ("train", "dev", "test")}
    assert [len(rows) for rows in splits.values()] == [2000, 300, 100]
    assert {row.label for row in splits["train"]} == set(source.labels())
    assert len({row.label for row in splits["test"]}) >= 35
    for left, right in (("train", "dev"), ("train", "test"), ("dev", "test")):
        one, other = splits[left], splits[right]
        assert not {row.cluster for row in one} & {row.cluster for row in other}
        assert not {row.texts[0].casefold() for row in one} & {row.texts[0].casefold() for row in other}


def test_rare_intents_occur(source: IntentsSource) -> None:
    counts = Counter(row.label for row in source.examples("test", "de"))
    assert len(counts) == 42 and max(counts.values()) <= 2 * min(counts.values()) + 1
    train = Counter(row.label for row in source.examples("train", "en"))
    # Two or five templates of a few words make few different sentences.
    assert all(count >= 8 for label, count in train.items() if label != "HassNevermind")
    assert train["HassGetState"] > train["HassSetPosition"]


def test_identity_of_rows(source: IntentsSource) -> None:
    rows = source.examples("test", "sr-Latn")
    assert [row.row for row in rows] == list(range(len(rows)))
    assert {row.file for row in rows} == {"intents/test-sr-Latn"} and {row.language for row in rows} == {"sr-Latn"}
    assert {row.task for row in rows} == {"intents"}
    assert all(row.cluster.startswith(f"sr-Latn/{row.label}/") for row in rows)


def test_same_arguments_same_rows_whatever_the_order(source: IntentsSource) -> None:
    again = IntentsSource()
    for split, language in (("test", "ko"), ("dev", "en"), ("train", "en")):
        assert again.utterances(split, language) == source.utterances(split, language)
    assert IntentsSource(seed=1).examples("test", "ko") != source.examples("test", "ko")


def test_number_of_rows_can_be_chosen() -> None:
    small = IntentsSource(train_rows=50, dev_rows=7, test_rows=3)
    sizes = [len(small.examples(*where)) for where in (("train", "en"), ("dev", "en"), ("test", "en"), ("test", "th"))]
    assert sizes == [50, 7, 3, 3]
    assert len({row.label for row in small.examples("train", "en")}) >= 20
    with pytest.raises(UserError, match="dev_rows is 0"):
        IntentsSource(dev_rows=0)


def test_small_and_foreign_locales_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(locale: str, **intents: list[str]) -> None:
        data = {"intents": {name: {"data": [{"sentences": each}]} for name, each in intents.items()}}
        (tmp_path / "data" / f"{locale}.json").write_text(json.dumps(data), encoding="utf-8")

    (tmp_path / "data").mkdir()
    write("en", Go=["go [now|there]", "walk", "run"], Stop=["stop {name}"], Empty=[])
    write("fo", Go=["far [nú]", "{area}"], Stop=["<nowhere>", "steðga"], Foreign=["hvat", "hvør"])
    write("xx", Stop=["stop"])
    monkeypatch.setattr("xtremor.sources.intents.resources", SimpleNamespace(files=lambda _: tmp_path))
    source = IntentsSource(minimum_intents=2)
    assert source.languages("test") == ["en", "fo"] and source.labels() == ("Go", "Stop")
    countries = words_for("fo")[0]["area"]
    texts = {(made.text, made.intent) for made in source.utterances("test", "fo")}
    assert texts == {("far", "Go"), ("far nú", "Go"), ("steðga", "Stop")} | {(name, "Go") for name in countries}
    facts = source.record().files["intents/test-fo"]
    assert facts["rows"] == len(texts) and facts["dropped"] == 3
    assert facts["why"] == "templates of intents that English lacks: 2; templates that cannot be walked: 1"
    notes = " ".join(source.record().notes)
    assert f"intents/test-fo {len(texts)} of 100" in notes and "no word list for fo" in notes


@pytest.mark.parametrize("locale", LOCALES)
def test_text_is_clean_in_every_locale(source: IntentsSource, locale: str) -> None:
    made = source.utterances("test", locale)
    assert len(made) == 100
    assert len({each.text.casefold() for each in made}) == len(made)
    assert {each.intent for each in made} <= set(source.labels())
    assert len({each.intent for each in made}) >= 15
    for each in made:
        _check_text(each)
    letters = re.compile(f"[{SCRIPTS[lookup(locale).script]}]")
    assert sum(bool(letters.search(each.text)) for each in made) >= 0.95 * len(made)


def _check_text(made: Utterance) -> None:
    assert made.text and made.text == " ".join(made.text.split()), made
    assert not TEMPLATE_SYNTAX.search(made.text), made
    end = 0
    for name, start, stop in made.slots:
        assert name and end <= start < stop <= len(made.text), made
        assert made.text[start:stop] == made.text[start:stop].strip(), made
        end = stop


def test_slots_hold_words_of_the_locale(source: IntentsSource) -> None:
    words, own = words_for("de")
    found = [made.text[a:b] for made in source.utterances("test", "de") for name, a, b in made.slots if name == "area"]
    assert own and found and set(found) <= set(words["area"])
    numbers = [
        made.text[a:b] for made in source.utterances("train", "en") for name, a, b in made.slots if name == "brightness"
    ]
    assert any(number.isdecimal() for number in numbers)


def test_words() -> None:
    assert words_for("pt-BR")[0]["area"] != words_for("pt")[0]["area"]
    assert words_for("pt-BR")[0]["person"] == words_for("pt")[0]["person"]
    assert "Londres" in words_for("fr")[0]["city"] and "倫敦" in words_for("zh-TW")[0]["city"]
    foreign, own = words_for("fo")
    assert not own and foreign["area"] == foreign["item"] and len(foreign["area"]) >= 5
    assert name_words(["light", "camera", "switch", "weather"]) == ("light", "switch", "city")
    assert name_words("lock") == ("lock",) and len(name_words(None)) == 3
    for locale in LOCALES:
        lists, own = words_for(locale)
        assert own and set(lists) == set(words_for("en")[0]), locale
        assert all(word and word == word.strip() and "," not in word for each in lists.values() for word in each)
        assert all(len(lists[key]) == len(set(lists[key])) for key in lists), locale


def test_record_says_what_was_read() -> None:
    fresh = IntentsSource()
    assert fresh.record().files == {}
    fresh.examples("test", "sw" if "sw" in fresh.languages("test") else "ga")
    files = fresh.record().files
    assert list(files) == ["intents/test-ga"]
    facts = files["intents/test-ga"]
    assert facts["rows"] == 100 and facts["dropped"] == 0 and re.fullmatch("[0-9a-f]{64}", facts["sha256"])
    assert facts["from"] == "home_assistant_intents/data/ga.json"
    assert any("templates" in note for note in fresh.record().notes)


@pytest.mark.parametrize(
    ("split", "language", "message"),
    [
        ("tset", "en", "unknown split 'tset' .*test"),
        ("test", "pt-br", "unknown language 'pt-br' .*pt-BR"),
        ("test", "sw", "unknown language 'sw'.*15 intents"),
        ("train", "de", "no train in 'de'.*English"),
    ],
)
def test_bad_input(source: IntentsSource, split: str, language: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        source.examples(split, language)


@pytest.mark.parametrize("package", ["hassil", "home_assistant_intents", "babel"])
def test_missing_package_names_the_command(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=re.escape("pip install 'xtremor[starter]'")):
        IntentsSource()

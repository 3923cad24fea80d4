"""Misspelt words: in any script, the stated share, the same ones at a higher rate, marks on their letters."""

from __future__ import annotations

import unicodedata

import pytest
from helpers.attacked import examples

from xtremor.evaluation.attack.characters import Misspelling, alphabet, misspelt
from xtremor.evaluation.attack.graphemes import graphemes, is_letter, words

TEXTS = {
    "en": "The quick brown fox doesn't jump over 12 lazy dogs, again.",
    "hi": "क्षत्रिय लोग हिन्दी में लिखते हैं और पढ़ते हैं",
    "th": "ฉันกำลังเรียนภาษาไทยที่โรงเรียนใกล้บ้าน",
    "zh": "我们昨天去了北京的一家餐厅吃饭",
    "ar": "السَّلَامُ عَلَيْكُمْ يا أصدقائي الأعزاء",
    "vi": "Tiê\u0301ng Việt co\u0301 nhiều dấu thanh",
    "ko": "안녕하세요 여러분",
    "ta": "தமிழ் மொழி மிகவும் பழமையானது",
}


@pytest.mark.parametrize("language", TEXTS)
def test_pieces_are_the_text_and_marks_stay_on_their_letters(language: str) -> None:
    text = TEXTS[language]
    assert "".join(graphemes(text)) == text and "".join("".join(word) for word in words(text)) == text
    assert not any(unicodedata.category(each[0]).startswith("M") for each in graphemes(text))
    for draw in range(30):
        edited = Misspelling(1.0, alphabet([text]), "seed").text(text, str(draw))
        assert edited != text
        assert not any(unicodedata.category(each[0]).startswith("M") for each in graphemes(edited))
        # Nothing was split: each is of the text or a letter of it. In Hindi, neighbours may join anew.
        known = {each.lower() for each in graphemes(text)} | {
            each for some in alphabet([text]).values() for each in some
        }
        assert {each.lower() for each in graphemes(edited)} <= known or language == "hi"


def test_known_clusters() -> None:
    assert graphemes("e\u0301a") == ["e\u0301", "a"]
    assert graphemes("क्षि") == ["क्षि"]
    assert graphemes("한") == ["한"] and graphemes("\u1112\u1161\u11ab\u1100\u1161") == [
        "\u1112\u1161\u11ab",
        "\u1100\u1161",
    ]
    assert graphemes("กฺก") == ["กฺ", "ก"]
    assert [len(word) for word in words("我们昨天去")] == [2, 2, 1]
    assert ["".join(word) for word in words("ab c-d")] == ["ab", " ", "c", "-", "d"]


def test_the_share_of_words_is_the_rate_and_rates_are_nested() -> None:
    text = " ".join(f"wordy{chr(97 + place % 26)}" for place in range(2000))
    before, touched = text.split(" "), []
    for rate in (0.0, 0.1, 0.4):
        after = Misspelling(rate, alphabet([text]), "seed").text(text, "row").split(" ")
        touched.append({place for place, (a, b) in enumerate(zip(before, after, strict=True)) if a != b})
        assert len(touched[-1]) / len(before) == pytest.approx(rate, abs=0.03)
    assert touched[0] == set() and touched[1] < touched[2]


def test_one_edit_a_word_and_all_four_kinds() -> None:
    lengths = set()
    for draw in range(200):
        after = Misspelling(1.0, {"LATIN": list("xyz")}, "seed").text("abcdef", str(draw))
        assert after != "abcdef"
        lengths.add(len(after) if len(after) != 6 else "swap" if sorted(after) == list("abcdef") else "replace")
    assert lengths == {5, 7, "swap", "replace"}


def test_a_word_of_one_letter_stays_one() -> None:
    for draw in range(50):
        after = Misspelling(1.0, {"LATIN": list("ab")}, "seed").text("A 1 !", str(draw))
        assert after == "B 1 !"


@pytest.mark.parametrize("category", ["classification", "choice", "tagging", "spans"])
def test_examples_keep_their_answers_and_depend_on_seed_and_draw_alone(category: str) -> None:
    rows = examples(category, 12)
    found = misspelt(category, rows, 0.6, 0, 0)
    assert found == misspelt(category, rows, 0.6, 0, 0) != misspelt(category, rows, 0.6, 0, 1)
    assert misspelt(category, rows, 0.0, 0, 0) == rows and found != misspelt(category, rows, 0.6, 1, 0)
    for before, after in zip(rows, found, strict=True):
        assert (before.task, before.file, before.row, before.cluster) == (
            after.task,
            after.file,
            after.row,
            after.cluster,
        )
        if category == "tagging":
            assert before.tags == after.tags and len(before.tokens) == len(after.tokens) and all(after.tokens)
        elif category == "spans":
            assert (before.context, before.answers) == (after.context, after.answers)
        else:
            assert before.label == after.label


def test_inserted_letters_are_of_the_word_s_script() -> None:
    letters = alphabet(["abc где"])
    edited = "".join(Misspelling(1.0, letters, "s").text("мир дом лес", str(draw)) for draw in range(40))
    assert set(filter(is_letter, edited)) <= set("мирдомлесгде")

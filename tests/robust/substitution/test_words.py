"""What a word is in a text, and the case of what takes its place."""

from __future__ import annotations

import pytest

from xtremor.robust.substitution.words import RUN, in_case_of, is_clitic, word_of, words_in


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("word, Word! (word) \"word\" 'word' word's", {"word"}),
        ("A good, GOOD day... then--again", {"a", "good", "day", "then", "again"}),
        ("don't it's let's o'clock well-known mother-in-law's", {"don't", "it's", "let's", "o'clock", "well-known"}
         | {"mother-in-law"}),
        ("The dog’s and the dogs' tails", {"the", "dog", "and", "dogs", "tails"}),
        ("3rd mp3 1,000 10:30 $98 covid19 x_y", set()),
        ("www.example.org a@b.org http://x.y/z and/or e.g. U.S. AT&T", set()),
        ("iPhone McDonald O'Brien x b I", {"i"}),
        ("caf\u00e9 cafe\u0301", {"caf\u00e9"}),
        ("", set()),
    ],
)  # fmt: skip
def test_which_words_a_text_has(text: str, words: set[str]) -> None:
    assert words_in([text]) == words


@pytest.mark.parametrize(
    ("word", "substitute", "expected"),
    [
        ("good", "great", "great"), ("Good", "great", "Great"), ("GOOD", "great", "GREAT"), ("A", "one", "One"),
        ("I", "me", "Me"), ("Well-known", "famous", "Famous"), ("good", "American", "American"),
        ("STRASSE", "straße", "STRASSE"),
    ],
)  # fmt: skip
def test_the_case_of_a_substitute(word: str, substitute: str, expected: str) -> None:
    assert in_case_of(word, substitute) == expected


def test_a_possessive_keeps_its_ending_and_a_contraction_is_whole() -> None:
    assert word_of("Dog's") == ("Dog", "'s") and word_of("DOG'S") == ("DOG", "'S")
    assert word_of("it's") == ("it's", "") and word_of("That’s") == ("That’s", "")


def test_what_is_left_of_a_split_contraction_is_no_word() -> None:
    assert is_clitic("we 'll", 4, "ll") and is_clitic("’re", 1, "re")
    assert not is_clitic("'hello'", 1, "hello") and not is_clitic("re", 0, "re")


def test_runs_cover_every_letter_once() -> None:
    text = "One--two, 'three' (four/five) 6th… sèpt’s"
    rest = RUN.sub("", text)
    assert not any(each.isalnum() for each in rest)

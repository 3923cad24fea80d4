"""Protected words: the list of our own, a user's, and none."""

from __future__ import annotations

from pathlib import Path

import pytest

from xtremor.errors import UserError
from xtremor.robust.substitution.protected import protected_words
from xtremor.robust.substitution.words import words_in


def test_what_the_default_list_covers() -> None:
    words = protected_words("default")
    for kind in (
        "no not never none without", "some all most few every", "two hundred dozen first", "must can should might",
        "who which whether why",
    ):  # fmt: skip
        assert words.issuperset(kind.split())
    assert not words & {"good", "house", "quickly", "government", "say"}
    # Every one is a word that could be met in a text.
    assert words_in(words) == words


def test_a_file_adds_to_it_and_none_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("# colours\nRed\n\nblue # and this\n", encoding="utf-8")
    assert protected_words(str(path)) == protected_words("default") | {"red", "blue"}
    assert protected_words("none") == frozenset()


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("red\ndark blue\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine.txt, line 2: expected one word a line, found 2"):
        protected_words(str(path))
    with pytest.raises(UserError, match="--protect nine: there is no such file; write default or none"):
        protected_words("nine")

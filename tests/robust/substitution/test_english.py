"""What counts as English: by made-up frequencies, and by the real ones where wordfreq is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from xtremor.errors import UserError
from xtremor.robust.substitution import english

COMMON = {
    ("two", "en"): 1e-3, ("two", "fr"): 1e-6, ("deux", "en"): 1e-6, ("deux", "fr"): 1e-3, ("plus", "en"): 1e-4,
    ("plus", "fr"): 9e-4, ("edge", "en"): 1e-5, ("edge", "pt"): 1e-4, ("rare", "en"): 1e-7, ("casa", "es"): 1e-4,
}  # fmt: skip


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    english.english.cache_clear(), english.foreign.cache_clear()
    fake = SimpleNamespace(word_frequency=lambda word, language: COMMON.get((word, language), 0.0))
    monkeypatch.setitem(sys.modules, "wordfreq", fake)
    yield
    english.english.cache_clear(), english.foreign.cache_clear()


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("word", "is_foreign", "is_english"),
    [("two", False, True), ("deux", True, False), ("plus", False, True), ("edge", True, False), ("rare", False, True),
     ("casa", True, False), ("unknown", False, False)],
)  # fmt: skip
def test_ten_times_commoner_elsewhere_is_foreign(word: str, is_foreign: bool, is_english: bool) -> None:
    assert english.foreign(word) == is_foreign and english.english(word) == is_english


@pytest.mark.usefixtures("made_up")
def test_a_floor_drops_what_is_rare() -> None:
    assert english.english("rare", 1e-8) and not english.english("rare", english.COMMON)


def test_the_real_frequencies() -> None:
    pytest.importorskip("wordfreq")
    english.english.cache_clear(), english.foreign.cache_clear()
    assert all(map(english.foreign, ("deux", "buena", "zwei", "gobierno", "tempo")))
    assert all(english.english(word, english.COMMON) for word in ("two", "good", "government", "which", "quickly"))
    assert not english.english("hapur", english.COMMON) and english.version() >= "3"


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(english.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--english-only needs the package wordfreq: pip install"):
        english.check_installed()

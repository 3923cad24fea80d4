"""The precompiled map, read back by the Rust normaliser."""

from __future__ import annotations

import string
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from xtremor.encoders.charsmap import precompile, with_compositions

# Characters that never join a neighbour into one grapheme, so that each is looked up alone.
ALONE = string.ascii_letters + "äßλжאबก가漢カ🙂"


@given(st.dictionaries(st.sampled_from(ALONE), st.text(string.ascii_lowercase, max_size=4), min_size=1))
def test_the_rust_normaliser_reads_the_same_map(replacements):
    normaliser = normalizers.Precompiled(precompile(replacements))
    for character in ALONE:
        assert normaliser.normalize_str(f"({character})") == f"({replacements.get(character, character)})"


def test_many_keys_find_each_its_own_place():
    replacements = {chr(point): f"<{point}>" for point in range(0x3400, 0x4400)}
    normaliser = normalizers.Precompiled(precompile(replacements))
    for character, replacement in replacements.items():
        assert normaliser.normalize_str(character) == replacement
    assert normaliser.normalize_str("\u33ff\u4400") == "\u33ff\u4400"


def test_full_decompositions_and_their_twins_are_added():
    whole = with_compositions({"\u0341": "\u0301", "ﬁ": "fi", "ª": "a"})
    assert whole["e\u0301"] == whole["e\u0341"] == "é"
    assert whole["a\u0300"] == whole["ª\u0300"] == "à"
    assert whole["ﬁ"] == "fi"


def test_partly_composed_and_long_spellings_are_not_added():
    whole = with_compositions({})
    assert whole["a\u0302\u0301"] == "ấ"
    # The official map does not hold this one: its first member is itself composed.
    assert "â\u0301" not in whole
    assert all(len(key.encode()) <= 5 for key in whole)
    assert all(unicodedata.normalize("NFC", key) == value for key, value in whole.items())

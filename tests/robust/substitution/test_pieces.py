"""Neighbours from a table: exact, thresholded, of whole words alone, kept in the cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from xtremor.errors import UserError
from xtremor.robust.substitution import english, pieces
from xtremor.robust.substitution.pieces import encoder_neighbours, nearest, whole_words

NAMES = [f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60)]


def table(seed: int = 0) -> torch.Tensor:
    return torch.randn(70, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_nearest_are_those_of_a_search_word_by_word(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(pieces, "CHUNK", chunk)
    rows = {name: 3 + number for number, name in enumerate(NAMES)}
    vectors = table()
    refused = set(NAMES[::3])
    for keep in (None, lambda name: name not in refused):
        found = nearest(vectors, rows, [*NAMES[:20], "absent"], 0.6, keep)
        dropped = 0
        for word in NAMES[:20]:
            cosines = {
                name: float(torch.cosine_similarity(vectors[rows[word]], vectors[rows[name]], dim=0))
                for name in NAMES
                if name != word
            }
            near = [name for name in sorted(cosines, key=lambda name: -cosines[name]) if cosines[name] >= 0.6]
            dropped += 0 if keep is None else sum(name in refused for name in near[:8])
            expected = [name for name in near if keep is None or keep(name)][:8]
            assert found.words.get(word, ()) == tuple(expected)
        assert found.dropped == dropped and (keep is None or dropped > 0)


def test_nothing_to_search_is_nothing_found() -> None:
    assert nearest(table(), {}, ["good"], 0.0).words == {}
    assert nearest(table(), {"good": 1}, ["good"], 0.0).words == {}
    assert nearest(table(), {"good": 1, "bad": 2}, ["good"], -1.0, lambda word: False).words == {}


@pytest.mark.parametrize(
    "vocabulary",
    [
        ["▁good", "▁Good", "▁Bad", "ly", "▁", "▁x", "▁don't", "▁naïve", "▁3d", "<s>"],
        ["Ġgood", "ĠGood", "ĠBad", "ly", "Ġ", "Ġx", "Ġ3d"],
        ["good</w>", "Good</w>", "Bad</w>", "ly", "x</w>", "3d</w>"],
        ["good", "Good", "Bad", "##ly", "##good", "x", "3d", "[CLS]"],
        ["good", "Good", "Bad", "x", "3d", "[CLS]"],
    ],
)
def test_whole_words_of_every_kind_of_vocabulary(vocabulary: list[str]) -> None:
    ids = {piece: number for number, piece in enumerate(vocabulary)}
    assert whole_words(ids) == {"good": 0, "bad": 2}


@pytest.mark.usefixtures("own_cache")
def test_neighbours_of_an_encoder_are_kept(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xtremor.encoders.load import load_tokenizer

    words = sorted(whole_words(load_tokenizer(str(tiny_encoder)).get_vocab()))[:30]
    first = encoder_neighbours(str(tiny_encoder), words, 0.41, False)
    assert first.count > 0 and first.dropped == 0
    with monkeypatch.context() as patch:
        patch.setattr(pieces, "nearest", lambda *_: pytest.fail("searched again"))
        assert encoder_neighbours(str(tiny_encoder), reversed(words), 0.41, False) == first
    folder = pieces.cache_folder() / "neighbours"
    for path in folder.iterdir():
        path.write_text(path.read_text(encoding="utf-8")[:-5], encoding="utf-8")
    assert encoder_neighbours(str(tiny_encoder), words, 0.41, False) == first
    monkeypatch.setattr(english, "version", lambda: "1")
    monkeypatch.setattr(english, "english", lambda word, least: word < "m")
    filtered = encoder_neighbours(str(tiny_encoder), words, 0.41, True)
    assert {each < "m" for found in filtered.words.values() for each in found} == {True} and filtered.dropped > 0


@pytest.mark.usefixtures("own_cache")
def test_no_neighbours_at_all_are_refused(tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match=r"give no word of the training text a neighbour of cosine 0.4; lower"):
        encoder_neighbours(str(tiny_encoder), ["absent"], 0.4, False)

"""Vectors against transformers alone, one text at a time, in every architecture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import KINDS, MORE_KINDS, make_model, make_tokenizer

from xtremor.errors import UserError
from xtremor.evaluation import ranking
from xtremor.evaluation.embedder import Embedder, check_layer
from xtremor.sources.base import RetrievalSource
from xtremor.tasks.base import RetrievalExample, RetrievalPair
from xtremor.tasks.embedding import Embedding

pytestmark = pytest.mark.usefixtures("one_thread")
TEXTS = ("ba de fo gi ku la ne", "po", "ba de", "ri su ba ba", "po", "gi gi gi gi gi gi gi gi gi gi")


def example(text: str, identity: str = "", context: str = "") -> RetrievalExample:
    return RetrievalExample("tatoeba", "file", 0, "cluster", "en", identity, text, context, ())


def embedder(kind: str = "bert", **settings: Any) -> Embedder:
    model = make_model("AutoModel", kind)
    return Embedder(model, make_tokenizer(kind == "bert"), torch.device("cpu"), Embedding(**settings), 32)


# ConvBERT's real tokens read the padding of their batch.
@pytest.mark.parametrize("kind", [kind for kind in (*KINDS, *MORE_KINDS) if kind != "convbert"])
@pytest.mark.parametrize("layer", [None, 0, 1, 2])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_vector_is_that_of_its_text_alone(kind: str, layer: int | None, pooling: str) -> None:
    made = embedder(kind, pooling=pooling, layer=layer, prefix_query="su ", prefix_passage="la ")
    model = made.model.eval()
    for prefix, found in (
        ("su ", made.queries([*map(example, TEXTS)])),
        ("la ", made.passages([*map(example, TEXTS)])),
    ):
        for text, vector in zip(TEXTS, found, strict=True):
            with torch.no_grad():
                outputs = model(**made.tokenizer(prefix + text, return_tensors="pt"), output_hidden_states=True)
            # The last of these lacks the closing LayerNorm in some architectures.
            hidden = outputs.last_hidden_state if layer in (None, 2) else outputs.hidden_states[layer]
            expected = hidden[0, 0] if pooling == "cls" else hidden[0].mean(0)
            assert np.allclose(vector, expected.numpy(), atol=1e-5), (text, layer)


def test_equal_texts_have_equal_vectors_and_a_context_makes_a_difference() -> None:
    found = embedder().passages([*map(example, TEXTS), example("po", context="ba")])
    assert np.array_equal(found[1], found[4]) and not np.allclose(found[1], found[6])
    assert found.dtype == np.float32 and found.shape == (7, 16)


def test_a_layer_that_is_not_there() -> None:
    check_layer(embedder().model, 2, "tiny")
    with pytest.raises(UserError, match=r"--layer 3: encoder 'tiny' has layers 0 \(the embeddings\) to 2"):
        check_layer(embedder().model, 3, "tiny")


def test_the_best_layer_finds_most_passages_and_the_last_of_equals_is_taken() -> None:
    made = embedder()
    pairs = [RetrievalPair(example(text), example(" ".join(reversed(text.split())))) for text in TEXTS]
    found, shares = made.with_best_layer(pairs)
    for layer, share in enumerate(shares):
        at = replace(made, embedding=replace(made.embedding, layer=layer))
        queries, passages = at.queries([p.query for p in pairs]), at.passages([p.passage for p in pairs])
        cosines = queries @ passages.T / np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(passages, axis=1))
        # The second and the fifth passage are one text: each is right for both.
        right = [TEXTS[best] == TEXTS[row] for row, best in enumerate(cosines.argmax(1))]
        assert share == pytest.approx(100 * np.mean(right)), layer
    assert found.embedding.layer == max(layer for layer, share in enumerate(shares) if share == max(shares))


class Source:
    """Two languages over one set of candidates, or over their own."""

    def __init__(self, shared: bool) -> None:
        self.shared_candidates, self.asked = shared, 0

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        self.asked += 1
        own = "" if self.shared_candidates else language
        return [example(text, f"{own}{number}") for number, text in enumerate(TEXTS * 3)]

    def examples(self, split: str, language: str) -> list[RetrievalExample]:
        raise AssertionError

    languages = labels = record = examples


@pytest.mark.parametrize("block", [1, 4, 7, 100])
def test_blocks_of_candidates_change_nothing_and_ties_go_to_the_first(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "BLOCK", block)
    source, queries = Source(True), {"de": [example(text) for text in TEXTS[:3]], "sw": [example(TEXTS[3])]}
    assert isinstance(source, RetrievalSource)
    done: list[float] = []
    found = ranking.rank(embedder(), source, "test", queries, 5, done.append)
    assert source.asked == 1 and sum(done) == pytest.approx(4)
    # Every text stands three times, and "po" six times.
    assert [each[:3] for each in found["de"]] == [("0", "6", "12"), ("1", "4", "7"), ("2", "8", "14")]
    assert found["sw"][0][:3] == ("3", "9", "15") and all(len(each) == 5 for each in (*found["de"], *found["sw"]))


def test_each_language_has_its_own_candidates_where_they_are_not_shared() -> None:
    queries = {code: [example(text) for text in TEXTS[:2]] for code in ("de", "sw")}
    found = ranking.rank(embedder(), Source(False), "test", queries, 1)
    assert found == {"de": [("de0",), ("de1",)], "sw": [("sw0",), ("sw1",)]}

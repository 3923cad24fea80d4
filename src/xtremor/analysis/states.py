"""Pooled hidden states of texts at every layer of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from xtremor.encoders.cards import known_card
from xtremor.evaluation.embedder import Embedder
from xtremor.evaluation.frozen import EncoderFolder, find_encoder
from xtremor.tasks.base import RetrievalExample, TextExample
from xtremor.tasks.embedding import Embedding

# Bytes of vectors of English rows that are kept for the next language.
KEPT = 512 * 2**20


@dataclass
class States:
    """Makes vectors; what English rows gave is kept for the languages that have the same ones.

    Attributes:
        embedder: of the encoder.
        rows: inputs passed so far.
    """

    embedder: Embedder
    rows: int = 0
    _kept: dict[tuple[tuple[str, ...], ...], np.ndarray] = field(default_factory=dict)
    _bytes: int = 0

    def __call__(self, examples: Sequence[TextExample]) -> np.ndarray:
        """(N, layers + 1, H) float32; a second text is read as the second of a pair."""
        english = bool(examples) and all(each.language == "en" for each in examples)
        texts = tuple(each.texts for each in examples)
        if english and texts in self._kept:
            return self._kept[texts]
        found = self.embedder.every_layer([_query(each) for each in examples])
        self.rows += len(examples)
        if english and self._bytes + found.nbytes <= KEPT:
            self._kept[texts] = found
            self._bytes += found.nbytes
        return found

    def forget(self) -> None:
        """Keep nothing: the next language has English rows of its own."""
        self._kept, self._bytes = {}, 0


def _query(example: TextExample) -> RetrievalExample:
    first, second = (*example.texts, "")[:2]
    where = (example.task, example.file, example.row, example.cluster, example.language)
    return RetrievalExample(*where, str(example.row), first, second, None)


def states_of(
    name: str, pairs: bool, max_length: int, pooling: str | None = None, prefix: str | None = None
) -> tuple[States, dict[str, Any]]:
    """Load an encoder, or a run's, and say what its vectors are of.

    Args:
        name: of the encoder, or a run folder.
        pairs: whether inputs are pairs of texts; an encoder's prefixes are for single ones, as it was trained.
        max_length: longest input in tokens.
        pooling, prefix: in place of the mean, and of the prefix that the encoder was trained with.

    Raises:
        UserError: as `encoders.load.load_encoder`.
    """
    from xtremor.encoders.load import load_encoder, load_tokenizer
    from xtremor.training.model import check_positions

    found = find_encoder(name)
    embedding = _embedding(found, pairs).changed(pooling, prefix, None)
    model, _ = load_encoder(found.name)
    check_positions(model, max_length)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    embedder = Embedder(model, load_tokenizer(found.name), device, embedding, max_length)
    facts = {"encoder": found.base, "layers": embedder.layers, "pooling": embedding.pooling,
             "prefix": embedding.prefix_query}  # fmt: skip
    return States(embedder), facts


def _embedding(found: EncoderFolder, pairs: bool) -> Embedding:
    """A run on retrieval has its own; other runs were trained without a prefix."""
    if found.embedding is not None:
        return replace(found.embedding, layer=None)
    known = known_card(found.base)
    if pairs or found.trained or known is None:
        return Embedding()
    return Embedding(prefix_query=known.prefixes[0])

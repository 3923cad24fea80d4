"""Vectors of queries and candidates, and the choice of a layer on English pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.errors import UserError
from xtremor.evaluation.predict import forward_rows, shares
from xtremor.scoring.nearest import nearest
from xtremor.tasks.base import RetrievalExample, RetrievalPair
from xtremor.tasks.embedding import Embedding
from xtremor.tasks.retrieval import ENGLISH_QUERIES, encode, pool, query_length
from xtremor.training.model import pad_of

# English pairs that a layer is chosen on.
LAYER_PAIRS = 1000


@dataclass(frozen=True)
class Embedder:
    """An encoder with what is needed to make vectors of texts.

    Attributes:
        model: a bare encoder (``AutoModel``), called with the keyword arguments of Hugging Face.
        tokenizer: its own.
        device: where the model is.
        embedding: layer, pooling and prefixes.
        max_length: longest input in tokens.
        mappings: language -> (N, H) to (N, H), what vectors of its texts go through (``alignment.procrustes``).
    """

    model: nn.Module
    tokenizer: Any
    device: torch.device
    embedding: Embedding
    max_length: int
    mappings: Mapping[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)

    @property
    def layers(self) -> int:
        """N, the number of the last layer."""
        return layers_of(self.model)

    def queries(
        self, examples: Sequence[RetrievalExample], on_share: Callable[[float], None] | None = None
    ) -> np.ndarray:
        """(N, H) float32; equal texts have equal vectors, byte for byte."""
        length = query_length(examples, self.max_length)
        found = self._vectors(examples, self.embedding.prefix_query, length, on_share)
        return found if examples and examples[0].task in ENGLISH_QUERIES else self._mapped(examples, found)

    def passages(
        self, examples: Sequence[RetrievalExample], on_share: Callable[[float], None] | None = None
    ) -> np.ndarray:
        """(N, H) float32 of candidates; likewise."""
        found = self._vectors(examples, self.embedding.prefix_passage, self.max_length, on_share)
        return self._mapped(examples, found)

    def every_layer(self, examples: Sequence[RetrievalExample]) -> np.ndarray:
        """(N, layers + 1, H) float32 of texts with the prefix of queries, from the embeddings up; likewise."""
        return self._vectors(examples, self.embedding.prefix_query, self.max_length, None, self._read_all)

    def _mapped(self, examples: Sequence[RetrievalExample], vectors: np.ndarray) -> np.ndarray:
        """The vectors of every language through its map; those of languages without one as they are."""
        languages = np.array([each.language for each in examples])
        moved = vectors.copy() if self.mappings else vectors
        for code, mapping in self.mappings.items():
            rows = np.flatnonzero(languages == code)
            if len(rows):
                # Products of matrices round otherwise with other rows beside them, and ties would not be ties.
                distinct, places = np.unique(vectors[rows], axis=0, return_inverse=True)
                moved[rows] = mapping(distinct)[places.reshape(-1)]
        return moved

    def _vectors(
        self,
        examples: Sequence[RetrievalExample],
        prefix: str,
        max_length: int,
        on_share: Callable[[float], None] | None,
        read: Callable[[Any, Tensor], Tensor] | None = None,
    ) -> np.ndarray:
        # The same text gets other last digits in another batch, and ties between candidates would not be ties.
        first: dict[tuple[str, str], int] = {}
        places = [first.setdefault((each.text, each.context), len(first)) for each in examples]
        distinct = [examples[place] for place in np.unique(np.array(places), return_index=True)[1]]
        rows, _ = encode(self.tokenizer, distinct, prefix, max_length)
        pad = pad_of(self.tokenizer)
        hidden = read is not None or self.embedding.layer not in (None, self.layers)
        found = forward_rows(
            self.model, rows, pad, self.device, read or self._read, shares(rows, on_share),
            model_inputs=_with_hidden_states if hidden else dict, pack=not hidden,
        )  # fmt: skip
        return found[places]

    def _read(self, outputs: Any, mask: Tensor) -> Tensor:
        layer = self.embedding.layer
        last = layer is None or layer == self.layers
        hidden = outputs.last_hidden_state if last else outputs.hidden_states[layer]
        return pool(hidden.float(), mask, self.embedding.pooling)

    def _read_all(self, outputs: Any, mask: Tensor) -> Tensor:
        """(B, N + 1, H): every layer."""
        states = [*outputs.hidden_states[:-1], outputs.last_hidden_state]
        return torch.stack([pool(each.float(), mask, self.embedding.pooling) for each in states], dim=1)

    def with_best_layer(self, pairs: Sequence[RetrievalPair]) -> tuple[Embedder, list[float]]:
        """This at the layer that finds most passages of English pairs, and the share in percent of every layer.

        A query is right when the passage nearest to it among all of the pairs' is its own; of equally good layers the
        last is taken.
        """
        queries, passages = [pair.query for pair in pairs], [pair.passage for pair in pairs]
        lengths = query_length(queries, self.max_length), self.max_length
        prefixes = self.embedding.prefix_query, self.embedding.prefix_passage
        states = [
            self._vectors(texts, prefix, length, None, self._read_all)
            for texts, prefix, length in zip((queries, passages), prefixes, lengths, strict=True)
        ]
        texts = [(each.text, each.context) for each in passages]
        shares_right = []
        for layer in range(self.layers + 1):
            numbers, _ = nearest(states[0][:, layer], states[1][:, layer], 1)
            right = [texts[number] == texts[row] for row, number in enumerate(numbers[:, 0])]
            shares_right.append(100 * float(np.mean(right)))
        best = max(range(self.layers + 1), key=lambda layer: (shares_right[layer], layer))
        return replace(self, embedding=replace(self.embedding, layer=best)), shares_right


def layers_of(model: nn.Module) -> int:
    """Number of transformer layers, from the model's configuration."""
    config: Any = model.config
    return int(config.num_hidden_layers)


def check_layer(model: nn.Module, layer: int | None, name: str) -> None:
    """Raise UserError for a layer that the encoder does not have."""
    layers = layers_of(model)
    if layer is not None and layer > layers:
        raise UserError(f"--layer {layer}: encoder '{name}' has layers 0 (the embeddings) to {layers}")


def _with_hidden_states(inputs: dict[str, Tensor]) -> dict[str, Any]:
    return {**inputs, "output_hidden_states": True}

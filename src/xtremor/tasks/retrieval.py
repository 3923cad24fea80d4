"""Retrieval by one encoder for queries and passages: inputs, in-batch softmax; the answers are in `evaluation.ranking`.

A unit of training is a query and the passage that answers it. All inputs of a batch go through the encoder together,
and the passages of the other pairs are what a query must tell its own from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.tasks.base import RetrievalExample, RetrievalPair
from xtremor.tasks.embedding import TEMPERATURE, Embedding
from xtremor.tasks.features import Features, as_rows
from xtremor.tasks.texts import tokenise
from xtremor.training.ragged import Ragged

if TYPE_CHECKING:
    from torch import Tensor

# Where a query is cut earlier than a candidate, as the benchmark's scripts have it.
QUERY_LENGTHS = {"lareqa": 96}
# Tasks whose queries are English and count to the language of their candidates.
ENGLISH_QUERIES = ("tatoeba",)


@dataclass(frozen=True)
class DualEncoder:
    """The category; its settings are the run's.

    XTREME-R's scripts put BERT's pooler on top and learn the scale of the cosines, which begins at 100; here the
    hidden states are pooled as they are, and the temperature is fixed at 1 / 100: at the rates of the scripts the scale
    hardly moves.

    Attributes:
        embedding: pooling of the last layer, and prefixes.
        temperature: cosines are divided by it.
        batch_size: pairs that are told apart; None is all of them.
    """

    embedding: Embedding = field(default_factory=Embedding)
    temperature: float = TEMPERATURE
    batch_size: int | None = None
    AUTO_CLASS = "AutoModel"
    CONSTANT = "any passage of the batch"

    def head_config(self, labels: Sequence[str]) -> dict[str, Any]:
        """Nothing: there is no head."""
        return {}

    def featurize(
        self, examples: Sequence[RetrievalPair], tokenizer: Any, labels: Sequence[str], max_length: int
    ) -> Features:
        """Two inputs a pair, the query first; targets (U, 3): number of the passage, equal where texts are, and the
        tokens of both inputs."""
        queries, passages = [pair.query for pair in examples], [pair.passage for pair in examples]
        first, cut = encode(tokenizer, queries, self.embedding.prefix_query, query_length(queries, max_length))
        second, cut_too = encode(tokenizer, passages, self.embedding.prefix_passage, max_length)
        # A query and its passage stand together: 0, U, 1, U + 1, ...
        order = np.arange(2 * len(examples)).reshape(2, -1).T.flatten()
        numbers: dict[tuple[str, str], int] = {}
        passage = [numbers.setdefault((each.text, each.context), len(numbers)) for each in passages]
        targets = np.stack([np.array(passage, dtype=np.int64), first.lengths, second.lengths], axis=1)
        groups = np.arange(0, 2 * len(examples) + 1, 2, dtype=np.int64)
        return Features(Ragged.join([first, second]).take(order), targets, cut + cut_too, groups=groups)

    def model_inputs(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Padded rows as they are."""
        return as_rows(inputs)

    def loss(self, outputs: Any, targets: Tensor) -> Tensor:
        """Cross-entropy of each query's own passage among those of the batch, mean over queries, in float32.

        A passage with the text of a query's own is right as well, so that it is left out where it belongs to another
        query.

        Args:
            outputs: with ``last_hidden_state`` (2U, L, H), inputs of a pair one after the other.
            targets: (U, 3) as `featurize` makes them.
        """
        from torch.nn.functional import cross_entropy

        scores = self._scores(outputs, targets, float("-inf"))
        return cross_entropy(scores, scores.new_tensor(range(len(scores)), dtype=targets.dtype))

    def distributions(self, outputs: Any, targets: Tensor) -> list[Tensor]:
        """The passages of the batch, for each query."""
        from xtremor.robust.divergence import ABSENT

        return [self._scores(outputs, targets, ABSENT)]

    def _scores(self, outputs: Any, targets: Tensor, absent: float) -> Tensor:
        """(U, U) float32: cosines of queries and passages over the temperature, ``absent`` for another's own text."""
        import torch
        from torch.nn.functional import normalize

        hidden: Tensor = outputs.last_hidden_state
        # Cosines over a temperature of 0.01 need more than the three digits of bf16.
        with torch.autocast(hidden.device.type, enabled=False):
            real = torch.arange(hidden.shape[1], device=hidden.device) < targets[:, 1:].reshape(-1, 1)
            queries, passages = normalize(pool(hidden.float(), real, self.embedding.pooling)).view(
                len(targets), 2, -1
            ).unbind(1)  # fmt: skip
            scores = queries @ passages.T / self.temperature
            same = targets[:, 0, None] == targets[None, :, 0]
            own = torch.eye(len(targets), dtype=torch.bool, device=hidden.device)
            return scores.masked_fill(same & ~own, absent)

    def guess_loss(self, features: Features) -> float:
        """Logarithm of the passages of a batch: none is better than another."""
        pairs = len(features.lengths)
        return math.log(min(self.batch_size or pairs, pairs))


CATEGORY = DualEncoder()


def encode(tokenizer: Any, examples: Sequence[RetrievalExample], prefix: str, max_length: int) -> tuple[Ragged, int]:
    """Inputs of queries or candidates, and how many were cut: the text behind its prefix, and its context as the second
    text of a pair where there is one; the longer is cut first."""
    columns = [[prefix + each.text for each in examples]]
    if any(each.context for each in examples):
        columns.append([each.context for each in examples])
    return tokenise(tokenizer, max_length, *columns)


def query_length(queries: Sequence[RetrievalExample], max_length: int) -> int:
    """Tokens that a query is cut at."""
    return min(max_length, QUERY_LENGTHS.get(queries[0].task, max_length)) if queries else max_length


def pool(hidden: Tensor, real: Tensor, pooling: str) -> Tensor:
    """(B, L, H) and (B, L), true at real tokens -> (B, H): their mean, or the first token."""
    if pooling == "cls":
        return hidden[:, 0]
    weights = real.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)

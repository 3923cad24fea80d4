"""How the hidden states of an encoder become the vector of a text, and what is taken where nobody says.

Layers are counted from 0, the output of the embedding block, to N, the last. The scripts of XTREME count the blocks
from 0 instead, so that their index 7 is layer 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xtremor.encoders.cards import known_card
from xtremor.errors import UserError
from xtremor.tasks.base import TaskCard

POOLINGS = ("mean", "cls")
# The scale 100 that the benchmark's scripts multiply cosines by in training.
TEMPERATURE = 0.01
# Both texts are of one kind, for which E5's authors put the query's prefix before both.
SYMMETRIC = ("tatoeba", "bucc2018")
# (task, encoder) -> layer and pooling in the scripts of XTREME: run_tatoeba.sh, run_bucc2018.sh. The latter keeps the
# last 12 of XLM-R Large's 24 blocks and takes index 7 of them.
OFFICIAL = {
    ("tatoeba", "mbert"): (8, "mean"),
    ("tatoeba", "xlm-r-large"): (14, "mean"),
    ("bucc2018", "mbert"): (8, "cls"),
    ("bucc2018", "xlm-r-large"): (20, "cls"),
}


@dataclass(frozen=True)
class Embedding:
    """From hidden states to one vector.

    Attributes:
        pooling: ``mean`` over real tokens, special tokens included, or ``cls``, the first token.
        prefix_query: put before every query.
        prefix_passage: put before every candidate.
        layer: 0 to N; None is the last.
    """

    pooling: str = "mean"
    prefix_query: str = ""
    prefix_passage: str = ""
    layer: int | None = None

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise UserError(f"--pooling must be one of {', '.join(POOLINGS)}, not '{self.pooling}'")
        if self.layer is not None and self.layer < 0:
            raise UserError(f"--layer counts from 0, the embeddings; it cannot be {self.layer}")

    def changed(
        self, pooling: str | None, prefix_query: str | None, prefix_passage: str | None, layer: int | None = None
    ) -> Embedding:
        """This with what was named in place of the default; None was not named."""
        given: dict[str, Any] = {
            "pooling": pooling, "prefix_query": prefix_query, "prefix_passage": prefix_passage, "layer": layer,
        }  # fmt: skip
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @classmethod
    def recorded(cls, training: Mapping[str, Any]) -> Embedding | None:
        """What a run on a retrieval task was trained with, from ``training`` of its run.json; None for other runs."""
        if "pooling" not in training:
            return None
        return cls(training["pooling"], training["prefix_query"], training["prefix_passage"])


def default_embedding(card: TaskCard, encoder: str, trained: bool = False) -> Embedding:
    """The rule for an encoder: the benchmark's own layer and pooling where its scripts have the encoder, else the last
    layer and the mean; the prefixes that the encoder's card names.

    Args:
        card: of the task.
        encoder: name of the encoder, or of the one that a run began with.
        trained: whether weights are trained, or were: then the benchmark's layers do not apply.
    """
    known = known_card(encoder)
    query, passage = known.prefixes if known is not None else ("", "")
    found = Embedding("mean", query, query if card.name in SYMMETRIC else passage)
    official = OFFICIAL.get((card.name, known.name)) if known is not None and not trained else None
    return found if official is None else replace(found, layer=official[0], pooling=official[1])

"""What a user states about word substitution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xtremor.errors import UserError

# `Substitution.neighbours` for neighbours from the encoder's own word embeddings.
EMBEDDINGS = "embeddings"
# Neighbours of a word at most, as published.
MOST = 8


@dataclass(frozen=True)
class Substitution:
    """Word substitution and its settings.

    Attributes:
        neighbours: a file (`neighbours.read_neighbours`), or ``embeddings``: the encoder's own table (`pieces`).
        min_similarity: least cosine of a neighbour from the table; means nothing to a file.
        english_only: drop neighbours that are not English (`english`).
        protect: words that stay: ``default`` (`protected`), ``none``, or a file of further ones.
        copies: draws of every text in an epoch, each a pass over the data.
        apart: draw every occurrence of a word by itself, as the released script does; otherwise a word that
            repeats in an item becomes the same one everywhere in it.
    """

    neighbours: str = EMBEDDINGS
    min_similarity: float = 0.4
    english_only: bool = False
    protect: str = "default"
    copies: int = 1
    apart: bool = False

    def __post_init__(self) -> None:
        if not self.neighbours.strip():
            raise UserError("--neighbours is empty; name a JSON file of neighbours, or write 'embeddings'")
        if self.copies < 1:
            raise UserError(f"--copies must be at least 1, not {self.copies}")
        if not (math.isfinite(self.min_similarity) and -1 <= self.min_similarity <= 1):
            raise UserError(f"--min-similarity is a cosine, from -1 to 1, not {self.min_similarity}")

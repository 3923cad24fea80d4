"""What a user states about word substitution."""

from __future__ import annotations

from dataclasses import dataclass

from xtremor.errors import UserError

# `Substitution.neighbours` for neighbours from the encoder's own word embeddings.
EMBEDDINGS = "embeddings"
# Least cosine of a neighbour from the table where none is stated; chosen by eye on the starter.
NEAR = 0.4
# Neighbours of a word at most, as published.
MOST = 8


@dataclass(frozen=True)
class Substitution:
    """Word substitution and its settings.

    Attributes:
        neighbours: a file (`neighbours.read_neighbours`), or ``embeddings``: the encoder's own table (`pieces`).
        min_similarity: least cosine of a neighbour from the table; None is `NEAR` there, and all that a file can have.
        english_only: drop neighbours that are not English (`english`).
        protect: words that stay: ``default`` (`protected`), ``none``, or a file of further ones.
        copies: draws of every text in an epoch, each a pass over the data.
        apart: draw every occurrence of a word by itself, as the released script does; otherwise a word that
            repeats in an item becomes the same one everywhere in it.
    """

    neighbours: str = EMBEDDINGS
    min_similarity: float | None = None
    english_only: bool = False
    protect: str = "default"
    copies: int = 1
    apart: bool = False

    def __post_init__(self) -> None:
        if not self.neighbours.strip():
            raise UserError("--neighbours is empty; name a JSON file of neighbours, or write 'embeddings'")
        if self.copies < 1:
            raise UserError(f"--copies must be at least 1, not {self.copies}")
        if self.neighbours != EMBEDDINGS:
            if self.min_similarity is not None:
                raise UserError("--min-similarity means nothing to neighbours from a file; leave it out")
        elif self.min_similarity is None:
            object.__setattr__(self, "min_similarity", NEAR)
        elif not -1 <= self.min_similarity <= 1:
            raise UserError(f"--min-similarity is a cosine, from -1 to 1, not {self.min_similarity}")

"""Options of word substitution, spread into flags by cyclopts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

WORDS = Group("Word substitution (rsda)", sort_key=2)


@Parameter(name="*", group=WORDS)
@dataclass(frozen=True)
class SubstitutionOptions:
    """Which words take the place of which; read by the method rsda alone."""

    neighbours: Annotated[
        str | None,
        Parameter(
            help="JSON file of words with up to 8 neighbours each, or `embeddings`: the encoder's own table (default)."
        ),
    ] = None
    min_similarity: Annotated[
        float | None, Parameter(help="Least cosine of a neighbour from the encoder's table (default 0.4).")
    ] = None
    english_only: Annotated[
        bool, Parameter(negative=(), help="Drop neighbours that are not English (extra substitution).")
    ] = False
    protect: Annotated[
        str | None,
        Parameter(help="Words that stay: default (negation, quantifiers, ...), a FILE of further ones, or none."),
    ] = None
    copies: Annotated[
        int | None, Parameter(help="Draws of every text in an epoch, each a pass over the data (default 1).")
    ] = None
    substitute_apart: Annotated[
        bool,
        Parameter(negative=(), help="Draw every occurrence of a word by itself, also in the two texts of a pair."),
    ] = False

    def as_dict(self) -> dict[str, Any]:
        """Settings of a method."""
        values = {name: getattr(self, name) for name in ("neighbours", "min_similarity", "protect", "copies")}
        # None is what the method has where nothing is stated.
        return {**values, "english_only": self.english_only or None, "apart": self.substitute_apart or None}

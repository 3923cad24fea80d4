"""Word substitution."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from xtremor.robust.methods.base import number, switch
from xtremor.robust.methods.plain import Plain
from xtremor.robust.substitution.settings import EMBEDDINGS, Substitution


@dataclass(frozen=True, kw_only=True)
class RSDA(Plain):
    """RS-DA, word substitution (Huang et al. 2021, arXiv 2104.08645): the gradient of loss(x'), fresh in every epoch.

    Every word of x' is a uniform draw from the word of x and its up to 8 neighbours. What is drawn is a function of the
    seed, the pass over the data and the item; the text is rewritten before training (`xtremor.training.draws`). Cost: 3
    passes; ``copies`` make an epoch as many times longer.

    Attributes:
        neighbours, min_similarity, english_only, protect, copies, apart: see
            `xtremor.robust.substitution.settings.Substitution`.
    """

    name: ClassVar[str] = "rsda"
    title: ClassVar[str] = "word substitution (RS-DA), drawn anew in every epoch"
    rule: ClassVar[str] = "loss(x'), every word of the text a draw from itself and up to 8 neighbours"
    cost_rule: ClassVar[str] = "3; copies make epochs longer"
    source: ClassVar[str] = "Huang et al. 2021, arXiv 2104.08645"

    neighbours: str = EMBEDDINGS
    min_similarity: float | None = number(None, least=-1.0)
    english_only: bool = switch(False)
    protect: str = "default"
    copies: int = number(1, least=1)
    apart: bool = switch(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        # Checks them together, and fills in what depends on another.
        object.__setattr__(self, "min_similarity", self.substitution.min_similarity)

    @property
    def substitution(self) -> Substitution:
        """The settings of the rewriting."""
        return Substitution(**self.settings())

    def label_of(self, name: str) -> str:
        """Part of the label for a setting that is not the default."""
        value = getattr(self, name)
        if name == "neighbours":
            return _file(value)
        if name == "protect":
            return f"protect-{_file(value)}"
        words = {"english_only": "english", "copies": f"x{value}", "apart": "apart"}
        if name == "min_similarity":
            return "" if value is None or value == Substitution().min_similarity else f"cos{value:g}"
        return words[name]


def _file(named: str) -> str:
    """A word for labels: ``none``, or a file's name with something that tells it from files of that name elsewhere."""
    if named in ("none", EMBEDDINGS, "default"):
        return named
    return f"{Path(named).name.split('.')[0]}-{hashlib.sha256(named.encode()).hexdigest()[:4]}"

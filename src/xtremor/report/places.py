"""Facts about the languages of a report: names, strata, and whether the encoder's pretraining held them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xtremor.errors import UserError

LOW_RESOURCE = (0, 1, 2)  # Classes of Joshi et al. 2020 (arXiv 2004.09095), 0 to 5.

# Words in an encoder's name -> the language table's column on its pretraining text, and whose text that is.
_PRETRAINING = (
    (("e5", "starter"), "in_me5", "multilingual-e5's"),
    (("xlm-r", "xlm_r", "xlmr", "minilm"), "in_xlmr", "XLM-R's"),
    (("bert-base-multilingual", "mbert"), "in_mbert", "mBERT's"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A language or locale as a reader sees it; text fields are empty and ``joshi`` None where unknown.

    Attributes:
        code: as the task spells it.
        name: for people.
        script: ISO 15924 code.
        family: language family.
        joshi: resource class 0 to 5 of Joshi et al. 2020.
        seen: whether the encoder's pretraining text held the language.
    """

    code: str
    name: str
    script: str = ""
    family: str = ""
    joshi: int | None = None
    seen: bool | None = None

    @property
    def low_resource(self) -> bool:
        """Joshi class 2 or below."""
        return self.joshi in LOW_RESOURCE


def pretraining(encoder: dict[str, Any]) -> tuple[str, str] | None:
    """Column and owner (``in_xlmr``, ``XLM-R's``) of an encoder's pretraining text; None when unknown."""
    # Of a path only its end: a parent folder may be called anything.
    keys = ("name", "resolved", "architecture")
    names = [str(encoder.get(key) or "").rstrip("/").rsplit("/", 1)[-1].lower() for key in keys]
    for words, column, owner in _PRETRAINING:
        if any(word in name for word in words for name in names):
            return column, owner
    return None


def describe(codes: Sequence[str], encoder: dict[str, Any] | None = None) -> dict[str, Place]:
    """Facts on each code; a code that the language table lacks keeps its code for a name."""
    column = pretraining(encoder or {})
    places = {code: _place(code, column[0] if column else "") for code in codes}
    names = [place.name for place in places.values()]
    # Two locales of one language need their codes to be told apart.
    return {
        code: place if names.count(place.name) == 1 else _renamed(place, f"{place.name} ({code})")
        for code, place in places.items()
    }


def _renamed(place: Place, name: str) -> Place:
    return Place(place.code, name, place.script, place.family, place.joshi, place.seen)


def _place(code: str, column: str) -> Place:
    from xtremor.languages import lookup

    try:
        known = lookup(code)
    except UserError:
        # A task of the user's own may have languages that the table lacks; its scores are shown all the same.
        return Place(code, code)
    seen = bool(getattr(known, column)) if column else None
    return Place(code, known.name, known.script, known.family, known.joshi_class, seen)


def word(codes: Sequence[str]) -> str:
    """What to call the codes: ``locales`` when some name a region or script, else ``languages``."""
    return "locales" if any("-" in code or "_" in code for code in codes) else "languages"

"""Facts about the languages of a report: names, strata, and whether the encoder's pretraining held them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xtremor.errors import UserError

LOW_RESOURCE = (0, 1, 2)  # Classes of Joshi et al. 2020 (arXiv 2004.09095), 0 to 5.

# Words in an encoder's name -> the language table's column on its pretraining data. multilingual-e5 and
# Multilingual-MiniLM descend from XLM-R and share its text.
_PRETRAINING = (
    (("xlm-r", "xlm_r", "xlmr", "e5", "minilm", "starter"), "in_xlmr", "XLM-R's"),
    (("bert-base-multilingual", "mbert", "distilbert-base-multilingual"), "in_mbert", "mBERT's"),
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
    """Column and owner (``in_xlmr``, ``XLM-R's``) of the pretraining text of an encoder; None when unknown."""
    # Without the last folders of a path: a parent folder may be called anything.
    names = [
        str(encoder.get(key) or "").rstrip("/").split("/")[-1].lower()
        for key in ("name", "resolved", "architecture")
    ]
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
    try:
        from xtremor.languages import lookup

        known: Any = lookup(code)
    except (ImportError, UserError, KeyError, LookupError):
        return Place(code, code)
    joshi = str(getattr(known, "joshi_class", "") if getattr(known, "joshi_class", "") is not None else "")
    seen = getattr(known, column, None) if column else None
    return Place(
        code,
        str(getattr(known, "name", "") or code),
        str(getattr(known, "script", "") or ""),
        str(getattr(known, "family", "") or ""),
        int(joshi) if joshi.isdecimal() else None,
        _truth(seen),
    )


def _truth(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    return {"yes": True, "no": False}.get(str(value).lower())


def word(codes: Sequence[str]) -> str:
    """What to call the codes: ``locales`` when some name a region or script, else ``languages``."""
    return "locales" if any("-" in code or "_" in code for code in codes) else "languages"

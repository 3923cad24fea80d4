"""Methods by name, as they are typed and recorded. Imports no torch."""

from __future__ import annotations

from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.robust import methods
from xtremor.robust.methods.base import Method, unread

METHODS: dict[str, type[Method]] = {
    kind.name: kind
    for kind in (
        methods.Plain,
        methods.RandomNoise,
        methods.NEFTune,
        methods.NEFTunePadded,
        methods.FGM,
        methods.PGD,
        methods.NoiseNorms,
        methods.NoiseRise,
        methods.FreeLB,
        methods.FreeLBCode,
        methods.FreeLBPlusPlus,
        methods.NoiseK,
        methods.SMART,
        methods.SMARTCode,
        methods.VAT,
        methods.ALUM,
        methods.R3F,
        methods.R4F,
        methods.RDrop,
        methods.RDropPaper,
        methods.SAM,
        methods.AWP,
        methods.CreAT,
        methods.RSDA,
    )
}


def make(name: str, **settings: Any) -> Method:
    """The method of that name; a setting of None is the method's default.

    Raises:
        UserError: an unknown name, a setting that the method does not read, a value out of range.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    kind, stated = METHODS[name], {key: value for key, value in settings.items() if value is not None}
    for key in stated:
        if key not in kind.options():
            raise unread(key, kind)
    return kind(**stated)


def method_of(recorded: dict[str, Any]) -> Method:
    """The method that `Method.as_dict` recorded."""
    values = dict(recorded)
    try:
        return make(str(values.pop("name")), **values)
    except KeyError as error:
        raise UserError(f"a recorded method lacks {error}") from error


def parse(name: str) -> tuple[str, dict[str, Any]]:
    """``pgd``, ``pgd-3``, ``noise-k3``, ``noise-2`` -> the method's name and what a number behind it states."""
    if name in METHODS:
        return name, {}
    head = name.rstrip("0123456789")
    base = head.removesuffix("-") if head.removesuffix("-") in METHODS else head
    if base in METHODS and head != name:
        for option in ("steps", "draws"):
            if option in METHODS[base].options():
                return base, {option: int(name[len(head) :])}
    raise unknown("method", name, METHODS)

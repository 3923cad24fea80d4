"""A ledger of claims: TOML, read strictly; what is wrong is said in one sentence that names file, claim and key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.study.claims.claim import KINDS, Claim, Side, Where
from xtremor.study.claims.facts import FACTS
from xtremor.study.claims.roles import ANY, FAMILIES, NONE

SHIPPED = "claims that come with xtremor"
SETTINGS = ("standard", "generalized")
# Key of a claim's table -> key of `Claim`, where they are not the same.
_REPORTED = ("seeds", "checkpoint", "selection", "note")
_KEYS = (
    "name", "kind", "statement", "source", "locator", "reported", "treatment", "control", "where", "less", "threshold",
    "margin", "against", "needs",
)  # fmt: skip
# Kind -> keys that it must have, and those that it may have beside what all have.
_OWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gain": (("treatment", "control"), ("where", "threshold", "margin")),
    "as-good": (("treatment", "control", "margin"), ("where",)),
    "more-in": (("treatment", "control", "where", "less"), ("threshold",)),
    "everywhere": (("treatment", "control"), ("where", "threshold")),
    "correlation": (("treatment", "control", "against"), ("where", "threshold")),
    "untestable": (("needs",), ()),
}
_ALL = ("name", "kind", "statement", "source", "locator", "reported")


def read_ledger(path: Path | None = None) -> tuple[Claim, ...]:
    """Read and check a ledger; None is the one that comes with xtremor.

    Raises:
        UserError: no such file, no TOML, an unknown key or kind, a value of the wrong kind, two claims of one name.
    """
    if path is None:
        text = (resources.files("xtremor") / "study" / "claims" / "ledger.toml").read_text(encoding="utf-8")
        return parse_ledger(text, SHIPPED)
    try:
        return parse_ledger(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UserError(f"ledger {path}: {error.strerror}; name a TOML file of claims") from error
    except UnicodeDecodeError as error:
        raise UserError(f"ledger {path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def parse_ledger(text: str, where: str) -> tuple[Claim, ...]:
    """As `read_ledger`, from text; ``where`` is its file."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not TOML: {error}; write [[claims]] before each claim") from error
    _known(table, ("claims",), where)
    found = claims_of(table.get("claims", []), where)
    if not found:
        raise UserError(f"{where} holds no claim; write [[claims]] before each claim")
    return found


def claims_of(each: Any, where: str) -> tuple[Claim, ...]:
    """Claims from what a file has under ``claims``; raises UserError as `parse_ledger`."""
    if not isinstance(each, list) or not all(isinstance(one, dict) for one in each):
        raise UserError(f"{where}: claims must be a list; write [[claims]] before each claim")
    found: dict[str, Claim] = {}
    for number, one in enumerate(each, start=1):
        name = one.get("name")
        place = f"{where}, claim {number}" + (f" '{name}'" if isinstance(name, str) else "")
        claim = _claim(one, place)
        if claim.name in found:
            raise UserError(f"{place}: name: another claim has this name; name each once")
        found[claim.name] = claim
    return tuple(found.values())


def _claim(table: Mapping[str, Any], place: str) -> Claim:
    _known(table, _KEYS, place)
    for key in ("name", "kind", "statement", "source"):
        if not _text(table, key, place).strip():
            raise UserError(f"{place}: {key} is missing; it must be text")
    kind = table["kind"]
    if kind not in KINDS:
        raise UserError(f"{place}: kind: {unknown('kind of claim', kind, KINDS)}")
    needed, may = _OWN[kind]
    for key in needed:
        if key not in table:
            raise UserError(f"{place}: {key} is missing; a claim of kind '{kind}' needs it")
    for key in table:
        if key not in (*_ALL, *needed, *may):
            raise UserError(f"{place}: {key} says nothing in a claim of kind '{kind}'; leave it out")
    reported = _table(table, "reported", place)
    _known(reported, _REPORTED, f"{place}, reported")
    claim = Claim(
        name=table["name"], kind=kind, statement=table["statement"], source=table["source"],
        locator=_text(table, "locator", place),
        **{key: _said(reported, key, f"{place}, reported") for key in _REPORTED},
        treatment=_side(table, "treatment", place),
        control=_side(table, "control", place),
        where=_where(table, "where", place) or Where(),
        less=_where(table, "less", place),
        threshold=_number(table, "threshold", place, 0.0),
        margin=_number(table, "margin", place, None),
        against=_text(table, "against", place),
        needs=_text(table, "needs", place),
    )  # fmt: skip
    _check(claim, place)
    return claim


def _check(claim: Claim, place: str) -> None:
    if claim.margin is not None and not claim.margin > 0:
        raise UserError(f"{place}: margin must be a positive number of points, not {claim.margin:g}")
    if claim.kind == "correlation":
        if claim.against not in FACTS:
            raise UserError(f"{place}: against: {unknown('fact about languages', claim.against, FACTS)}")
        if not -1 < claim.threshold < 1:
            raise UserError(f"{place}: threshold of a correlation lies between -1 and 1, not {claim.threshold:g}")
    if claim.treatment is None or claim.control is None:
        return
    if bool(claim.treatment.either) != bool(claim.control.either):
        raise UserError(f"{place}: either must be in both, treatment and control, or in none of the two")
    if claim.control.matched:
        raise UserError(f"{place}, control: matched belongs to the treatment; it says that both make the same passes")


def _side(table: Mapping[str, Any], key: str, place: str) -> Side | None:
    if key not in table:
        return None
    own, here = _table(table, key, place), f"{place}, {key}"
    _known(own, [each.name for each in fields(Side)], here)
    side = Side(
        arm=_texts(own, "arm", here), stage1=_role(own, "stage1", here), stage2=_role(own, "stage2", here),
        either=_role(own, "either", here), settings=_settings(own, here), matched=_flag(own, "matched", here),
        checkpoint=_text(own, "checkpoint", here), adversary=_adversary(own, here),
    )  # fmt: skip
    if side == Side():
        raise UserError(f"{here} names no arm; say arm, stage1, stage2, either, adversary or checkpoint")
    if side.either and (side.stage1 or side.stage2):
        raise UserError(f"{here}: either stands for stage1 and stage2; leave these out")
    if side.settings and not (side.stage1 or side.stage2 or side.either):
        raise UserError(f"{here}: settings are of a method; name it as stage1, stage2 or either")
    return side


def _role(table: Mapping[str, Any], key: str, place: str) -> str:
    role = _text(table, key, place)
    if role in ("", *FAMILIES, NONE, ANY):
        return role
    from xtremor.robust.registry import METHODS, parse

    try:
        parse(role)
    except UserError as error:
        known = (*FAMILIES, NONE, ANY, *METHODS)
        raise UserError(f"{place}: {key}: {unknown('family or method', role, known)}") from error
    return role


def _adversary(table: Mapping[str, Any], place: str) -> str:
    from xtremor.training.adversary.settings import GRAPHS

    graph = _text(table, "adversary", place)
    if graph not in ("", *GRAPHS, NONE, ANY):
        raise UserError(f"{place}: adversary: {unknown('graph of languages', graph, (*GRAPHS, NONE, ANY))}")
    return graph


def _settings(table: Mapping[str, Any], place: str) -> dict[str, object]:
    from xtremor.robust.registry import METHODS

    known = {option for method in METHODS.values() for option in method.options()}
    found = {}
    for key, value in _table(table, "settings", place).items():
        name = key.replace("-", "_")
        if name not in known:
            raise UserError(f"{place}, settings: {unknown('setting of a method', key, known)}")
        found[name] = value
    return found


def _where(table: Mapping[str, Any], key: str, place: str) -> Where | None:
    if key not in table:
        return None
    own, here = _table(table, key, place), f"{place}, {key}"
    _known(own, [each.name for each in fields(Where)], here)
    setting = _text(own, "setting", here)
    if setting not in ("", *SETTINGS):
        raise UserError(f"{here}: setting: {unknown('setting', setting, SETTINGS)}")
    strata = {}
    for scheme, value in _table(own, "strata", here).items():
        from xtremor.compare.groups import RESOURCE
        from xtremor.languages import PAIR
        from xtremor.languages import strata as known

        schemes = (RESOURCE, *known("en"), *known(f"en{PAIR}en"))
        if scheme not in schemes:
            raise UserError(f"{here}, strata: {unknown('scheme of strata', scheme, schemes)}")
        strata[scheme] = _said({scheme: value}, scheme, f"{here}, strata")
    return Where(_tasks(own, here), setting, _texts(own, "languages", here), strata)


def _tasks(table: Mapping[str, Any], place: str) -> tuple[str, ...]:
    from xtremor.tasks.cards import card

    found = []
    for name in _texts(table, "tasks", place):
        try:
            found.append(card(name).name)
        except UserError as error:
            raise UserError(f"{place}: tasks: {error}") from error
    return tuple(found)


def _known(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UserError(f"{where}: {unknown('key', key, known)}")


def _wrong(place: str, key: str, what: str, value: object) -> UserError:
    return UserError(f"{place}: {key} must be {what}, not {value!r}")


def _table(table: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise _wrong(place, key, "a table", value)
    return value


def _text(table: Mapping[str, Any], key: str, place: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _wrong(place, key, "text", value)
    return value


def _said(table: Mapping[str, Any], key: str, place: str) -> str:
    """Text, or a whole number as text."""
    value = table.get(key, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(place, key, "text or a whole number", value)
    return str(value)


def _texts(table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = table.get(key, [])
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each for each in values):
        raise _wrong(place, key, "text, or a list of texts", value)
    return tuple(values)


def _flag(table: Mapping[str, Any], key: str, place: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(place, key, "true or false", value)
    return value


def _number(table: Mapping[str, Any], key: str, place: str, default: Any) -> Any:
    value = table.get(key, default)
    if value is default:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 100:
        raise _wrong(place, key, "a number of points between -100 and 100", value)
    return float(value)

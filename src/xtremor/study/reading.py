"""A study file: TOML, read strictly. Whatever is wrong is said in one sentence before anything is done."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from xtremor.errors import UserError, unknown
from xtremor.study.design import Arm, Assumed, Contrast, Intermediate, Keep, Seeds, Study, Target
from xtremor.study.settings import Settings, kinds

Made = TypeVar("Made")
KEYS = (
    "name", "about", "encoder", "data", "intermediate", "stage1", "stage2", "seeds", "arms", "targets", "contrasts",
    "strata", "claims", "checkpoints", "snapshots", "trackers", "assumed", "keep", "store", "threads",
)  # fmt: skip
_LABELS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def read_study(path: Path) -> Study:
    """Read and check a study file; paths in it are relative to where the command is given, as when typed.

    Raises:
        UserError: no such file, no TOML, an unknown key, a value of the wrong kind, or no possible study.
    """
    return parse_study(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a study file; raises UserError where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"study file {path}: {error.strerror}; name a TOML file, or make one with `xtremor study new`"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"study file {path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def parse_study(text: str, where: str) -> Study:
    """As `read_study`, from text; ``where`` is its file."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f'{where}: not TOML: {error}; write lines such as name = "pilot"') from error
    from xtremor.study.claims.binding import check_arms
    from xtremor.study.claims.reading import claims_of

    _known(table, KEYS, where)
    read, claims = _Reader(table, where), table.get("claims", [])
    ledger = claims_of(claims, where)
    stage1, stage2 = read.settings("stage1"), read.settings("stage2")
    study = Study(
        name=_name(read.need("name", str), where),
        about=read.take("about", str, ""),
        encoders=read.texts("encoder", ("starter",)),
        data=read.take("data", str, None),
        intermediate=tuple(read.each("intermediate", _intermediate)),
        stage1=stage1,
        stage2=stage2,
        seeds=_seeds(table.get("seeds", {}), where),
        arms=tuple(read.each("arms", _arm)),
        targets=tuple(read.each("targets", _target)),
        contrasts=tuple(read.each("contrasts", lambda one, place: _plain(Contrast, one, place))),
        strata=read.texts("strata", ()),
        claims=tuple(claims),
        checkpoints=read.texts("checkpoints", ("last",)),
        snapshots=read.take("snapshots", int, Study.snapshots),
        trackers=read.texts("trackers", ()),
        assumed=_plain(Assumed, read.take("assumed", dict, {}), f"{where}, [assumed]"),
        keep=_plain(Keep, read.take("keep", dict, {}), f"{where}, [keep]"),
        store=read.take("store", str, None),
        threads=read.take("threads", int, 1),
    )
    for name, found in (("arms", study.arms), ("targets", study.targets), ("encoder", study.encoders)):
        if not found:
            raise UserError(f"{where}: a study needs {name}; add [[{name}]]")
    try:
        study.check()
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    check_arms(ledger, study.design(), where)
    return study


class _Reader:
    """Values of a table by their kind."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self.table, self.where = table, where

    def take(self, key: str, kind: type, default: Any) -> Any:
        """A value of that kind, or the default where the key is missing."""
        if key not in self.table:
            return default
        return _of_kind(self.table[key], kind, f"{self.where}: {key}")

    def need(self, key: str, kind: type) -> Any:
        """A value that must be there."""
        if key not in self.table:
            raise UserError(f"{self.where}: {key} is missing; it must be {_label(kind)}")
        return self.take(key, kind, None)

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A text or a list of texts."""
        value = self.table.get(key, list(default))
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in values):
            raise UserError(f"{self.where}: {key} must be text, or a list of texts, not {value}")
        return tuple(values)

    def settings(self, key: str) -> Settings:
        """A table of options."""
        return Settings.of(self.take(key, dict, {}), f"{self.where}, [{key}]")

    def each(self, key: str, make: Callable[[Any, str], Made]) -> list[Made]:
        """The entries of a list."""
        value = self.table.get(key, [])
        if not isinstance(value, list):
            raise UserError(f"{self.where}: {key} must be a list; write [[{key}]] before each of them")
        found = []
        for number, one in enumerate(value, start=1):
            place = f"{self.where}, {key} {number}"
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                place += f" '{one['name']}'"
            try:
                found.append(make(one, place))
            except UserError as error:
                said = str(error)
                raise UserError(said if said.startswith(self.where) else f"{place}: {said}") from error
        return found


def _intermediate(one: Any, place: str) -> Intermediate:
    """A name, or a table with the task and options of its recipe."""
    if isinstance(one, str):
        return Intermediate(one)
    table = dict(_of_kind(one, dict, place))
    task = _Reader(table, place).need("task", str)
    del table["task"]
    return Intermediate(task, Settings.of(table, place, methods=False))


def _arm(one: Any, place: str) -> Arm:
    table = _of_kind(one, dict, place)
    _known(table, [each.name for each in fields(Arm)], place)
    read = _Reader(table, place)
    stage1 = read.take("stage1", dict, None)
    return Arm(
        name=_name(read.need("name", str), place),
        stage1=None if stage1 is None else Settings.of(stage1, f"{place}, stage1"),
        stage2=Settings.of(read.take("stage2", dict, {}), f"{place}, stage2"),
        match_compute=read.take("match_compute", str, None),
    )


def _target(one: Any, place: str) -> Target:
    """A name, or a table: what is scored, beside options of the recipe."""
    if isinstance(one, str):
        return Target(one)
    table = _of_kind(one, dict, place)
    own = [each.name.replace("_", "-") for each in fields(Target) if each.name != "settings"]
    options = {key: value for key, value in table.items() if key not in own}
    for key in options:
        if key.replace("-", "_") not in kinds():
            raise UserError(f"{place}: {unknown('key', key, [*own, *(name.replace('_', '-') for name in kinds())])}")
    read = _Reader(table, place)
    return Target(
        task=read.need("task", str),
        split=read.take("split", str, None),
        languages=read.texts("languages", ()),
        limit=read.take("limit", int, None),
        generalized=read.take("generalized", bool, False),
        scoring_precision=read.take("scoring-precision", str, "fp32"),
        settings=Settings.of(options, place, methods=False),
    )


def _seeds(value: Any, where: str) -> Seeds:
    """``seeds = 12``, or a table of ``stage1`` and ``stage2``, each a number of seeds or a list of them."""
    table = value if isinstance(value, dict) else {"stage1": value}
    _known(table, [each.name for each in fields(Seeds)], f"{where}, [seeds]")
    found = {}
    for name, stated in table.items():
        numbers = list(range(1, stated + 1)) if _is_int(stated) else stated
        if not isinstance(numbers, list) or not all(map(_is_int, numbers)):
            raise UserError(f"{where}: seeds.{name} must be a number of seeds, or a list of them, not {stated}")
        found[name] = tuple(numbers)
    try:
        return Seeds(**found)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _plain(kind: type[Made], one: Any, place: str) -> Made:
    """A dataclass of texts and numbers."""
    table = _of_kind(one, dict, place)
    known: list[Any] = list(fields(kind))  # type: ignore[arg-type]
    _known(table, [each.name for each in known], place)
    values = {}
    for each in known:
        if each.name in table:
            values[each.name] = _of_kind(
                table[each.name], float if "float" in str(each.type) else str, f"{place}: {each.name}"
            )
        elif each.default is MISSING:
            raise UserError(f"{place}: {each.name} is missing")
    try:
        return kind(**values)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error


def _known(table: Mapping[str, Any], known: Any, where: str) -> None:
    for key in table:
        if key not in known:
            raise UserError(f"{where}: {unknown('key', key, known)}")


def _of_kind(value: Any, kind: type, where: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UserError(f"{where} must be {_label(kind)}, not {value!r}")
    return value


def _label(kind: type) -> str:
    return _LABELS.get(kind, "a table")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _name(text: str, where: str) -> str:
    """A name that can be a folder's and a column's."""
    if not text.strip() or any(sign in text for sign in '/\\:*?"<>|,\n\t') or text.startswith("."):
        raise UserError(f"{where}: the name '{text}' must be words without commas and signs that no file name may have")
    return text

"""Options of training and of a method as a table of a study file: the names of `xtremor train`, checked alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from xtremor.cli.config import WORDS, dumped_value
from xtremor.cli.recipe import BallOptions, MethodOptions, TrainOptions
from xtremor.cli.substitution import SubstitutionOptions
from xtremor.errors import UserError, unknown
from xtremor.robust.methods.base import Method

# What a study states once for all its stages, or decides itself.
OF_THE_STUDY = ("encoder", "threads", "fresh_pooler")


@dataclass(frozen=True)
class Settings:
    """Stated options, by name: those of the recipe, and those of a method.

    Attributes:
        stated: name of an option, with underscores, and its value; sorted by name.
    """

    stated: tuple[tuple[str, Any], ...] = ()

    @staticmethod
    def of(table: Mapping[str, Any], where: str, methods: bool = True) -> Settings:
        """Check a table of a file.

        Args:
            table: as TOML gives it.
            where: file and table, for messages.
            methods: whether options of a method may be among them.

        Raises:
            UserError: a key that is no option, or a value of another kind.
        """
        known = kinds() if methods else {name: kind for name, kind in kinds().items() if name in _of(TrainOptions)}
        found: dict[str, Any] = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name not in known:
                hint = "keys are options of `xtremor train`"
                raise UserError(f"{where}: {unknown('key', key, map(_dashed, known), hint)}")
            found[name] = _checked(f"{where}: {key}", value, known[name])
        return Settings(tuple(sorted(found.items())))

    def over(self, *below: Settings) -> Settings:
        """These, and where they are silent those of ``below``, of which the first wins."""
        merged: dict[str, Any] = {}
        for each in (*reversed(below), self):
            merged |= dict(each.stated)
        return Settings(tuple(sorted(merged.items())))

    def changed(self, **values: Any) -> Settings:
        """The same with other values."""
        return Settings(tuple(sorted({**dict(self.stated), **values}.items())))

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an option, or ``default`` where it is not stated."""
        return dict(self.stated).get(name, default)

    def method(self) -> Method:
        """The method; ``freelb-2`` is K = 2. Raises UserError for what it does not read."""
        values = dict(self.stated)
        options = MethodOptions(**{name: value for name, value in values.items() if name in _of(MethodOptions)})
        ball = BallOptions(**{name: value for name, value in values.items() if name in _of(BallOptions)})
        words = {name: value for name, value in values.items() if name in _of(SubstitutionOptions)}
        return options.settings(ball, SubstitutionOptions(**words))

    def recipe(self, encoder: str, threads: int) -> TrainOptions:
        """The options of the recipe."""
        own = {name: value for name, value in self.stated if name in _of(TrainOptions)}
        return replace(TrainOptions(**own), encoder=encoder, threads=threads)

    def as_dict(self) -> dict[str, Any]:
        """Name -> value."""
        return dict(self.stated)


@cache
def _of(options: type) -> frozenset[str]:
    return frozenset(each.name for each in fields(options))


@cache
def kinds() -> dict[str, type]:
    """Every option that a study may state, and the kind of its value."""
    found: dict[str, type] = {}
    for options in (MethodOptions, BallOptions, SubstitutionOptions, TrainOptions):
        hints = get_type_hints(options)
        for each in fields(options):
            hint = hints[each.name]
            found[each.name] = next((part for part in get_args(hint) if part is not NoneType), hint)
    return {name: kind for name, kind in found.items() if name not in OF_THE_STUDY}


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _checked(where: str, value: Any, kind: type) -> Any:
    """A value of its option's kind; a list becomes text with commas, as it is typed."""
    if kind in (str, Path) and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    right = {bool: isinstance(value, bool), int: number and isinstance(value, int), float: number}
    if not right.get(kind, isinstance(value, str)):
        shown = dumped_value(value) if isinstance(value, bool | str | int | float) else str(value)
        raise UserError(f"{where} must be {WORDS.get(kind, 'text')}, not {shown}")
    return float(value) if kind is float else value

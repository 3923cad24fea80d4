"""What a sweep varies: the values or the range of each setting, and which settings a method reads."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from xtremor.cli.recipe import BallOptions, MethodOptions, TrainOptions
from xtremor.errors import UserError
from xtremor.robust.registry import METHODS

# Settings that cannot be listed: methods are named by an option of their own, arms share their encoder, threads are the
# machine's, and the last is a list already.
SINGLE = (
    "method", "encoder", "threads", "lora_targets", "unlabelled", "unlabelled_languages", "unlabelled_split",
    "unlabelled_text", "unlabelled_text_pair", "adversary_graph",
)  # fmt: skip
RANGE = ".."


@dataclass(frozen=True)
class Axis:
    """One setting and what it may be.

    Attributes:
        name: of the setting, as a field of the options.
        values: the values named, in that order; of a range its two ends.
        drawn: whether the values are the ends of a range, from which draws are log-uniform.
    """

    name: str
    values: tuple[Any, ...]
    drawn: bool = False

    @property
    def option(self) -> str:
        """As a user types it."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def varies(self) -> bool:
        """Whether trials can differ in it."""
        return self.drawn or len(self.values) > 1

    def draw(self, seed: int, trial: int) -> Any:
        """The value of a trial (from 1): the same for every method that reads the setting."""
        dice = random.Random(f"{seed}/{self.name}/{trial}")
        if not self.drawn:
            return dice.choice(self.values)
        low, high = self.values
        value = math.exp(dice.uniform(math.log(low), math.log(high)))
        # Three digits are enough to tell trials apart, and short enough for the name of a folder.
        near = round(value) if isinstance(low, int) else float(f"{value:.3g}")
        return min(max(near, low), high)

    def said(self) -> str:
        """``radius 0.001, 0.003`` or ``radius from 0.001 to 0.05``."""
        first, last = map(shown, (self.values[0], self.values[-1]))
        what = f"from {first} to {last}" if self.drawn else ", ".join(map(shown, self.values))
        return f"{self.name.replace('_', ' ')} {what}"


def shown(value: Any) -> str:
    """A value as it is named in lists and folders: ``0.001``, ``5e-05``, ``linf``."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_read(method: str) -> frozenset[str]:
    """Fields of `MethodOptions` and `BallOptions` that a method, by its name in the registry, reads."""
    return frozenset("absolute" if name == "relative" else name for name in METHODS[method].options())


def kinds(options: type) -> dict[str, type]:
    """Settings of a class of options that can be listed: name -> ``int``, ``float`` or ``str``."""
    hints = get_type_hints(options)
    found = {}
    for each in fields(options):
        hint = hints[each.name]
        kind = next((part for part in get_args(hint) if part is not NoneType), hint)
        if kind in (int, float, str) and each.name not in SINGLE:
            found[each.name] = kind
    return found


def parse_axes(listed: dict[str, str], drawing: bool) -> tuple[Axis, ...]:
    """Axes from what was typed, in the order method, ball, recipe.

    Args:
        listed: setting -> values between commas, or a range where ``drawing``.
        drawing: whether trials are drawn at random, which ranges need.

    Raises:
        UserError: a value of the wrong kind, a value named twice, a range that cannot be drawn from.
    """
    known = {**kinds(MethodOptions), **kinds(BallOptions), **kinds(TrainOptions)}
    return tuple(parse_axis(name, listed[name], known[name], drawing) for name in known if name in listed)


def parse_axis(name: str, text: str, kind: type, drawing: bool) -> Axis:
    """One axis; see `parse_axes`."""
    option = f"--{name.replace('_', '-')}"
    if RANGE in text:
        return _range(name, option, text, kind, drawing)
    words = [word.strip() for word in text.split(",")]
    values = tuple(_value(option, word, kind) for word in words)
    for place, value in enumerate(values):
        if value in values[:place]:
            raise UserError(f"{option} names {shown(value)} twice; name every value once")
    return Axis(name, values)


def _range(name: str, option: str, text: str, kind: type, drawing: bool) -> Axis:
    if not drawing:
        raise UserError(f"{option} {text} is a range to draw from; name the number of draws with --trials N")
    ends = [end.strip() for end in text.split(RANGE)]
    if kind is str or len(ends) != 2:
        raise UserError(f"{option} {text}: expected values between commas{'' if kind is str else ', or LOW..HIGH'}")
    low, high = (_value(option, end, kind) for end in ends)
    if not 0 < low < high < math.inf:
        raise UserError(
            f"{option} {text}: draws are log-uniform, so a range goes from a number above 0 to a larger one"
        )
    return Axis(name, (low, high), drawn=True)


def _value(option: str, word: str, kind: type) -> Any:
    try:
        if not word:
            raise ValueError
        value = kind(word)
    except ValueError:
        what = {int: "a whole number", float: "a number"}.get(kind, "a value")
        found = f"'{word}' is not {what}" if word else "a value is missing beside a comma"
        raise UserError(f"{option}: {found}; write values between commas") from None
    return value


def read_by_some(axes: Iterable[Axis], methods: Iterable[str]) -> None:
    """Raise UserError for a setting of methods that none of ``methods`` (names in the registry) reads."""
    names = list(methods)
    for axis in axes:
        if axis.name not in kinds(TrainOptions) and not any(axis.name in settings_read(name) for name in names):
            raise UserError(f"{axis.option} means nothing to any of the methods {', '.join(names)}; leave it out")

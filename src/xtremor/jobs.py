"""Runs of a grid as commands that a user could type: methods by their short names, options as flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, TrainOptions
from xtremor.errors import UserError
from xtremor.robust.methods.base import Method, option_of
from xtremor.robust.registry import METHODS, make, parse


def parse_method(name: str, ball: BallOptions) -> Method:
    """``plain``, ``pgd``, ``pgd-3``, ``noise-k3`` -> the method, with what it reads of ``ball``."""
    base, stated = parse(name)
    kind = METHODS[base]
    return make(base, **{key: value for key, value in ball.as_dict().items() if key in kind.options()}, **stated)


def parse_methods(names: Sequence[str], ball: BallOptions, option: str = "--methods") -> list[Method]:
    """Settings of several methods; raises UserError where two are the same."""
    settings = [parse_method(name, ball) for name in names]
    if len({each.arm for each in settings}) < len(settings):
        raise UserError(f"{option} names a method twice: {', '.join(names)}")
    return settings


def split_names(text: str, option: str, what: str, example: str) -> tuple[str, ...]:
    """Names between commas; raises UserError where there is none."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UserError(f"{option} names no {what}; write names between commas, for example {example}")
    return names


def train_arguments(
    folder: Path,
    seed: int,
    method: Method,
    task: TaskOptions,
    recipe: TrainOptions,
    scoring: ScoringOptions | None,
    keep_model: bool,
) -> list[str]:
    """``xtremor train`` for one run; it is evaluated where ``scoring`` is given."""
    arguments = ["train", "--output", str(folder), "--seed", str(seed)]
    arguments += [] if scoring is None else ["--evaluate"]
    arguments += [*flags(task), *method_flags(method), *flags(recipe)]
    arguments += [] if scoring is None else flags(scoring)
    return arguments + ([] if keep_model else ["--no-keep-model"])


def method_flags(method: Method) -> list[str]:
    """A method as a user would type it."""
    found, usual = flag("method", method.name, "plain"), method.defaults()
    for name, value in method.settings().items():
        if value == usual[name]:
            continue
        if name == "relative":
            found.append("--relative" if value else "--absolute")
        else:
            found += [option_of(name)] if value is True else [option_of(name), str(value)]
    return found


def flags(options: Any) -> list[str]:
    """The options that differ from their defaults, as a user would type them."""
    found: list[str] = []
    for each in fields(options):
        if each.name != "threads":
            found += flag(each.name, getattr(options, each.name), each.default)
    return found


def flag(name: str, value: Any, default: Any) -> list[str]:
    """One option, or nothing where it has its default."""
    if value == default:
        return []
    word = f"--{name.replace('_', '-')}"
    return [word] if value is True else [word, str(value)]

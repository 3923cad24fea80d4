"""Runs of a grid as commands that a user could type: methods by their short names, options as flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import BallOptions, MethodOptions, TrainOptions
from xtremor.errors import UserError
from xtremor.robust.registry import METHODS, MethodSettings


def parse_method(name: str, ball: BallOptions) -> MethodSettings:
    """``plain``, ``pgd``, ``pgd-3``, ``noise-k``, ``noise-k3`` -> settings."""
    base, steps = name, None
    if name not in METHODS:
        head, _, tail = name.rpartition("-")
        if tail.isdecimal() and head in METHODS:
            base, steps = head, int(tail)
        elif name.startswith("noise-k") and name[7:].isdecimal():
            base, steps = "noise-k", int(name[7:])
    own = MethodOptions(method=base, steps=steps)
    alone = own.settings(BallOptions())
    return own.settings(ball) if alone.perturbs else alone


def parse_methods(names: Sequence[str], ball: BallOptions, option: str = "--methods") -> list[MethodSettings]:
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
    method: MethodSettings,
    task: TaskOptions,
    ball: BallOptions,
    recipe: TrainOptions,
    scoring: ScoringOptions | None,
    keep_model: bool,
) -> list[str]:
    """``xtremor train`` for one run; it is evaluated where ``scoring`` is given."""
    own = MethodOptions(method=method.name, steps=method.steps)
    arguments = ["train", "--output", str(folder), "--seed", str(seed)]
    arguments += [] if scoring is None else ["--evaluate"]
    arguments += [*flags(task), *flags(own), *flags(recipe)]
    arguments += [] if scoring is None else flags(scoring)
    arguments += flags(ball) if method.perturbs else []
    return arguments + ([] if keep_model else ["--no-keep-model"])


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

"""Kinds of tasks that a user's files can be: a module each, of the name of the category in ``xtremor.tasks``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from xtremor.sources.own.kinds.base import English, FileType, Kind, Named

__all__ = ["NAMES", "English", "FileType", "Kind", "Named", "kind", "kind_of_training"]

NAMES = ("classification", "choice", "tagging", "spans")


def kind(category: str) -> Kind:
    """The kind of that category, one of NAMES."""
    return cast(Kind, importlib.import_module(f"xtremor.sources.own.kinds.{category}"))


def kind_of_training(path: Path, named: Named) -> str:
    """Which kind of task a training file makes, by its suffix, its beginning and the options."""
    from xtremor.sources.own import conll, squad_json

    if path.suffix.lower() in conll.SUFFIXES:
        return "tagging"
    if squad_json.is_squad(path):
        return "spans"
    return "classification" if named.choices is None else "choice"

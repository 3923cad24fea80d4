"""Studies that come with xtremor, as files to copy and change (`xtremor study new`)."""

from __future__ import annotations

import tomllib
from importlib import resources

from xtremor.errors import unknown


def names() -> list[str]:
    """Names of the recipes, sorted."""
    return sorted(each.name[:-5] for each in resources.files(__name__).iterdir() if each.name.endswith(".toml"))


def text_of(name: str) -> str:
    """A recipe's text; raises UserError for a name that there is none of."""
    if name not in names():
        raise unknown("recipe", name, names(), "`xtremor study recipes` lists them")
    return (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")


def listed() -> list[tuple[str, str]]:
    """Name and one line of every recipe."""
    return [(name, str(tomllib.loads(text_of(name)).get("about", ""))) for name in names()]

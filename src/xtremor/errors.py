"""The one error that a user is meant to see, and the nearest known name for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Input that we refuse: one sentence that says where, what was expected and what to do (exit code 2)."""


class Elsewhere(UserError):
    """The same in another process of a run, which says it; this one ends without a word."""


class Incomplete(UserError):
    """A part of the work failed and all else is done (exit code 3)."""


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Return up to ``limit`` of ``known`` that look most like ``name``, best first; may be empty."""
    names = list(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=limit, cutoff=0.5)
    return [folded[candidate] for candidate in close]


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UserError:
    """Build the error for a name that is none of ``known``: the nearest ones, or all when nothing is near."""
    names = list(known)
    close = nearest(name, names)
    if close:
        said = f"nearest: {', '.join(close)}"
    else:
        said = f"known: {', '.join(sorted(names))}" if len(names) <= 20 else f"there are {len(names)}"
    return UserError(f"unknown {kind} '{name}' ({said}){'; ' + hint if hint else ''}")

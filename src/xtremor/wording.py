"""Words that messages of all rooms share."""

from __future__ import annotations


def number_of(count: int, things: str) -> str:
    """``1 row`` or ``2,000 rows``: a number of what is named by its regular plural."""
    return f"{count:,} {things.removesuffix('s') if count == 1 else things}"

"""Facts about languages that a gain may go with."""

from __future__ import annotations

import math
from collections.abc import Iterable

from xtremor.languages import PAIR

# Name -> what it is, in words.
FACTS = {
    "kinship": "distance from English by family and script: 0 both its own, 1/2 one of them, 1 neither",
    "wikipedia": "binary logarithm of the megabytes of Wikipedia text in 2020",
    "pretraining": "binary logarithm of the GiB of text in XLM-R's pretraining",
}


def fact(name: str, codes: Iterable[str]) -> dict[str, float]:
    """Code -> value, for the languages of which the fact is known; a pair of languages has none."""
    from xtremor.errors import UserError
    from xtremor.languages import lookup

    found = {}
    for code in codes:
        if PAIR in code:
            continue
        try:
            language = lookup(code)
        except UserError:
            continue
        if name == "kinship":
            from xtremor.analysis.selection.distances import kinship

            value: float | None = float(kinship(["en", code]).values[0, 1])
        else:
            amount = language.wiki_text_mb if name == "wikipedia" else language.xlmr_gib
            value = math.log2(amount) if amount else None
        if value is not None:
            found[code] = value
    return found

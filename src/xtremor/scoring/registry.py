"""Scorers by the name that a card gives; a scorer's module is imported when it is asked for."""

from __future__ import annotations

import importlib

from xtremor.errors import UserError, unknown
from xtremor.scoring.base import Scorer

# Name -> module in this package, and the scorer (or what makes one for a language) in it.
_PLACES = {
    "accuracy": ("accuracy", "ACCURACY"),
    "qqp": ("accuracy", "QQP"),
    "chunk_f1": ("chunks", "CHUNK_F1"),
    "pos_f1": ("pos", "POS_F1"),
    "token_accuracy": ("tokens", "TOKEN_ACCURACY"),
    "squad": ("squad", "SQUAD"),
    "squad2": ("squad", "SQUAD2"),
    "mlqa": ("mlqa", "mlqa"),
    "map@20": ("ranking", "MAP_AT_20"),
    "mrr@20": ("ranking", "MRR_AT_20"),
    "bucc_f1": ("bucc", "BUCC_F1"),
}
NAMES = tuple(_PLACES)


def scorer(name: str, language: str | None = None) -> Scorer:
    """The scorer of that name, for a language where its rules depend on it (``"mlqa"``).

    Raises:
        UserError: there is no such scorer, or it needs a language that was not given or that it has no rules for.
    """
    if name not in _PLACES:
        raise unknown("metric", name, NAMES)
    module, attribute = _PLACES[name]
    found = getattr(importlib.import_module(f"xtremor.scoring.{module}"), attribute)
    if isinstance(found, Scorer):
        return found
    if language is None:
        raise UserError(f"the metric '{name}' depends on the language of the answers; say which it is")
    made: Scorer = found(language)
    return made

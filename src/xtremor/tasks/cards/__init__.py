"""The cards of every task, and finding one by name.

A new task is one more card in the module of its category (and, if its layout is new, one more reader).
"""

from __future__ import annotations

from dataclasses import replace

from xtremor.errors import unknown
from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards.benchmarks import BENCHMARKS, scored_in
from xtremor.tasks.cards.choice import XCOPA
from xtremor.tasks.cards.classification import INTENTS, PAWSX, XNLI
from xtremor.tasks.cards.intermediate import CARDS as INTERMEDIATE
from xtremor.tasks.cards.retrieval import BUCC2018, LAREQA, MEWSLIX, TATOEBA
from xtremor.tasks.cards.spans import MLQA, TYDIQA, XQUAD
from xtremor.tasks.cards.tagging import PANX, SLOTS, UDPOS

__all__ = ["BENCHMARKS", "all_cards", "card"]

_CARDS = {
    each.name: each
    for each in (
        INTENTS,
        SLOTS,
        XNLI,
        PAWSX,
        XCOPA,
        UDPOS,
        PANX,
        XQUAD,
        MLQA,
        TYDIQA,
        MEWSLIX,
        LAREQA,
        TATOEBA,
        BUCC2018,
        *INTERMEDIATE,
    )
}


def card(name: str, benchmark: str = "xtreme-r") -> TaskCard:
    """Return the card of a task with the languages that a benchmark scores it in.

    Args:
        name: the card's name or one of its aliases, in any case (``"panx"``, ``"WikiANN-NER"``).
        benchmark: ``"xtreme"`` or ``"xtreme-r"``. A task that is not of it keeps the languages of the one that
            it is of; ``card.benchmark`` says which.

    Raises:
        UserError: no such task or benchmark; the message has the nearest names.
    """
    if benchmark not in BENCHMARKS:
        raise unknown("benchmark", benchmark, BENCHMARKS)
    found = _CARDS.get(name) or _aliases().get(_folded(name))
    if found is None:
        raise unknown("task", name, _CARDS, "`xtremor tasks` lists them")
    if benchmark not in found.benchmarks or benchmark == found.benchmark:
        return found
    return replace(found, **scored_in(found.name, benchmark))


def all_cards(benchmark: str = "xtreme-r") -> tuple[TaskCard, ...]:
    """Return every card, in the order in which they are listed to people; see ``card``."""
    return tuple(card(name, benchmark) for name in _CARDS)


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _aliases() -> dict[str, TaskCard]:
    return {_folded(alias): each for each in _CARDS.values() for alias in (each.name, *each.aliases)}

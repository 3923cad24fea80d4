"""``xtremor tasks | methods | languages | encoders``: what there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from xtremor.cli.tables import as_text, print_table

if TYPE_CHECKING:
    from xtremor.tasks.base import TaskCard

JSON = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON for a program to read.")]


BENCHMARK = Annotated[str, Parameter(help="xtreme-r or xtreme: whose languages a task is scored in.")]


def tasks(
    name: Annotated[str | None, Parameter(help="Show this task's card.")] = None,
    /,
    *,
    benchmark: BENCHMARK = "xtreme-r",
    json_: JSON = False,
) -> None:
    """List the tasks, or show one task's card."""
    from xtremor.tasks.cards import all_cards, card

    chosen = all_cards(benchmark) if name is None else (card(name, benchmark),)
    if json_:
        print(json.dumps([_facts(each) for each in chosen], ensure_ascii=False, indent=2))
    elif name is not None:
        for key, value in _facts(chosen[0]).items():
            _print_field(key, value)
    else:
        print_table([_row(each) for each in chosen], by="group")


def methods(*, json_: JSON = False) -> None:
    """List the training methods, their rules and what they cost in passes (plain: 3)."""
    from xtremor.robust.methods.base import Perturbed
    from xtremor.robust.registry import METHODS

    shared = set(Perturbed.options()) - {"radius", "relative"}
    rows = []
    for each in METHODS.values():
        usual = {name: value for name, value in each.defaults().items() if value is not None}
        hidden = {name for name in shared if usual.get(name) == getattr(Perturbed, name)} | {"relative"}
        own = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in usual.items()
               if name not in hidden and value is not False]  # fmt: skip
        absolute = ["absolute"] if usual.get("relative") is False else []
        rows.append(
            {
                "method": each.name,
                "what": each.title,
                "trained on": each.rule,
                "passes": each.cost_rule,
                "defaults": ", ".join([*own, *absolute]),
                "source": each.source,
            }
        )
    _print_rows(rows, json_)


def languages(
    task: Annotated[str | None, Parameter(help="Only the languages of this task.")] = None,
    *,
    benchmark: Annotated[
        str | None,
        Parameter(help="Only the languages of xtreme-r or xtreme; with --task, whose list (default xtreme-r)."),
    ] = None,
    json_: JSON = False,
) -> None:
    """List languages with script, family, Joshi class, and whether the encoders saw them in pretraining."""
    from xtremor.languages import all_languages, table
    from xtremor.sources import open_source
    from xtremor.tasks.cards import all_cards, card

    codes: Sequence[str] | None = None
    if task is not None:
        found = card(task, benchmark or "xtreme-r")
        codes = found.languages or open_source(found).languages(found.splits[0])
    elif benchmark is not None:
        scored = {code for each in all_cards(benchmark) if benchmark in each.benchmarks for code in each.languages}
        codes = [each.code for each in all_languages() if each.code in scored]
    _print_rows(table(codes), json_)


def encoders(*, json_: JSON = False) -> None:
    """List the encoders that are known by name; any other hub name or local folder works too."""
    from xtremor.encoders.load import known_encoders

    _print_rows([asdict(each) for each in known_encoders()], json_)


def _row(card: TaskCard) -> dict[str, Any]:
    """A task on one line of the list."""
    return {
        "task": card.name,
        "what": card.title,
        "category": card.category,
        "languages": len(card.languages) or "from the data",
        "metric": card.metric,
        "train": _trainable(card),
        "benchmarks": card.benchmarks,
        "needs": _needs(card),
        "group": _group(card),
    }


def _facts(card: TaskCard) -> dict[str, Any]:
    """Everything that a card says, and what follows from it."""
    from xtremor.sources import ON_DISK
    from xtremor.sources.official import layout

    facts = asdict(card) | {"trainable": _trainable(card), "needs": _needs(card)}
    return facts | ({"layout": layout(card)} if card.source in ON_DISK else {})


def _group(card: TaskCard) -> str:
    if card.benchmarks:
        return "XTREME and XTREME-R"
    return "English intermediate tasks" if card.source == "intermediate" else "Without a download"


def _trainable(card: TaskCard) -> bool:
    from xtremor.tasks.category import trainable

    return trainable(card)


def _needs(card: TaskCard) -> str:
    from xtremor.sources import ON_DISK

    return "--data DIR" if card.source in ON_DISK else "pip install 'xtremor[starter]'"


def _print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        print_table(rows)


def _print_field(key: str, value: Any) -> None:
    if isinstance(value, dict):
        value = ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, (tuple, list)) and any(" " in str(each) for each in value):
        print(f"{key}:")
        for each in value:
            print(f"  - {each}")
    else:
        print(f"{key}: {as_text(value)}")

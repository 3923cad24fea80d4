"""What an arm is: how its stages were trained, read from the plan; which families of methods it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xtremor.evaluation.rules import LAST
from xtremor.study.plan import Cell, Plan
from xtremor.study.results import shown
from xtremor.study.stage import Stage

NONE, ANY = "none", "any"
_ADVERSARIAL = ("fgm", "pgd", "freelb", "freelb-code", "freelb++", "creat", "smart", "smart-code", "vat", "alum")
_NOISE = ("noise", "noise-k", "noise-norms", "noise-rise", "neftune", "neftune-padded", "r3f", "r4f")
_SUBSTITUTION = ("rsda",)
# Family -> methods; ``none`` is a stage that is not there, ``any`` one that is, whatever it does.
FAMILIES: dict[str, tuple[str, ...]] = {
    "plain": ("plain",),
    "adversarial": _ADVERSARIAL,
    "noise": _NOISE,
    "substitution": _SUBSTITUTION,
    "robust": (*_ADVERSARIAL, *_NOISE, *_SUBSTITUTION),
    "consistency": ("r-drop", "r-drop-paper"),
    "sharpness": ("sam", "awp"),
}
# Settings in which two arms may differ though they differ in their method alone: the seed is the replicate, epochs are
# stretched to match passes, and a method is what is compared.
FREE = ("seed", "epochs", "method", "encoder")


@dataclass(frozen=True)
class Trained:
    """How one stage of an arm is trained.

    Attributes:
        settings: of the training, method included, as the stage records them.
    """

    settings: Mapping[str, Any]

    @property
    def method(self) -> Mapping[str, Any]:
        """Name and settings of the method."""
        told = self.settings.get("method")
        return told if isinstance(told, Mapping) else {"name": "plain"}

    @cached_property
    def rest(self) -> dict[str, Any]:
        """All settings but the free ones."""
        return {name: value for name, value in self.settings.items() if name not in FREE}

    @property
    def adversary(self) -> str:
        """Graph of the discriminator of languages; `NONE` where there is none, or none that teaches."""
        told = self.settings.get("adversary") or {}
        return str(told["graph"]) if told.get("weight") else NONE

    def fits(self, role: str, settings: Mapping[str, object]) -> bool:
        """Whether it is of a family or of a method, with these settings of the method."""
        name = self.method["name"]
        number: dict[str, object] = {}
        if role in FAMILIES:
            of = name in FAMILIES[role]
        elif role == ANY:
            of = True
        else:
            from xtremor.robust.registry import parse

            base, number = parse(role)
            of = name == base
        return of and all(self.method.get(key) == value for key, value in {**number, **settings}.items())


@dataclass(frozen=True)
class System:
    """An arm with one encoder, one intermediate task and one checkpoint rule: what is compared.

    Attributes:
        name: as in the results, with the rule where it is not the primary one.
        arm, encoder, intermediate, checkpoint: see `xtremor.study.plan.Cell`.
        cells: its runs.
        first: how its first stage is trained; None where it has none.
        second: task -> how it is trained on that target.
        work: task -> mean planned passes over a token of a run, both stages.
    """

    name: str
    arm: str
    encoder: str
    intermediate: str
    checkpoint: str
    cells: tuple[Cell, ...]
    first: Trained | None
    second: Mapping[str, Trained]
    work: Mapping[str, float]

    def stage(self, number: int) -> Trained | None:
        """Of the first target where it is the second stage: method and recipe are the arm's."""
        return self.first if number == 1 else next(iter(self.second.values()))

    def opposed(self, adversary: str) -> bool:
        """Whether its training on the targets has such a discriminator of languages; any will do for empty text."""
        trained = self.stage(2)
        own = NONE if trained is None else trained.adversary
        return not adversary or own == adversary or (adversary == ANY and own != NONE)

    def fits(self, number: int, role: str, settings: Mapping[str, object]) -> bool:
        """Whether a stage is of a role."""
        trained = self.stage(number)
        return role == NONE if trained is None else role != NONE and trained.fits(role, settings)


def all_cells(plan: Plan) -> tuple[Cell, ...]:
    """Those of every checkpoint rule."""
    return (*plan.cells, *plan.beside)


def systems(plan: Plan) -> list[System]:
    """Every system of a study, in its order; the primary rule's first."""
    primary = plan.cells[0].checkpoint if plan.cells else LAST
    members: dict[tuple[str, ...], list[Cell]] = {}
    for cell in all_cells(plan):
        members.setdefault((cell.arm, cell.encoder, cell.intermediate, cell.checkpoint), []).append(cell)
    return [_system(plan, key, own, primary) for key, own in members.items()]


def _system(plan: Plan, key: tuple[str, ...], cells: list[Cell], primary: str) -> System:
    arm, encoder, intermediate, rule = key
    heads = {cell.task: cell for cell in reversed(cells)}
    first = cells[0].stage1
    return System(
        name=cells[0].system if rule == primary else f"{cells[0].system} ({shown(rule)})",
        arm=arm,
        encoder=encoder,
        intermediate=intermediate,
        checkpoint=rule,
        cells=tuple(cells),
        first=None if first is None else _trained(plan.stages[first]),
        second={cell.task: _trained(plan.stages[cell.target]) for cell in reversed(heads.values())},
        work={task: planned_work(plan, cell) for task, cell in heads.items()},
    )


def _trained(stage: Stage) -> Trained:
    return Trained(dict(stage.config.get("settings") or {}))


def planned_work(plan: Plan, cell: Cell) -> float:
    """Passes over a token that a run makes in training, as planned."""
    return sum(plan.stages[key].size.work for key in (cell.stage1, cell.target) if key is not None)


def differing(one: System, other: System, tasks: Iterable[str] | None = None, beside: Iterable[str] = ()) -> list[str]:
    """Settings, beside method and length, in which two systems differ, in words: ``stage 2 learning_rate 1e-5, 2e-5``.

    Those of ``beside`` are left out as well. A stage that one of the two has not is no difference here: that is what a
    contrast with it is about.
    """
    pairs = [(1, one.first, other.first)]
    shared = [task for task in (tasks or one.second) if task in one.second and task in other.second]
    pairs += [(2, one.second[task], other.second[task]) for task in shared]
    found: dict[str, None] = {}
    for number, here, there in pairs:
        if here is None or there is None:
            continue
        for name in sorted(here.rest.keys() | there.rest.keys()):
            # Whether a pooler is drawn anew follows from having a first stage.
            if here.rest.get(name) != there.rest.get(name) and name not in ("fresh_pooler", *beside):
                values = " against ".join(_shown(each.rest.get(name)) for each in (here, there))
                found[f"stage {number} {name} {values}"] = None
    return list(found)


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

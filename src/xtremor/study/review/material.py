"""What a review reads of a study: its plan and what every finished stage tells. No model, no data, no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from xtremor.errors import UserError
from xtremor.study.claims.roles import System, systems
from xtremor.study.files import StudyFolder
from xtremor.study.freeze import Verdict, verdict
from xtremor.study.plan import Cell, Plan
from xtremor.study.stage import EVALUATION
from xtremor.training.folder import read_json


@dataclass(frozen=True)
class Pair:
    """A contrast with one encoder and one intermediate task.

    Attributes:
        treatment, control: systems.
        primary: its role.
    """

    treatment: System
    control: System
    primary: bool

    @property
    def name(self) -> str:
        """``freelb-2 against noise-k2``."""
        return f"{self.treatment.name} against {self.control.name}"

    @property
    def cells(self) -> Iterator[tuple[System, Cell]]:
        """Of both sides."""
        return ((system, cell) for system in (self.treatment, self.control) for cell in system.cells)


@dataclass(frozen=True)
class Material:
    """A study as a review sees it.

    Attributes:
        folder, plan: of the study.
        frozen: whether the plan was kept.
        told: key -> ``stage.json`` of a finished stage that is as it was stored.
        scores: key -> ``scores.json`` of such an evaluation.
        broken: key -> what is wrong with a finished stage.
        failures: key -> what is known of a failure.
    """

    folder: StudyFolder
    plan: Plan
    frozen: Verdict
    told: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Mapping[str, Any]]
    broken: Mapping[str, str]
    failures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def design(self) -> Mapping[str, Any]:
        """What the study asks."""
        return self.plan.design

    @cached_property
    def systems(self) -> list[System]:
        """Of the primary checkpoint rule."""
        known = systems(self.plan)
        return [each for each in known if each.checkpoint == known[0].checkpoint]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every planned contrast, with every encoder and intermediate task; primary ones first."""
        found = []
        for each in sorted(self.design.get("contrasts", ()), key=lambda one: one["role"] != "primary"):
            for one in self.systems:
                for other in self.systems:
                    if (
                        (one.arm, other.arm) == (each["treatment"], each["control"])
                        and one.encoder == other.encoder
                        and (not one.intermediate or other.intermediate in ("", one.intermediate))
                    ):
                        found.append(Pair(one, other, each["role"] == "primary"))
        return found

    @cached_property
    def primary(self) -> frozenset[str]:
        """Names of systems in primary contrasts."""
        return frozenset(system.name for pair in self.pairs if pair.primary for system, _ in pair.cells)

    def keys(self, cell: Cell) -> list[str]:
        """Stages of a run."""
        return [key for key in (cell.stage1, cell.target, cell.evaluation) if key is not None]


def gather(folder: StudyFolder) -> Material:
    """Read a study; raises UserError where there is none."""
    plan = folder.read()
    store = folder.store(plan)
    told: dict[str, Mapping[str, Any]] = {}
    scores: dict[str, Mapping[str, Any]] = {}
    broken: dict[str, str] = {}
    finished = store.open().finished() if store.path.is_dir() else set()
    for key, stage in plan.stages.items():
        if key not in finished:
            continue
        try:
            store.verify(key, whole=False)
            found = store.manifest(key)
            if stage.kind == EVALUATION:
                own = read_json(store.stages / key / "scores.json")
                if not isinstance(own.get("languages"), dict):
                    raise UserError(f"{store.stages / key / 'scores.json'} holds no scores by language")
                scores[key] = own
            told[key] = found
        except UserError as error:
            broken[key] = str(error)
        except OSError as error:
            broken[key] = f"stage '{stage.name}': {error}"
    failures = {key: each for key, each in folder.failures().items() if key in plan.stages and key not in finished}
    return Material(folder, plan, verdict(folder, plan), told, scores, broken, failures)

"""A plan: the stages of a study, content-addressed, and which of them make which cell of its grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.languages import is_english
from xtremor.study.stage import Stage, digest_of

FORMAT = 1
# Encoder, intermediate task (empty for none) and arm.
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Cell:
    """One run of the grid: keys of its stages, and where it stands.

    Attributes:
        system: the arm, with encoder and intermediate task where the study has several.
        arm, encoder, intermediate, task, split: see the study; ``intermediate`` is empty for an arm without one, and
            ``task`` says more where the study has several targets of one task.
        stage1_seed, stage2_seed: ids of its seeds.
        evaluation, target, stage1: keys; ``stage1`` is None where there is none.
        checkpoint: rule by which the target's weights are taken.
    """

    system: str
    arm: str
    encoder: str
    intermediate: str
    task: str
    split: str
    stage1_seed: int
    stage2_seed: int
    evaluation: str
    target: str
    stage1: str | None
    checkpoint: str = "last"


@dataclass(frozen=True)
class Plan:
    """A study's stages, parents before children, and its cells.

    Attributes:
        name: of the study.
        design: what it asks, in plain values.
        keep: whose models stay.
        store: folder of the stages as the study names it; None is the study's own.
        stages: key -> stage.
        cells: one an evaluation, by the primary checkpoint rule.
        source: digest of the text that it was planned from.
        beside: cells of the other rules, which no comparison may take for further runs.
        trackers: that stages tell their figures.
    """

    name: str
    design: Mapping[str, Any]
    keep: Mapping[str, str]
    store: str | None
    stages: Mapping[str, Stage]
    cells: tuple[Cell, ...]
    source: str = ""
    beside: tuple[Cell, ...] = ()
    trackers: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of the design and of every stage."""
        return digest_of({"design": self.design, "stages": sorted(self.stages)})

    def as_dict(self) -> dict[str, Any]:
        """For the disk."""
        return {
            "format": FORMAT,
            "name": self.name,
            "source": self.source,
            "store": self.store,
            "keep": dict(self.keep),
            "design": self.design,
            "stages": [stage.as_dict() for stage in self.stages.values()],
            "cells": [asdict(cell) for cell in self.cells],
            "beside": [asdict(cell) for cell in self.beside],
            "trackers": list(self.trackers),
        }

    @staticmethod
    def from_dict(told: Mapping[str, Any], where: Path) -> Plan:
        """As `as_dict` told it; raises UserError for one of another version."""
        if told.get("format") != FORMAT:
            raise UserError(
                f"{where}: a plan of format {told.get('format')}, this version of xtremor reads {FORMAT}; plan again"
            )
        stages = map(Stage.from_dict, told["stages"])
        return Plan(
            name=told["name"],
            design=told["design"],
            keep=told["keep"],
            store=told["store"],
            stages={stage.key: stage for stage in stages},
            cells=tuple(Cell(**cell) for cell in told["cells"]),
            source=told["source"],
            beside=tuple(Cell(**cell) for cell in told.get("beside", ())),
            trackers=tuple(told.get("trackers", ())),
        )

    def labelled(self, cell: Cell) -> tuple[str, ...]:
        """Languages besides English that the target stage of a cell is trained on with labels."""
        return tuple(code for code in self.sources(cell) if not is_english(code))

    def sources(self, cell: Cell) -> tuple[str, ...]:
        """Languages that the target stage of a cell is trained on with labels."""
        from xtremor.training.sources import recorded_sources

        return recorded_sources({"training": self.stages[cell.target].config.get("settings")})

    def contrasts(self) -> Iterator[tuple[Mapping[str, Any], Place, Place]]:
        """The contrasts of the design with the places of treatment and control.

        An arm crossed with several encoders or intermediate tasks is compared with its control on the same ones; a
        control without an intermediate stage is the same for all.
        """
        for told in self.design["contrasts"]:
            for one, two in self._pairs(told["treatment"], told["control"]):
                yield told, one, two

    def _pairs(self, treatment: str, control: str) -> Iterator[tuple[Place, Place]]:
        grid: dict[str, dict[tuple[str, str], None]] = {}
        for cell in self.cells:
            grid.setdefault(cell.arm, {})[cell.encoder, cell.intermediate] = None
        for encoder in self.design["encoders"]:
            ones = [task for where, task in grid.get(treatment, {}) if where == encoder]
            twos = [task for where, task in grid.get(control, {}) if where == encoder]
            for one in ones:
                for two in twos:
                    if one == two or not one or not two:
                        yield (encoder, one, treatment), (encoder, two, control)

    def children(self) -> dict[str, list[str]]:
        """Key -> keys of the stages that start from it."""
        found: dict[str, list[str]] = {key: [] for key in self.stages}
        for stage in self.stages.values():
            for parent in stage.parents:
                found[parent].append(stage.key)
        return found

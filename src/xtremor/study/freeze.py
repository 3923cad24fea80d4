"""Freezing a plan before the first run, and saying later whether it was kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xtremor import machine
from xtremor.console import warn
from xtremor.errors import UserError
from xtremor.study.files import StudyFolder
from xtremor.study.plan import Plan
from xtremor.training.config import differences
from xtremor.training.folder import read_json, write_json

FORMAT = 1


@dataclass(frozen=True)
class Verdict:
    """Whether a plan was frozen and kept.

    Attributes:
        frozen: whether it was frozen at all.
        kept: whether the plan is still the frozen one.
        before_results: stages that had been finished when it was frozen, of those that it names.
        hash: of the frozen plan; empty where there is none.
        when: it was frozen.
        changes: what differs, in words.
    """

    frozen: bool
    kept: bool
    before_results: int = 0
    hash: str = ""
    when: str = ""
    changes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For people."""
        if not self.frozen:
            return (
                "the plan was never frozen: nothing says that arms, seeds and contrasts were chosen before the results"
            )
        after = f", when {self.before_results} of its stages had been finished" if self.before_results else ""
        began = f"the plan was frozen on {self.when}{after} ({self.hash[:12]})"
        if self.kept:
            return f"{began} and kept"
        return f"{began} and not kept: {'; '.join(self.changes[:5])}"


def freeze(folder: StudyFolder, plan: Plan) -> Verdict:
    """Write down the hash of the plan and what it asks.

    Raises:
        UserError: another plan was frozen here.
    """
    before = verdict(folder, plan)
    if before.frozen:
        if before.kept:
            return before
        raise UserError(
            f"{folder.path} holds a frozen plan that this one differs from ({'; '.join(before.changes[:3])}); a frozen "
            "plan is not replaced: name another --output for the new one"
        )
    store = folder.store(plan)
    done = len(set(plan.stages) & store.finished())
    if done:
        warn(f"{done} of {len(plan.stages)} stages are finished already: the plan is frozen after results were there")
    told: dict[str, Any] = {
        "format": FORMAT,
        "hash": plan.digest,
        "when": machine.now(),
        "finished_before": done,
        "design": plan.design,
        "stages": sorted(plan.stages),
        "versions": machine.versions(),
    }
    write_json(folder.frozen, told)
    return verdict(folder, plan)


def verdict(folder: StudyFolder, plan: Plan) -> Verdict:
    """Whether the plan is the one that was frozen."""
    if not folder.frozen.exists():
        return Verdict(False, False)
    told = read_json(folder.frozen)
    if told.get("format") != FORMAT or not {"hash", "when", "design", "stages"} <= set(told):
        raise UserError(f"{folder.frozen} is not what `xtremor study freeze` writes; put the file back")
    changes = _named(differences(_plain(told["design"]), _plain(plan.design)))
    if not changes and told["hash"] != plan.digest:
        old, new = set(told["stages"]), set(plan.stages)
        changes = [
            f"data, encoder or xtremor changed: {len(new - old)} of {len(new)} stages are not those that were frozen"
        ]
    common = (int(told.get("finished_before", 0)), told["hash"], told["when"])
    return Verdict(True, not changes, *common, tuple(changes))


def _plain(design: Any) -> Any:
    """Lists as dictionaries, so that a difference is named by its place; tuples are lists on a disk."""
    if isinstance(design, dict):
        return {key: _plain(value) for key, value in design.items()}
    if isinstance(design, list | tuple):
        named = [each.get("name") or each.get("task") if isinstance(each, dict) else None for each in design]
        keys = [name or str(number) for number, name in enumerate(named, start=1)]
        return {key: _plain(value) for key, value in zip(keys, design, strict=True)}
    return design


def _named(changes: list[str]) -> list[str]:
    return [change.replace(" there, ", " frozen, ").replace(" here", " now") for change in changes]

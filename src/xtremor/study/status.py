"""How a study stands: what is finished, running, failed or waiting, and how long the rest takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xtremor.console import duration
from xtremor.study.files import StudyFolder
from xtremor.study.freeze import Verdict, verdict
from xtremor.study.locks import running
from xtremor.study.plan import Plan
from xtremor.study.stage import KINDS

STATES = ("finished", "running", "failed", "waiting")


@dataclass(frozen=True)
class Status:
    """A moment of a study.

    Attributes:
        name: of the study.
        states: key -> one of `STATES`.
        counts: kind of stage -> state -> how many.
        owners: key -> host and process of what is running.
        failures: what is known of failures.
        seconds_left: of one worker, judged by finished stages; None where none is.
        frozen: whether the plan was kept.
    """

    name: str
    states: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    owners: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, Mapping[str, Any]]
    seconds_left: float | None
    frozen: Verdict

    @property
    def done(self) -> bool:
        """Whether everything is finished."""
        return all(state == "finished" for state in self.states.values())

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "counts": self.counts,
            "running": self.owners,
            "failed": self.failures,
            "seconds_left_of_one_worker": self.seconds_left,
            "plan": self.frozen.sentence(),
        }

    def lines(self, plan: Plan) -> list[str]:
        """For people."""
        found = [
            f"{self.name}: {sum(s == 'finished' for s in self.states.values())} of {len(self.states)} stages finished"
        ]
        for kind, own in self.counts.items():
            found.append(f"  {kind}: " + ", ".join(f"{own[state]} {state}" for state in STATES if own[state]))
        for key, owner in self.owners.items():
            found.append(f"  running: {plan.stages[key].name} ({owner.get('host')}, process {owner.get('pid')})")
        for each in self.failures.values():
            found.append(f"  failed: {each['name']}: {each['reason']}")
        if self.seconds_left:
            workers = max(1, len(self.owners))
            beside = f" with {workers} at work, as now" if len(self.owners) > 1 else " with one worker"
            found.append(f"  left: about {duration(self.seconds_left / workers)}{beside}, judged by finished stages")
        return [*found, f"  {self.frozen.sentence()}"]


def status(folder: StudyFolder, plan: Plan) -> Status:
    """Look at a study without touching it; neither data nor encoder is needed."""
    store = folder.store(plan)
    if store.path.is_dir():
        store.open()
    finished = store.finished()
    owners = {key: who for key, who in running(store.locks).items() if key in plan.stages and key not in finished}
    failures = {key: told for key, told in folder.failures().items() if key in plan.stages and key not in finished}
    states = {}
    for key in plan.stages:
        if key in finished:
            states[key] = "finished"
        elif key in owners:
            states[key] = "running"
        else:
            states[key] = "failed" if key in failures else "waiting"
    counts = {kind: dict.fromkeys(STATES, 0) for kind in KINDS if any(s.kind == kind for s in plan.stages.values())}
    for key, state in states.items():
        counts[plan.stages[key].kind][state] += 1
    facts = folder.facts(store, [key for key in plan.stages if key in finished])
    left = seconds_left(plan, states, facts)
    return Status(plan.name, states, counts, owners, failures, left, verdict(folder, plan))


def seconds_left(plan: Plan, states: Mapping[str, str], facts: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Seconds that one worker needs for what is not finished, from those that finished stages took; None without any.

    A stage costs what stages of its kind and task cost for as much work; else of its kind; else of any.
    """
    rates: dict[Any, list[float]] = {}
    for key, told in facts.items():
        stage = plan.stages[key]
        for name in ((stage.kind, stage.task), stage.kind, None):
            own = rates.setdefault(name, [0.0, 0.0])
            own[0] += told["process"]
            own[1] += stage.size.work
    total = 0.0
    for key, state in states.items():
        if state == "finished":
            continue
        stage = plan.stages[key]
        rate = rates.get((stage.kind, stage.task)) or rates.get(stage.kind) or rates.get(None)
        if rate is None or not rate[1]:
            return None
        total += stage.size.work * rate[0] / rate[1]
    return total

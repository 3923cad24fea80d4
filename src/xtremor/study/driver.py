"""The driver of a run: starts what is ready, retries what failed, lets the rest go on, and says how it stands."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xtremor.console import Progress, say, warn
from xtremor.errors import Incomplete
from xtremor.launch import last_words, share_of_run, share_said
from xtremor.study.files import StudyFolder
from xtremor.study.launchers.base import Ended, Launcher, Unit
from xtremor.study.plan import Plan
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET
from xtremor.study.store import Store
from xtremor.study.worker import BUSY, drop_if_done, missing
from xtremor.wording import number_of

POLL_SECONDS = 0.5
# Before a stage that another worker has is asked for again.
BUSY_SECONDS = 15.0
# What a stage is worth before its first pass over a token: about what a core passes while a process starts.
START = 20_000.0


def units_of(plan: Plan) -> list[Unit]:
    """Every unit of a plan, those that others build on first."""
    children = plan.children()
    found = []
    for stage in plan.stages.values():
        if stage.kind == EVALUATION:
            continue
        keys: tuple[str, ...] = (stage.key,)
        if stage.kind == TARGET:
            keys += tuple(children[stage.key])
        work = sum(plan.stages[key].size.work + START for key in keys)
        found.append(Unit(stage.name, keys, stage.parents, work, stage.threads))
    return found


@dataclass
class Driver:
    """Runs a plan.

    Attributes:
        plan, folder, store: of the study.
        launcher: starts the workers.
        retries: further attempts at a unit that failed.
        checkpoint_seconds: time between checkpoints of a training.
        running, later: when (`time.time`) units were started, and are asked for again.
    """

    plan: Plan
    folder: StudyFolder
    store: Store
    launcher: Launcher
    retries: int = 1
    checkpoint_seconds: float = 60.0
    attempts: dict[Unit, int] = field(default_factory=dict)
    failed: dict[Unit, str] = field(default_factory=dict)
    running: dict[Unit, float] = field(default_factory=dict)
    later: dict[Unit, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.children = self.plan.children()
        self.begun: dict[Unit, float] = {}

    def run(self) -> None:
        """Return when nothing is left that can be run.

        Raises:
            Incomplete: units failed in every attempt, or wait for one that did.
        """
        units = units_of(self.plan)
        waiting = [unit for unit in units if not self._done(unit)]
        self.folder.write_failures({})
        total = sum(unit.work for unit in units)
        # What was begun before counts from the start; what another worker does meanwhile, when it is finished.
        self.begun = {unit: self._share(unit) for unit in waiting}
        try:
            with Progress("study", total, self._progress(total, waiting)) as progress:
                while True:
                    self._start_ready(waiting)
                    time.sleep(POLL_SECONDS)
                    for ended in self.launcher.ended():
                        self._settle(ended, waiting)
                    now = self._progress(total, waiting)
                    progress.advance(max(0.0, now - progress.done), self._note(len(units), waiting))
                    if not self.running and not self.later and not self._ready(waiting):
                        break
        finally:
            self.launcher.stop()
            self._write_failures()
        for stage in self.plan.stages.values():
            if stage.kind == INTERMEDIATE:
                drop_if_done(self.plan, self.store, self.children, stage.key)
        self.store.tidy()
        if waiting:
            raise Incomplete(self._sentence(len(units), waiting))

    def _done(self, unit: Unit) -> bool:
        return not any(missing(self.plan, self.store, self.children, key) for key in unit.keys)

    def _ready(self, waiting: list[Unit]) -> list[Unit]:
        """Units that could be started; an intermediate stage that many wait for is looked at once."""
        lacking: dict[str, bool] = {}
        found = []
        for unit in waiting:
            if unit in self.running or unit in self.failed:
                continue
            for key in unit.parents:
                if key not in lacking:
                    lacking[key] = missing(self.plan, self.store, self.children, key)
            if not any(lacking[key] for key in unit.parents):
                found.append(unit)
        return found

    def _start_ready(self, waiting: list[Unit]) -> None:
        now = time.time()
        for unit in self._ready(waiting) if len(self.running) < self.launcher.slots else []:
            if len(self.running) >= self.launcher.slots:
                return
            if self.later.get(unit, 0.0) > now:
                continue
            self.later.pop(unit, None)
            if self._done(unit):
                # By a worker of somebody else.
                waiting.remove(unit)
                continue
            self.launcher.start(unit, self.command(unit))
            self.running[unit] = now

    def command(self, unit: Unit) -> list[str]:
        """The worker that runs a unit."""
        return [
            sys.executable, "-m", "xtremor.study.worker", str(self.folder.plan.absolute()), str(self.store.path),
            *unit.keys, "--checkpoint-seconds", str(self.checkpoint_seconds),
        ]  # fmt: skip

    def _settle(self, ended: Ended, waiting: list[Unit]) -> None:
        """Take note of a unit that has ended."""
        unit = ended.unit
        del self.running[unit]
        if self._done(unit):
            waiting.remove(unit)
            self._tell_warnings(unit)
            for parent in unit.parents:
                drop_if_done(self.plan, self.store, self.children, parent)
            return
        if ended.code == BUSY:
            self.later[unit] = time.time() + BUSY_SECONDS
            return
        reason = self._reason(ended)
        self.attempts[unit] = self.attempts.get(unit, 0) + 1
        if self.attempts[unit] <= self.retries:
            warn(f"{unit.name}: {reason}; trying again ({self.attempts[unit]} of {self.retries})")
            return
        warn(f"{unit.name}: {reason}; the rest goes on")
        self.failed[unit] = reason
        self._write_failures()

    def _tell_warnings(self, unit: Unit) -> None:
        """Now and not in the report alone: a recipe by which runs do not learn is best stopped early."""
        for key in unit.keys:
            for sentence in self.store.manifest(key).get("warnings") or ():
                warn(f"{self.plan.stages[key].name}: {sentence}")

    def _reason(self, ended: Ended) -> str:
        key = next((key for key in ended.unit.keys if missing(self.plan, self.store, self.children, key)), "")
        if ended.code < 0 and ended.said:
            return ended.said
        return last_words(self.log(key)) or ended.said or f"its worker ended with code {ended.code}"

    def log(self, key: str) -> Path:
        """Of a stage under way."""
        return self.store.work / f"{key}.log"

    def _progress(self, total: float, waiting: list[Unit]) -> float:
        """Work done; only what is running is looked at."""
        left = sum(
            unit.work * (1.0 - (self._share(unit) if unit in self.running else self.begun[unit])) for unit in waiting
        )
        return total - left

    def _share(self, unit: Unit) -> float:
        """Share of a unit's work that is done."""
        done = 0.0
        for key in unit.keys:
            stage, area = self.plan.stages[key], self.store.work / key
            if self.store.has(key):
                done += stage.size.work + START
            elif stage.kind == EVALUATION:
                # It has no folder before it has scores. After a stop it begins anew: what it said before is past.
                done += stage.size.work * share_said(self.log(key), self.running.get(unit, math.inf))
            elif area.is_dir():
                done += START + stage.size.work * min(1.0, share_of_run(area, stage.size.updates, 1.0)())
        return done / unit.work

    def _note(self, units: int, waiting: list[Unit]) -> str:
        names = f", now {'; '.join(unit.name for unit in self.running)}" if 0 < len(self.running) <= 4 else ""
        lost = f", {len(self.failed)} failed" if self.failed else ""
        return f"{units - len(waiting)} of {number_of(units, 'runs')}{lost}{names}"

    def _write_failures(self) -> None:
        told: dict[str, dict[str, Any]] = {
            unit.keys[0]: {"name": unit.name, "reason": reason, "attempts": self.attempts[unit]}
            for unit, reason in self.failed.items()
        }
        self.folder.write_failures(told)

    def _sentence(self, units: int, waiting: list[Unit]) -> str:
        blocked = [unit for unit in waiting if unit not in self.failed]
        first, reason = next(iter(self.failed.items()))
        more = f" and {len(self.failed) - 1} more" if len(self.failed) > 1 else ""
        behind = f"; {len(blocked)} more wait for what failed" if blocked else ""
        log = self.log(next(key for key in first.keys if not self.store.has(key)))
        return (
            f"{len(self.failed)} of {number_of(units, 'runs')} failed: {first.name}: {reason} (log: {log}){more}"
            f"{behind}; all others are finished, the same command tries again"
        )


def announce(driver: Driver) -> None:
    """One line of news before the first worker starts."""
    units = units_of(driver.plan)
    left = sum(not driver._done(unit) for unit in units)
    say(f"{driver.plan.name}: {number_of(len(units), 'runs')}, {left} of them to do; {driver.launcher.words}")

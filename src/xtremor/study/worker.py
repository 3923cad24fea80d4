"""The process that runs stages: ``python -m xtremor.study.worker PLAN STORE KEY...``, whatever launched it.

It works inside the store, so that no record holds a path of the machine. Exit codes: 0 all stages are finished, 75
another worker has one of them, 130 stopped, 2 refused, anything else a fault or a kill.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.study.files import read_plan
from xtremor.study.locks import StageLock
from xtremor.study.plan import Plan
from xtremor.study.stage import EVALUATION, INTERMEDIATE, Stage
from xtremor.study.store import Store
from xtremor.tracking.tracking import Tracking

if TYPE_CHECKING:
    from xtremor.training.config import TrainSettings

BUSY = 75


class Busy(Exception):
    """Another worker has the stage."""


class Worker:
    """Runs stages of a plan in a store.

    Args:
        plan: of the study.
        store: where stages are; the process works inside its folder.
        checkpoint_seconds: time between checkpoints of a training.
    """

    def __init__(self, plan: Plan, store: Store, checkpoint_seconds: float = 60.0) -> None:
        self.plan, self.store, self.checkpoint_seconds = plan, store, checkpoint_seconds
        self.children = plan.children()

    def run(self, keys: Sequence[str]) -> None:
        """Run what is missing of ``keys``, parents before children.

        Raises:
            Busy: another worker has one of them.
            UserError: a stage cannot be run, or one that it builds on was edited.
        """
        for key in keys:
            if self.missing(key):
                with _output(self.store.work / f"{key}.log"), self._lock(key):
                    self._run(self.plan.stages[key])
        for key in keys:
            self._drop(key)

    def missing(self, key: str) -> bool:
        """Whether a stage has to be run: it is not finished, or its model is gone and needed."""
        return missing(self.plan, self.store, self.children, key)

    def _run(self, stage: Stage) -> None:
        # Looked at again, now that nobody else can finish it.
        if not self.missing(stage.key):
            return
        if self.store.has(stage.key):
            self.store.forget(stage.key)
        with contextlib.ExitStack() as stack:
            for parent in stage.parents:
                # Held, so that nobody drops the model meanwhile.
                if stage.kind == EVALUATION:
                    stack.enter_context(self._lock(parent))
                self.store.verify(parent)
            started = time.monotonic()
            run = self._evaluate if stage.kind == EVALUATION else self._train
            told = run(stage, self.store.work / stage.key)
        told["seconds"]["process"] = time.monotonic() - started
        self.store.publish(stage, told, self.store.work / f"{stage.key}.log")

    def _train(self, stage: Stage, area: Path) -> dict[str, Any]:
        from xtremor.cli.options import TaskOptions
        from xtremor.study.texts import with_places
        from xtremor.training.config import TrainSettings
        from xtremor.training.run import train

        encoder = f"stages/{stage.parents[0]}" if stage.parents else stage.place["encoder"]
        told = stage.config["settings"]
        method = {**told["method"], **stage.place.get("files", {})}
        told = with_places(told, stage.place.get("text", {}))
        settings = TrainSettings.from_dict({**told, "method": method, "encoder": encoder})
        tasks = [TaskOptions(name, _data(stage, name)).open(to_train=True) for name in stage.task.split(",")]
        self._check_inputs(stage, tasks, settings)
        options = (area, True, stage.threads, self.checkpoint_seconds)
        with Tracking(self.plan.trackers, stage.name) as tracking:
            if len(tasks) > 1:
                from xtremor.training.mixture import Mixing
                from xtremor.training.several import train_several

                record = train_several(settings, tasks, Mixing(), *options, tracking)
            else:
                (card, source), *_ = tasks
                record = train(settings, card, source, *options, tracking=tracking).record
        return {
            "environment": _environment(record),
            "counts": record["counts"],
            "seconds": {"work": record["seconds"]["training"]},
            "warnings": record["warnings"],
        }

    def _check_inputs(self, stage: Stage, tasks: Sequence[tuple[Any, Any]], settings: TrainSettings) -> None:
        """Raise UserError where encoder or rows are not those that the stage was planned for."""
        from xtremor.encoders.fingerprint import file_digest
        from xtremor.sources.unlabelled import read_unlabelled
        from xtremor.study.opening import Opener, check_unchanged, fingerprint, trained_on
        from xtremor.study.texts import check_texts
        from xtremor.training.sources import training_rows

        found = {}
        for card, source in tasks:
            training_rows(source, settings)
            if settings.unlabelled is not None:
                read_unlabelled(settings.unlabelled, card, source, None)
                check_texts(stage, card)
            found[card.name] = fingerprint(trained_on(source))
        check_unchanged(stage.data, found, stage.name)
        for name, path in stage.place.get("files", {}).items():
            if stage.config["settings"]["method"][name] != f"sha256 {file_digest(Path(path))}":
                raise UserError(f"{stage.name}: {path} is not what it was when the study was planned; plan again")
        if not stage.parents:
            root = Opener(None, stage.threads).root(stage.place["encoder"])
            if root.identity() != stage.config["encoder"]:
                raise UserError(f"{stage.name}: the encoder {root.name} is not what it was when the study was planned")

    def _evaluate(self, stage: Stage, area: Path) -> dict[str, Any]:
        from xtremor.cli.options import TaskOptions
        from xtremor.evaluation.evaluate import evaluate_run
        from xtremor.evaluation.rules import LAST, parse_rule
        from xtremor.evaluation.selection import EvaluationSettings, read_examples
        from xtremor.study.opening import check_unchanged, fingerprint

        told = stage.config
        card, source = TaskOptions(stage.task, _data(stage, stage.task), told["generalized"]).open()
        settings = EvaluationSettings(
            told["split"], tuple(told["languages"]), told["limit"], told["max_length"],
            precision=told.get("precision", "fp32"),
        )  # fmt: skip
        read_examples(card, source, settings)
        check_unchanged(stage.data, fingerprint(source.record()), stage.name)
        rule, parent = parse_rule(told.get("checkpoint", LAST)), Path("stages") / stage.parents[0]
        scores = evaluate_run(parent, source, card, settings, stage.threads, area, rule=rule)
        with Tracking(self.plan.trackers, stage.name) as tracking:
            tracking.begin(area, {"arm": scores["arm"], "seed": scores["seed"], **told})
            tracking.scores(scores, 0)
        items = sum(cell["items"] for cell in scores["languages"].values())
        return {"environment": _environment(scores), "counts": {"items": items}, "seconds": {"work": scores["seconds"]}}

    def _drop(self, key: str) -> None:
        """Remove a target's model that nothing of the study reads any more."""
        stage = self.plan.stages[key]
        if stage.kind != EVALUATION:
            drop_if_done(self.plan, self.store, self.children, key)
        for parent in stage.parents:
            if self.plan.stages[parent].kind != INTERMEDIATE:
                drop_if_done(self.plan, self.store, self.children, parent)

    def _lock(self, key: str) -> StageLock:
        lock = StageLock(self.store.locks, key, lambda: os._exit(BUSY))
        if not lock.acquire():
            raise Busy(key)
        return lock


def missing(plan: Plan, store: Store, children: dict[str, list[str]], key: str) -> bool:
    """Whether a stage has to be run: it is not finished, or its model is gone and a stage that is missing reads it."""
    if not store.has(key):
        return True
    if plan.stages[key].kind == EVALUATION or store.has_model(key):
        return False
    return any(missing(plan, store, children, child) for child in children[key])


def drop_if_done(plan: Plan, store: Store, children: dict[str, list[str]], key: str) -> None:
    """Remove the model of a stage where the study keeps none and no stage of it is missing that reads it."""
    kept = plan.keep.get(plan.stages[key].kind) == "always"
    if kept or not store.has_weights(key) or any(missing(plan, store, children, child) for child in children[key]):
        return
    lock = StageLock(store.locks, key, lambda: None)
    if lock.acquire():
        with lock:
            store.drop_model(key)


@contextlib.contextmanager
def _output(log: Path) -> Iterator[None]:
    """What is printed goes to the stage's own log, whoever launched this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(1), os.dup(2)]
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        for stream in (1, 2):
            os.dup2(file, stream)
        yield
    except BaseException as error:
        # The driver reads the reason here, wherever this process ran.
        if not isinstance(error, Busy):
            print(f"error: {error}" if isinstance(error, UserError) else f"error: {error!r}", file=sys.stderr)
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, old in zip((1, 2), before, strict=True):
            os.dup2(old, stream)
            os.close(old)
        os.close(file)


def _data(stage: Stage, task: str) -> Path | None:
    from xtremor.sources import ON_DISK
    from xtremor.tasks.cards import card

    where = stage.place["data"]
    return None if where is None or card(task).source not in ON_DISK else Path(where)


def _environment(record: dict[str, Any]) -> dict[str, Any]:
    from xtremor import machine

    return {
        "command": record["command"],
        "created": machine.now(),
        "versions": record["versions"],
        "machine": record.get("machine") or machine.machine(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run stages and return the exit code."""
    from xtremor.launch import stop_with_parent

    parser = argparse.ArgumentParser(prog="python -m xtremor.study.worker")
    parser.add_argument("plan", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("keys", nargs="+")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    asked = parser.parse_args(arguments)
    stop_with_parent()
    # A launcher that stops says so by SIGTERM: locks are given back, also before a training listens for it.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        plan, store = read_plan(asked.plan.absolute()), Store(asked.store.absolute()).open()
        # What a user would type; records hold it.
        sys.argv = ["xtremor", "study", "resume", asked.plan.absolute().parent.name]
        os.chdir(store.path)
        Worker(plan, store, asked.checkpoint_seconds).run(asked.keys)
    except Busy:
        return BUSY
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if type(error).__name__ == "Interrupted":
            return 130
        import traceback

        traceback.print_exc()
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The trackers of a run behind one object: one that fails is told of once and left out, and nothing is told twice.

What they are told is ``log.jsonl`` line by line, and at the end English dev and the scores. On resuming they are
brought up to the log as it was cut to the checkpoint; what they have from beyond it, which training comes to again, is
not told twice.
"""

from __future__ import annotations

import importlib
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from xtremor.console import warn
from xtremor.errors import UserError
from xtremor.tracking.base import Held, Place, Tracker
from xtremor.tracking.names import check_installed, check_names
from xtremor.training.folder import read_json, write_json

FOLDER, IDENTITY = "trackers", "id.json"
FOREIGN = re.compile(r"[^\w\-.]")
# Name -> module and class.
CLASSES = {"tensorboard": ("board", "TensorBoard"), "mlflow": ("mlflow", "MLflow"), "wandb": ("wandb", "Wandb")}


class Tracking:
    """The trackers of a run; a context, at whose end they are closed.

    Args:
        names: of trackers (`xtremor.tracking.names`).
        title: of the run, for people; None is the name of its folder.

    Attributes:
        seconds: that went into telling.

    Raises:
        UserError: an unknown name, or a package that is missing.
    """

    def __init__(self, names: Sequence[str] = (), title: str | None = None) -> None:
        check_names(names, "--tracker")
        check_installed(names, "--tracker")
        self.names, self.title = tuple(names), title
        self.open: dict[str, Tracker] = {}
        self.held: dict[str, Held] = {}
        self.begun, self.seconds = False, 0.0

    def __enter__(self) -> Tracking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._each(lambda name, tracker: tracker.close(kind is None))
        self.open.clear()

    def begin(self, run: Path, settings: Mapping[str, Any]) -> None:
        """Start, or go on with, the run that this folder is of."""
        if not self.names or self.begun:
            return
        self.begun = True
        for name in self.names:
            module, kind = CLASSES[name]
            self._try(name, lambda: self._open(name, module, kind, run, settings))  # noqa: B023

    def _open(self, name: str, module: str, kind: str, run: Path, settings: Mapping[str, Any]) -> None:
        place = Place(run.absolute() / FOLDER, identity_of(run), self.title or run.absolute().name, flat(settings))
        tracker: Tracker = getattr(importlib.import_module(f"xtremor.tracking.{module}"), kind)(place)
        self.open[name], self.held[name] = tracker, tracker.held()

    @property
    def silent(self) -> bool:
        """Whether there is nobody to tell."""
        return not self.open

    def catch_up(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Tell the lines of a log that are not known yet."""
        for line in lines if self.open else ():
            self.line(line)

    def line(self, line: Mapping[str, Any]) -> None:
        """Tell a line of ``log.jsonl``: its numbers, by its update."""
        step = int(line["update"])
        figures = {name: float(value) for name, value in line.items() if name != "update" and _is_number(value)}

        def tell(name: str, tracker: Tracker) -> None:
            self._log(name, tracker, step, {tag: v for tag, v in figures.items() if self._last(name, tag)[0] < step})

        self._each(tell)

    def record(self, record: Mapping[str, Any]) -> None:
        """Tell what ``run.json`` has beyond the log: English dev, of snapshots and of several tasks too."""
        last = int(record["counts"]["updates"])
        for each in record.get("snapshots") or ():
            if each["english_dev"] is not None:
                self.figures(int(each["update"]), {"snapshot_english_dev": each["english_dev"]["score"]})
        devs = {"english_dev": record.get("english_dev")}
        devs |= {f"english_dev/{each['task']}": each.get("english_dev") for each in record.get("tasks") or ()}
        self.figures(last, {name: dev["score"] for name, dev in devs.items() if dev is not None})

    def scores(self, scores: Mapping[str, Any], step: int) -> None:
        """Tell what ``scores.json`` says: every language and the averages."""
        # A pair of languages, en+sw, has a sign that MLflow does not take in a name.
        found = {f"score/{FOREIGN.sub('-', code)}": cell["score"] for code, cell in scores["languages"].items()}
        for name in ("average", "average_without_english"):
            if scores.get(name) is not None:
                found[name] = scores[name]
        self.figures(step, found)

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Tell figures that stand alone; those that a tracker has are not told again, others in their place are."""

        def tell(name: str, tracker: Tracker) -> None:
            new = {}
            for tag, value in figures.items():
                before, known = self._last(name, tag)
                if step > before or (step == before and not math.isclose(value, known, rel_tol=1e-6)):
                    new[tag] = float(value)
            self._log(name, tracker, step, new)

        self._each(tell)

    def _last(self, name: str, tag: str) -> tuple[int, float]:
        return self.held[name].get(tag, (-1, math.nan))

    def _log(self, name: str, tracker: Tracker, step: int, figures: Mapping[str, float]) -> None:
        if figures:
            tracker.log(step, figures)
            self.held[name] |= {tag: (step, value) for tag, value in figures.items()}

    def _each(self, act: Callable[[str, Tracker], None]) -> None:
        for name, tracker in list(self.open.items()):
            self._try(name, lambda: act(name, tracker))  # noqa: B023

    def _try(self, name: str, act: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            act()
        except (Exception, SystemExit) as error:
            self.open.pop(name, None)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            warn(f"the tracker {name} failed ({reason}); the run goes on without it")
        finally:
            self.seconds += time.monotonic() - began


def identity_of(run: Path) -> str:
    """What trackers know a run folder by: drawn once, and kept in it."""
    path = run / FOLDER / IDENTITY
    try:
        return str(read_json(path)["id"])
    except (OSError, UserError, KeyError):
        drawn = uuid.uuid4().hex[:12]
        write_json(path, {"id": drawn})
        return drawn


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings without nesting, as text and numbers: ``method.radius`` -> 0.003."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None:
            found[f"{prefix}{name}"] = value if isinstance(value, bool | int | float | str) else str(value)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

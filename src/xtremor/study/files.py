"""The folder of a study: the file that it was planned from, its plan, whether it was frozen, and where its stages are.

study.toml      as it was planned
plan.json       stages and cells (`xtremor.study.plan`)
frozen.json     the plan's hash from before the first run (`xtremor.study.freeze`)
failed.json     stages that failed in the last run, with the reason
index.json      facts of finished stages, for a quick look; made anew where it is missing
store/          the stages, unless the study names another place
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.paths import atomic_file, explained
from xtremor.study.plan import Plan
from xtremor.study.store import Store
from xtremor.training.folder import read_json, write_json


@dataclass(frozen=True)
class StudyFolder:
    """Paths of a study."""

    path: Path

    @property
    def text(self) -> Path:
        """The study file as it was planned."""
        return self.path / "study.toml"

    @property
    def plan(self) -> Path:
        """The plan."""
        return self.path / "plan.json"

    @property
    def there(self) -> bool:
        """Whether the folder is a study's."""
        return self.plan.is_file()

    @property
    def frozen(self) -> Path:
        """The frozen plan."""
        return self.path / "frozen.json"

    @property
    def failed(self) -> Path:
        """Failures."""
        return self.path / "failed.json"

    @property
    def index(self) -> Path:
        """Facts of finished stages."""
        return self.path / "index.json"

    def read(self) -> Plan:
        """The plan; raises UserError where the folder is no study's."""
        if not self.there:
            raise UserError(
                f"{self.path} is no study folder: it has no plan.json, which `xtremor study plan FILE --output FOLDER` "
                "writes"
            )
        return read_plan(self.plan)

    def write(self, plan: Plan, text: str) -> None:
        """Put the plan and its text in place."""
        if self.path.is_dir() and any(self.path.iterdir()) and not self.plan.exists():
            raise UserError(f"{self.path} is not empty and holds no study; name another --output")
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with atomic_file(self.text) as draft:
            draft.write_text(text, encoding="utf-8")
        with atomic_file(self.plan) as draft:
            draft.write_text(json.dumps(plan.as_dict(), ensure_ascii=False), encoding="utf-8")

    def store(self, plan: Plan) -> Store:
        """Where its stages are."""
        return Store((self.path / "store" if plan.store is None else Path(plan.store).expanduser()).absolute())

    def failures(self) -> dict[str, dict[str, Any]]:
        """Key -> what is known of a failure."""
        return read_json(self.failed) if self.failed.exists() else {}

    def write_failures(self, failures: dict[str, dict[str, Any]]) -> None:
        """Replace them."""
        write_json(self.failed, failures)

    def facts(self, store: Store, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Key -> seconds and machine of finished stages; each manifest is read once and remembered."""
        known: dict[str, dict[str, Any]] = {}
        with contextlib.suppress(OSError, UserError):
            known = read_json(self.index)
        wanted = list(keys)
        new = [key for key in wanted if key not in known]
        for key in new:
            with contextlib.suppress(OSError, UserError):
                told = store.manifest(key)
                known[key] = {
                    "seconds": told["seconds"]["work"],
                    "process": told["seconds"]["process"],
                    "device": told["environment"]["machine"].get("device"),
                    "warnings": len(told.get("warnings") or ()),
                }
        if new:
            # A look from a place that cannot be written costs a second again next time.
            with contextlib.suppress(UserError, OSError), atomic_file(self.index) as draft:
                draft.write_text(json.dumps(known), encoding="utf-8")
        return {key: known[key] for key in wanted if key in known}


def read_plan(path: Path) -> Plan:
    """A plan on disk; raises UserError where it cannot be read."""
    return Plan.from_dict(read_json(path), path)

"""One run on disk: run.json and scores.json, read and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.report import lineage

FORMAT = 1
# Methods without training: nearest centroid; ranking by vectors.
FROZEN = ("centroid", "frozen")


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluated run: one seed of one arm.

    Attributes:
        folder: where it lies.
        task: name of the task.
        split: which split was scored.
        arm: label that runs of the same configuration share, earlier stages of training included.
        seed: training seed.
        scores: language -> score in ``unit``.
        items: language -> number of scored items.
        info: the whole of run.json.
        scored: the whole of scores.json.
    """

    folder: Path
    task: str
    split: str
    arm: str
    seed: int
    scores: dict[str, float]
    items: dict[str, int]
    info: dict[str, Any]
    scored: dict[str, Any]

    @property
    def encoder(self) -> dict[str, Any]:
        """What is recorded of the pretrained encoder, from before any stage."""
        return lineage.root(self.info)

    @property
    def treatment(self) -> dict[str, Any]:
        """Settings of the method that the arm is about: the last one that is not plain, in this run or before it."""
        return lineage.treatment(self.info)

    @property
    def method(self) -> str:
        """Name of the method."""
        return str(self.info["method"]["name"])

    @property
    def role(self) -> str:
        """What the arm is in a comparison: ``plain``, ``noise``, ``robust`` or ``frozen`` (not trained)."""
        if self.method in FROZEN:
            return "frozen"
        name = str(self.treatment["name"])
        if name == "plain":
            # A discriminator of languages is a treatment too.
            return "robust" if lineage.opposed(self.info) else "plain"
        return "noise" if name.startswith("noise") else "robust"


def read_info(folder: Path) -> dict[str, Any]:
    """Read and check run.json."""
    path = folder / "run.json"
    info = _read_json(path)
    _must(path, info, "task", str)
    _must(path, info, "arm", str)
    _must(path, info, "seed", int)
    method = _must(path, info, "method", dict)
    _must(path, method, "name", str, "method.")
    refuse_upper_bound(info, folder)
    if info.get("lineage") is not None and not lineage.is_lineage(info["lineage"]):
        raise UserError(f"{path}: lineage is not what `xtremor train` writes; restore the file or make the run again")
    return info


def refuse_upper_bound(told: Mapping[str, Any], place: Path) -> None:
    """Raise UserError for scores of the oracle, which no comparison may take for those of an arm."""
    if (told.get("checkpoint") or {}).get("upper_bound"):
        raise UserError(
            f"{place} holds the oracle's scores, an upper bound chosen on the scored rows themselves and no score of "
            "an arm; leave it out"
        )


def read_run(folder: Path, info: dict[str, Any]) -> Run:
    """Read and check scores.json of the run that ``info`` (its run.json) describes."""
    path = folder / "scores.json"
    if not path.is_file():
        raise UserError(f"{folder} has not been evaluated yet (no scores.json); run `xtremor evaluate {folder}`")
    scored = _read_json(path)
    for key in ("task", "arm", "seed"):
        if key in scored and scored[key] != info[key]:
            raise UserError(
                f"{path} is of {key} '{scored[key]}' but run.json beside it says '{info[key]}'; "
                f"run `xtremor evaluate {folder}` again"
            )
    languages = _must(path, scored, "languages", dict)
    if not languages:
        raise UserError(f"{path} holds no language; run `xtremor evaluate {folder}` again")
    scores: dict[str, float] = {}
    items: dict[str, int] = {}
    for code, cell in languages.items():
        where = f"languages.{code}."
        if not isinstance(cell, dict):
            raise UserError(f"{path}: languages.{code} must be an object with score and items")
        scores[code] = float(_must(path, cell, "score", (int, float), where))
        items[code] = int(_must(path, cell, "items", int, where))
        if not math.isfinite(scores[code]):
            raise UserError(f"{path}: {where}score is not a finite number; run `xtremor evaluate {folder}` again")
    split = str(scored.get("split", "test"))
    return Run(folder, info["task"], split, lineage.label(info), info["seed"], scores, items, info, scored)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text (byte {error.start}); restore the file or make the run again"
        ) from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}:{error.lineno} is not valid JSON ({error.msg}); restore the file or make the run again"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold one JSON object; restore the file or make the run again")
    if content.get("format") != FORMAT:
        raise UserError(
            f"{path} has format {content.get('format', 'none')}, this version reads format {FORMAT}; "
            "make the run again or use the version that wrote it"
        )
    return content


def _must(path: Path, content: dict[str, Any], key: str, kind: Any, where: str = "") -> Any:
    value = content.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {str: "text", int: "a whole number", dict: "an object"}.get(kind, "a number")
        what = "is missing" if key not in content else f"is {json.dumps(value)[:40]}"
        raise UserError(f"{path}: {where}{key} {what}, expected {names}; restore the file or make the run again")
    return value

"""Files of unlabelled text and graphs of languages that a stage reads: what is in them decides, not where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xtremor.encoders.fingerprint import file_digest
from xtremor.errors import UserError
from xtremor.sources.unlabelled import files_named
from xtremor.study.stage import Stage
from xtremor.tasks.base import TaskCard
from xtremor.training.config import TrainSettings

# Part of the settings, and its setting that names files.
NAMED = (("unlabelled", "files"), ("adversary", "edges"))


def texts_of(settings: TrainSettings) -> dict[str, str]:
    """``unlabelled`` and ``adversary`` -> the files that they name, by absolute paths: a worker stands elsewhere."""
    stated = settings.as_dict()
    named = {part: stated.get(part, {}).get(key) for part, key in NAMED}
    return {part: _absolute(value) for part, value in named.items() if value is not None}


def _absolute(named: str) -> str:
    """A folder, or files between commas, each with or without ``code=``."""
    if Path(named).expanduser().exists():
        return str(Path(named).expanduser().absolute())
    parts = []
    for part in named.split(","):
        code, equals, path = part.strip().rpartition("=")
        parts.append(f"{code}{equals}{Path(path).expanduser().absolute()}")
    return ",".join(parts)


def with_digests(told: Mapping[str, Any], texts: Mapping[str, str], card: TaskCard) -> dict[str, Any]:
    """Settings in which files are what is in them: ``sw sha256 ab12...`` for each."""
    found = dict(told)
    for part, key in NAMED:
        if part in texts:
            found[part] = {**found[part], key: _digests(part, texts[part], card)}
    return found


def _digests(part: str, named: str, card: TaskCard) -> str:
    if part == "adversary":
        return f"sha256 {file_digest(Path(named))}"
    return ", ".join(f"{code} sha256 {file_digest(path)}" for code, path in files_named(named, card))


def with_places(told: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Settings with the files where they lie here."""
    found = dict(told)
    for part, key in NAMED:
        if part in texts:
            found[part] = {**found[part], key: texts[part]}
    return found


def check_texts(stage: Stage, card: TaskCard) -> None:
    """Raise UserError where a file is not what it was when the stage was planned."""
    for part, key in NAMED:
        named = stage.place.get("text", {}).get(part)
        if named is not None and _digests(part, named, card) != stage.config["settings"][part][key]:
            raise UserError(f"{stage.name}: {named} is not what it was when the study was planned; plan again")

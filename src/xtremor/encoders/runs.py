"""A run folder of ours named as an encoder: which checkpoint is meant, or why there is none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from xtremor.encoders.checkpoint import TOKENIZER_FILES
from xtremor.errors import UserError

RECORD = "run.json"
MODEL = "model"


def run_of(folder: Path) -> Path | None:
    """The run folder that ``folder`` is, or whose ``model`` it is; None for every other folder."""
    for path in (folder, folder.parent) if folder.name == MODEL else (folder,):
        if _is_run(path):
            return path
    return None


def model_folder(folder: Path) -> Path:
    """``folder`` itself, or the trained model where it is a run folder.

    Raises:
        UserError: the run is not finished, keeps no model, or its tokenizer is not the one that it was trained with.
    """
    run = run_of(folder)
    if run is None:
        return folder
    if not (run / RECORD).is_file():
        raise UserError(f"the run in {run} is not finished; give its training command again before you build on it")
    model = run / MODEL
    if not model.is_dir():
        raise UserError(
            f"{run} keeps no model to start from (a baseline, or trained with --no-keep-model); train it with its model"
        )
    recorded = _read(run / RECORD).get("tokenizer")
    if recorded is not None and recorded != tokenizer_digest(model):
        raise UserError(
            f"the tokenizer in {model} is not the one that this run was trained with; put the run's own files back, "
            "or train it again"
        )
    return model


def tokenizer_digest(folder: Path) -> str:
    """The sha256 over the names and contents of a checkpoint's tokenizer files."""
    digest = hashlib.sha256()
    for name in TOKENIZER_FILES:
        path = folder / name
        if path.is_file():
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _is_run(folder: Path) -> bool:
    """Whether there is a record of ours or a run's ``config.json``; a checkpoint's names its architecture."""
    config = _read(folder / "config.json")
    return "model_type" not in config and ("settings" in config or (folder / RECORD).is_file())


def _read(path: Path) -> dict:
    # What cannot be read is judged where it is needed: as a checkpoint, or as a record.
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""``sweep.json`` read and checked, and the runs that a sweep chose."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xtremor.errors import UserError

FORMAT = 1
NAME = "sweep.json"
KEYS = ("task", "methods", "trials", "chosen", "expected_best_english_dev", "never_used_for_choice", "swept", "rule")


def read_sweep(folder: Path) -> dict[str, Any]:
    """The record of a sweep.

    Raises:
        UserError: it is damaged, or of another format.
    """
    path = folder / NAME
    again = "give the command of the sweep again, which writes it anew"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); {again}") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno} is not valid JSON ({error.msg}); {again}") from error
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise UserError(f"{path} has format {found or 'none'}, this version reads format {FORMAT}; {again}")
    for key in KEYS:
        if key not in record:
            raise UserError(f"{path} lacks '{key}'; {again}")
    known: dict[str, Any] = record
    return known


def chosen_trial(record: dict[str, Any], method: str) -> dict[str, Any]:
    """The trial of a method that English dev chose."""
    found: dict[str, Any] = next(
        each for each in record["trials"] if each["method"] == method and each["trial"] == record["chosen"][method]
    )
    return found


def chosen_runs(folder: Path) -> list[Path]:
    """Run folders of the chosen trial of every method; ``folder`` holds a sweep."""
    record = read_sweep(folder)
    return [
        (folder / "runs" / name).resolve()
        for method in record["methods"]
        for name in chosen_trial(record, method)["runs"]
    ]


def sweeps_in(folders: Iterable[Path]) -> list[Path]:
    """Those of the folders that hold a sweep."""
    return [folder for folder in folders if (folder / NAME).is_file()]

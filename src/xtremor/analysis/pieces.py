"""An analysis that is made of pieces on disk, and resumes from those that are there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xtremor.console import say
from xtremor.training.folder import RunFolder, read_json, write_json

CELLS = "cells"


def from_pieces(
    output: Path,
    identity: dict[str, Any],
    file: str,
    make: Callable[[], dict[str, Any]],
    done: str = "measured",
    pieces: str = "pieces",
) -> dict[str, Any]:
    """What ``make`` gives, written to ``output / file``; pieces lie in ``output / CELLS`` until then.

    Args:
        output: folder of the analysis.
        identity: decides whether a folder is of this analysis.
        file: name of the result; where it is there, nothing is made.
        make: makes the pieces that are missing, and the result from all of them.
        done, pieces: words for what is said.

    Raises:
        UserError: a folder that holds something else.
    """
    folder = RunFolder(output)
    folder.check(identity)
    if (output / file).exists():
        say(f"{output}: already {done}")
        return read_json(output / file)
    folder.claim(identity)
    try:
        # What a killed process had not yet renamed.
        for left in (output / CELLS).rglob(".*"):
            left.unlink()
        try:
            result = make()
        except KeyboardInterrupt:
            say(f"finished {pieces} are kept in {output}; the same command goes on from there")
            raise
        write_json(output / file, result)
        shutil.rmtree(output / CELLS)
    finally:
        folder.release()
    return result

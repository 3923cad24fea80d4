"""``KEY=VALUE`` options of a cluster, and a command run in a process that ends with its parent."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence

from xtremor.errors import UserError


def options_of(texts: Sequence[str]) -> dict[str, int | float | str]:
    """``("gpus=1", "partition=long")`` -> values, numbers as numbers; raises UserError for what is no option."""
    found: dict[str, int | float | str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise UserError(f"--cluster: '{text}' is no option; write KEY=VALUE, as in partition=gpu,gpus=1")
        if key in found:
            raise UserError(f"--cluster names {key} twice; name it once")
        found[key] = _number(value)
    return found


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def call(command: Sequence[str], threads: int) -> tuple[int, str]:
    """Run a worker on this machine and wait; its exit code and the last line that it printed outside its stage's log.

    Interrupted, the worker is asked to stop and writes a checkpoint; killed with -9, this process takes it along.
    """
    from xtremor.study.launchers.local import PATIENCE, said_in, start_process

    with tempfile.TemporaryFile() as output:
        process = start_process(command, output, {"OMP_NUM_THREADS": str(threads)})
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
        return code, said_in(output, code)

"""Token ids that were made once and are kept: memory-mapped files in the cache folder.

A file is named by the digest of everything that its ids depend on: the tokenizer's files, the versions of the libraries
that read them, the settings, and the texts themselves. It is written beside its place and renamed, and says how long it
is, so that neither a second process nor a write that was cut short can be read as ids. The folder is bounded; what was
used longest ago goes first.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.paths import atomic_file, cache_folder

# Of what `kept` stores; one more makes all ids anew.
FORMAT = 1
VARIABLE = "XTREMOR_TOKEN_CACHE_MB"
MEGABYTES = 2048
# Fewer texts are tokenised in less time than it takes to look for them.
FEWEST = 200
SUFFIX = ".tokens"

_keeping: contextvars.ContextVar[bool] = contextvars.ContextVar("keeping", default=False)

Arrays = dict[str, np.ndarray]


@contextlib.contextmanager
def keeping_tokens() -> Iterator[None]:
    """Within the context, token ids of a task's data are kept and found again.

    Outside it nothing is: texts of a user's that are only labelled, or are drawn anew, leave no trace on the disk.
    """
    before = _keeping.set(True)
    try:
        yield
    finally:
        _keeping.reset(before)


def token_folder() -> Path:
    """Where kept ids lie (not created)."""
    return cache_folder() / "tokens"


def budget() -> int:
    """Bytes that may be kept: ``$XTREMOR_TOKEN_CACHE_MB`` (0 keeps nothing), by default 2048 MB.

    Raises:
        UserError: the variable is not a whole number of at least 0.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return MEGABYTES * 2**20
    if not named.strip().isdecimal():
        raise UserError(f"the environment variable {VARIABLE} must be a number of megabytes (0: none), not '{named}'")
    return int(named) * 2**20


def kept(tokenizer: Any, settings: Mapping[str, Any], texts: Iterable[str], make: Callable[[], Arrays]) -> Arrays:
    """What ``make`` gives, from the cache folder where it is known.

    Args:
        tokenizer: of `encoders.load.load_tokenizer`; what another one makes is never kept.
        settings: all that the arrays depend on beside tokenizer and texts, as JSON has it.
        texts: in order; how they are grouped must be in the settings or in the texts.
        make: makes the arrays by name.

    Returns:
        The arrays, read-only and memory-mapped where they were known.
    """
    digest = getattr(tokenizer, "digest", None)
    if digest is None or not _keeping.get() or not (room := budget()):
        return make()
    known = hashlib.sha256(json.dumps([FORMAT, digest, _versions(), settings], sort_keys=True).encode())
    count = _add(known, texts)
    if count < FEWEST:
        return make()
    path = token_folder() / f"{known.hexdigest()[:40]}{SUFFIX}"
    found = _read(path)
    if found is not None:
        with contextlib.suppress(OSError):
            os.utime(path)
        return found
    made = make()
    # A cache that cannot be written costs time again, never the run.
    with contextlib.suppress(UserError, OSError):
        _write(path, made)
        _shrink(room, path)
        _announce()
    return made


def _add(digest: Any, texts: Iterable[str]) -> int:
    """Add texts to a digest, with their lengths so that none runs into the next; return how many there were."""
    count = 0
    for text in texts:
        # Lone surrogates are no text that UTF-8 has, but tokenizers are given them all the same.
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
        count += 1
    return count


def _versions() -> list[str]:
    from importlib.metadata import version

    return [version("tokenizers"), version("transformers")]


@functools.cache
def _announce() -> None:
    say(f"token ids are kept in {token_folder()}, {budget() // 2**20:,} MB at most ({VARIABLE}=0 keeps none)")


def _write(path: Path, arrays: Arrays) -> None:
    """Header length (8 bytes), header (JSON), arrays, each on a multiple of 8 bytes."""
    entries, at = {}, 0
    for name, array in arrays.items():
        entries[name] = {"type": array.dtype.str, "shape": array.shape, "at": at}
        at += -(-array.nbytes // 8) * 8
    header = json.dumps({"bytes": at, "arrays": entries}).encode()
    header += b" " * (-len(header) % 8)
    with atomic_file(path) as draft, open(draft, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())
            file.write(b"\0" * (-array.nbytes % 8))


def _read(path: Path) -> Arrays | None:
    """The arrays of a file; None where there is none, or it is not whole."""
    try:
        mapped = np.memmap(path, dtype=np.uint8, mode="r")
        start = 8 + int(mapped[:8].view("<u8")[0])
        header = json.loads(mapped[8:start].tobytes())
        if len(mapped) != start + header["bytes"]:
            return None
        found = {}
        for name, entry in header["arrays"].items():
            kind, shape = np.dtype(entry["type"]), tuple(entry["shape"])
            begin = start + entry["at"]
            size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
            # A plain view: np.memmap's own class would follow every slice around.
            found[name] = np.asarray(mapped[begin : begin + size]).view(kind).reshape(shape)
        return found
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError):
        return None


def _shrink(room: int, spare: Path) -> None:
    """Remove what was used longest ago until no more than ``room`` bytes are left; ``spare`` stays if it fits."""
    entries = []
    for path in token_folder().glob(f"*{SUFFIX}"):
        # Another process may have removed it in the meantime. One that has it mapped can go on reading it.
        with contextlib.suppress(OSError):
            state = path.stat()
            entries.append((path != spare, -state.st_mtime_ns, state.st_size, path))
    total = 0
    for _, _, size, path in sorted(entries):
        total += size
        if total > room:
            with contextlib.suppress(OSError):
                path.unlink()

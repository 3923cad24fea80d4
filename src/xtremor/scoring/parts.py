"""Predictions of many items in parts on disk, of which one language at a time is in memory."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.paths import cache_folder, explained
from xtremor.scoring.predictions import schema, write_lazily

if TYPE_CHECKING:
    import polars as pl


class Parts:
    """Tables of predictions as they are made, in a folder of the caller's.

    Args:
        folder: an empty folder; the files in it are the parts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: list[Path] = []
        # Language -> the parts that hold rows of it, and how many rows there are.
        self._of: dict[str, list[Path]] = {}
        self.counts: dict[str, int] = {}

    def add(self, table: pl.DataFrame) -> None:
        """Write one more part; raises UserError where there is no room."""
        if not table.height:
            return
        path = self.folder / f"{len(self._files):06}.parquet"
        with explained(path):
            table.write_parquet(path)
        self._files.append(path)
        for language, rows in table.group_by("language", maintain_order=True).len().iter_rows():
            self._of.setdefault(language, []).append(path)
            self.counts[language] = self.counts.get(language, 0) + rows

    def languages(self) -> Iterator[pl.DataFrame]:
        """The rows of one language after another, in the order in which they came."""
        import polars as pl

        for language, files in self._of.items():
            rows = [pl.read_parquet(path, glob=False).filter(pl.col("language") == language) for path in files]
            yield pl.concat(rows)

    def identities(self) -> pl.DataFrame:
        """Task, file, row and language of all items: what tells whether one occurs twice."""
        import polars as pl

        columns = ["task", "file", "row", "language"]
        tables = [pl.read_parquet(path, columns=columns, glob=False) for path in self._files]
        return pl.concat([pl.DataFrame(schema={name: schema()[name] for name in columns}), *tables])

    def table(self) -> pl.DataFrame:
        """All rows, in memory."""
        import polars as pl

        return pl.concat([pl.DataFrame(schema=schema()), *(pl.read_parquet(each, glob=False) for each in self._files)])

    def write(self, path: Path, metadata: Mapping[str, Any]) -> None:
        """All rows as one file; see `scoring.predictions.write_predictions`."""
        import polars as pl

        write_lazily(path, pl.scan_parquet(self._files, glob=False), metadata)


@contextlib.contextmanager
def parts() -> Iterator[Parts]:
    """Parts in the cache folder, which are gone afterwards; those that a killed process left there go first."""
    home = cache_folder() / "evaluating"
    mine = f"{platform.node() or 'host'}-"
    with explained(home):
        home.mkdir(parents=True, exist_ok=True)
        for left in home.glob(f"{mine}*"):
            if not _alive(left.name.removeprefix(mine).partition("-")[0]):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{mine}{os.getpid()}-", dir=home))
    try:
        yield Parts(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(process: str) -> bool:
    """Whether a process of this machine still runs; what is no number of one is left alone."""
    # os.kill(pid, 0) ends the process on Windows: there, what was left stays.
    if not process.isdecimal() or os.name == "nt":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

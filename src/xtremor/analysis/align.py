"""`xtremor align`: displacement of every subject in every language, stability of those that answer, and one result.

Every finished piece is kept in ``OUTPUT/cells`` until all are there, so that a stopped command goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor import computing, machine
from xtremor.analysis import coverage
from xtremor.analysis.displacement import Settings, displacement
from xtremor.analysis.parallel import ParallelRows
from xtremor.analysis.pieces import CELLS, from_pieces
from xtremor.analysis.subjects import Subject, why_silent
from xtremor.console import Progress, say
from xtremor.errors import UserError
from xtremor.paths import atomic_file
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import FORMAT, read_json, write_json

if TYPE_CHECKING:
    import polars as pl

RESULT, ROWS, STABILITY = "align.json", "displacement.parquet", "stability.parquet"


@dataclass(frozen=True)
class AlignSettings:
    """What a user says of the measurement.

    Attributes:
        seed: of the derangement and of random directions.
        candidates: rows that retrieval is tried on.
        pooling, prefix: see `states.states_of`.
        max_length: longest input in tokens.
        stability: whether radii are measured where there are answers.
        layers: that rows are shifted at; None is the embeddings, the middle layer and the last.
        precision: of products where radii are looked for, ``fp32`` or ``bf16``.
    """

    seed: int = 0
    candidates: int = 1000
    pooling: str | None = None
    prefix: str | None = None
    max_length: int = 128
    stability: bool = True
    layers: tuple[int, ...] | None = None
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.candidates < 2:
            raise UserError(f"--candidates must be at least 2, not {self.candidates}")
        if self.max_length < 4:
            raise UserError(f"--max-length must be at least 4, not {self.max_length}")
        computing.check_precision(self.precision)
        if self.layers is not None and (not self.layers or min(self.layers) < 0):
            raise UserError("--stability-layers are numbers from 0, the embeddings, between commas")


@dataclass(frozen=True)
class Data:
    """The rows, and where they come from.

    Attributes:
        languages: rows of each.
        task: their task; None for a user's own files.
        split: of it.
        notes: what a reader must know.
        record: what was read.
    """

    languages: list[ParallelRows]
    task: TaskCard | None = None
    split: str | None = None
    notes: tuple[str, ...] = ()
    record: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """Of the task, or of what stands for it."""
        return "own pairs" if self.task is None else self.task.name

    @property
    def texts(self) -> int:
        """In a row, 1 or 2."""
        return len(self.languages[0].english[0].texts)

    def digest(self) -> str:
        """Over all rows."""
        return hashlib.sha256(
            "".join(f"{each.language}{each.digest()}" for each in self.languages).encode()
        ).hexdigest()


def align(
    measured: Sequence[Subject], data: Data, settings: AlignSettings, output: Path, threads: int | None = None
) -> dict[str, Any]:
    """Measure, write ``align.json``, ``displacement.parquet`` and ``stability.parquet``, and return the first.

    Asked again, finished pieces are not redone.

    Raises:
        UserError: rows, an encoder or a layer that cannot be used, or an output that holds something else.
    """
    computing.prepare(threads)
    identity = {
        "format": FORMAT,
        "align": {**asdict(settings), "layers": settings.layers and list(settings.layers)},
        "subjects": {each.name: each.fingerprint() for each in measured},
        "rows": data.digest(),
    }

    def make() -> dict[str, Any]:
        facts = _displacements(measured, data, settings, output)
        silent = _stabilities(measured, data, settings, output)
        return _result(measured, data, settings, output, facts, silent)

    return from_pieces(output, identity, RESULT, make)


def _displacements(
    measured: Sequence[Subject], data: Data, settings: AlignSettings, output: Path
) -> dict[str, dict[str, Any]]:
    """Make the cells of displacement that are missing; return what is known of each subject's vectors."""
    from xtremor.analysis.states import states_of

    how = Settings(settings.seed, settings.candidates)
    wanted = [(subject, rows) for subject in measured for rows in data.languages]
    missing = [(subject, rows) for subject, rows in wanted if not _cell(output, subject, rows, "json").exists()]
    total = sum(len(rows) for _, rows in wanted)
    facts: dict[str, dict[str, Any]] = {}
    with Progress("displacement", total, total - sum(len(rows) for _, rows in missing)) as progress:
        for subject in measured:
            todo = [rows for each, rows in missing if each is subject]
            where = output / CELLS / subject.name / "facts.json"
            if todo:
                states, facts[subject.name] = states_of(
                    subject.given, data.texts == 2, settings.max_length, settings.pooling, settings.prefix
                )
                write_json(where, facts[subject.name])
            else:
                facts[subject.name] = read_json(where)
            for rows in todo:
                if rows.english != todo[0].english:
                    states.forget()

                def told(count: int, note: str = f"{subject.name} {rows.language}") -> None:
                    progress.advance(count, note)

                found = displacement(rows, states, how, told)
                with atomic_file(_cell(output, subject, rows, "parquet")) as temporary:
                    _rows_table(subject, rows, found).write_parquet(temporary)
                cells = [{"subject": subject.name, "language": rows.language, "rows": len(rows),
                          "clusters": len(set(rows.clusters)), **_plain(layer)} for layer in found.layers]  # fmt: skip
                write_json(_cell(output, subject, rows, "json"), {"layers": cells})
    return facts


def _cell(output: Path, subject: Subject, rows: ParallelRows, suffix: str, what: str = "displacement") -> Path:
    return output / CELLS / subject.name / f"{what}-{rows.language}.{suffix}"


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    """NaN as None, which JSON has a word for."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in figures.items()}


def _rows_table(subject: Subject, rows: ParallelRows, found: Any) -> pl.DataFrame:
    """One line a row and layer."""
    import polars as pl

    count, layers = found.own.shape
    each = {
        "subject": [subject.name] * count,
        "task": [row.task for row in rows.other],
        "file": [row.file for row in rows.other],
        "row": [row.row for row in rows.other],
        "cluster": rows.clusters,
        "language": [rows.language] * count,
    }
    tables = [
        pl.DataFrame(
            {
                **each,
                "layer": [layer] * count,
                "distance": found.own[:, layer].astype(np.float32),
                "unrelated": found.unrelated[:, layer].astype(np.float32),
            }
        )
        for layer in range(layers)
    ]
    return pl.concat(tables)


def _stabilities(measured: Sequence[Subject], data: Data, settings: AlignSettings, output: Path) -> dict[str, str]:
    """Make the cells of stability that are missing; return why subjects have none."""
    silent: dict[str, str] = {}
    for subject in measured:
        why = "--no-stability" if not settings.stability else why_silent(subject, data.texts, data.task)
        if why is not None:
            silent[subject.name] = why
            if subject.record is not None and settings.stability:
                say(f"{subject.name}: no stability: {why}")
    answering = [subject for subject in measured if subject.name not in silent]
    wanted = [(subject, rows) for subject in answering for rows in data.languages]
    missing = [each for each in wanted if not _cell(output, *each, "parquet", "stability").exists()]
    if not wanted:
        return silent
    total = sum(len(rows) for _, rows in wanted)
    with Progress("stability", total, total - sum(len(rows) for _, rows in missing)) as progress:
        for subject in answering:
            todo = [rows for each, rows in missing if each is subject]
            if todo:
                _stability(subject, todo, settings, output, progress)
    return silent


def _stability(
    subject: Subject, languages: Sequence[ParallelRows], settings: AlignSettings, output: Path, progress: Progress
) -> None:
    from xtremor.analysis.radii import Radii

    radii = Radii.of(subject, languages[0].english[0], settings)
    for rows in languages:

        def told(share: float, note: str = f"{subject.name} {rows.language}", count: int = len(rows)) -> None:
            progress.advance(share * count, note)

        table, passes = radii.measure(rows, told)
        with atomic_file(_cell(output, subject, rows, "parquet", "stability")) as temporary:
            table.write_parquet(temporary, metadata={"passes": json.dumps(passes)})


def _result(
    measured: Sequence[Subject],
    data: Data,
    settings: AlignSettings,
    output: Path,
    facts: dict[str, dict[str, Any]],
    silent: dict[str, str],
) -> dict[str, Any]:
    """Join the cells; `align` writes what is returned."""
    import polars as pl
    import torch

    layers: list[dict[str, Any]] = []
    tables = []
    for subject in measured:
        for rows in data.languages:
            layers += read_json(_cell(output, subject, rows, "json"))["layers"]
            tables.append(pl.read_parquet(_cell(output, subject, rows, "parquet"), glob=False))
    with atomic_file(output / ROWS) as temporary:
        pl.concat(tables).write_parquet(temporary)
    answering = [subject for subject in measured if subject.name not in silent]
    figures = _joined(answering, data, output)
    return {
        "format": FORMAT,
        "task": data.name,
        "split": data.split,
        "languages": [rows.language for rows in data.languages],
        "subjects": {each.name: {**each.described(), **facts[each.name]} for each in measured},
        "no_stability": silent,
        "settings": {**asdict(settings), "layers": settings.layers and list(settings.layers)},
        "layers": layers,
        **figures,
        "notes": list(data.notes),
        "data": data.record,
        "command": machine.command_line(),
        "created": machine.now(),
        "versions": machine.versions(),
        "machine": machine.machine("cuda" if torch.cuda.is_available() else "cpu", torch.get_num_threads()),
        "peak_memory_mb": machine.peak_memory_mb(),
    }


def _joined(answering: Sequence[Subject], data: Data, output: Path) -> dict[str, list[dict[str, Any]]]:
    """Figures of every run, language and layer, those over the rows of all languages, and what changed since the run
    that was named first."""
    import polars as pl

    found: dict[str, list[dict[str, Any]]] = {"stability": [], "changes": [], "pooled": [], "pooled_changes": []}
    first: dict[tuple[str, int], pl.DataFrame] = {}
    tables = []

    def add(figures: str, changes: str, table: pl.DataFrame, where: dict[str, Any], **more: Any) -> None:
        found[figures].append({**where, **coverage.figures(table, data.name), **more})
        before = first.setdefault((where["language"], where["layer"]), table)
        if before is not table and before["row"].equals(table["row"]):
            change = coverage.difference(table, before, data.name)
            found[changes].append({**where, "since": answering[0].name, **change})

    for subject in answering:
        own = []
        for rows in data.languages:
            path = _cell(output, subject, rows, "parquet", "stability")
            table = pl.read_parquet(path, glob=False)
            passes = json.loads(pl.read_parquet_metadata(path)["passes"])
            own.append(table)
            for layer, part in table.group_by("layer", maintain_order=True):
                number = int(layer[0])  # type: ignore[call-overload]
                where = {"subject": subject.name, "language": rows.language, "layer": number}
                add("stability", "changes", part, where, passes=passes[str(number)])
        tables += [table.select(pl.lit(subject.name).alias("subject"), pl.all()) for table in own]
        if len(own) > 1:
            for layer, part in pl.concat(own).group_by("layer", maintain_order=True):
                where = {"subject": subject.name, "language": f"all {len(own)}", "layer": int(layer[0])}  # type: ignore[call-overload]
                # English rows of own files differ from language to language, and so do units of length.
                add("pooled", "pooled_changes", part, where, scale=None)
    if tables:
        with atomic_file(output / STABILITY) as temporary:
            pl.concat(tables).write_parquet(temporary)
    return found

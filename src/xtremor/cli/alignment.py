"""Options of parallel rows and of what is fitted on them, spread into flags by cyclopts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from xtremor.errors import UserError

if TYPE_CHECKING:
    from xtremor.alignment.evaluated import Alignment
    from xtremor.alignment.rows import ParallelData
    from xtremor.sources.base import Source
    from xtremor.tasks.base import TaskCard

PARALLEL = Group("Parallel rows", sort_key=3)
ALIGNMENT = Group("Alignment (a rival of robust training)", sort_key=4)


@Parameter(name="*", group=PARALLEL)
@dataclass(frozen=True)
class ParallelOptions:
    """Where parallel rows come from, and how many are taken."""

    parallel_task: Annotated[
        str | None, Parameter(help="Task whose rows are translations: tatoeba, xnli, pawsx, xquad or mlqa.")
    ] = None
    parallel_data: Annotated[Path | None, Parameter(help="Folder of its files (default: as --data).")] = None
    parallel_split: Annotated[
        str | None, Parameter(help="Its split (default: dev where it has one, never what is scored).")
    ] = None
    pairs: Annotated[
        str | None,
        Parameter(
            help="Your own rows instead: files of an English text and its translation with a tab between, named by "
            "language (sw.tsv, or sw=file between commas), or a folder of such."
        ),
    ] = None
    english: Annotated[
        Path | None, Parameter(help="English texts, one a line; the files of --pairs then hold translations alone.")
    ] = None
    align_rows: Annotated[int | None, Parameter(help="Rows of each language that are used (default: all).")] = None
    align_seed: Annotated[int, Parameter(help="Of the draw of these rows; fewer rows are a part of more.")] = 0

    def read(self, data: Path | None, languages: Sequence[str] | None, scored: tuple[str, str] | None) -> ParallelData:
        """The rows that were named, ``data`` being where the files of other tasks are.

        Raises:
            UserError: nothing or too much is named, or as `alignment.rows`.
        """
        from xtremor.alignment.rows import check_parallel, of_files, of_task
        from xtremor.sources import open_source
        from xtremor.tasks.cards import card

        if (self.parallel_task is None) == (self.pairs is None):
            raise UserError(
                "name parallel rows: --parallel-task TASK (tatoeba, xnli, xquad ...) with its --parallel-data DIR, or "
                "--pairs FILES"
            )
        if self.pairs is not None:
            for name in ("parallel_data", "parallel_split"):
                if getattr(self, name) is not None:
                    raise UserError(f"--{name.replace('_', '-')} is about --parallel-task; leave it out with --pairs")
            return of_files(self.pairs, self.english, languages)
        if self.english is not None:
            raise UserError("--english goes with --pairs; a task has its English rows itself")
        assert self.parallel_task is not None
        known = card(self.parallel_task)
        check_parallel(known)
        source = open_source(known, self.parallel_data or data)
        return of_task(known, source, self.parallel_split, languages, scored)


@Parameter(name="*", group=ALIGNMENT)
@dataclass(frozen=True)
class AlignmentOptions:
    """Turning the hidden states of a language into English before the head reads them."""

    align: Annotated[
        str | None,
        Parameter(
            help="procrustes: the rotation that takes translations onto their English originals, fitted on parallel "
            "rows; procrustes-centred: with the means taken off; centring: the means alone. Needs --output."
        ),
    ] = None
    align_pooling: Annotated[
        str | None, Parameter(help="mean or cls: the vectors that it is fitted on (default: what the head reads).")
    ] = None

    def settings(
        self,
        parallel: ParallelOptions,
        card: TaskCard,
        source: Source,
        scored: tuple[str | None, Sequence[str] | None],
        data: Path | None,
        output: Path | None,
    ) -> Alignment | None:
        """What was asked for, its rows read; None where nothing was. ``scored`` is a split and languages."""
        if self.align is None:
            defaults = ParallelOptions()
            named = [one.name for one in fields(parallel) if getattr(parallel, one.name) != getattr(defaults, one.name)]
            for name in [*named, *(["align_pooling"] if self.align_pooling is not None else [])]:
                raise UserError(f"--{name.replace('_', '-')} is about --align; name the map, as in --align procrustes")
            return None
        from xtremor.alignment.evaluated import Alignment
        from xtremor.languages import PAIR
        from xtremor.sources import ON_DISK

        if output is None:
            raise UserError("--align makes other scores than the run's own: name a folder for them with --output")
        split, languages = scored[0] or card.splits[0], scored[1]
        wanted = languages or card.languages or source.languages(split)
        if any(PAIR in code for code in wanted):
            raise UserError("--align is of rows in one language; leave --generalized out")
        rows = parallel.read(data if card.source in ON_DISK else None, wanted, (card.name, split))
        return Alignment(rows, self.align, parallel.align_rows, parallel.align_seed, self.align_pooling)

"""Finished pieces of an attack on disk: one file for each run, language, condition and size, so that none is redone."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.errors import UserError
from xtremor.evaluation.attack.worst import Worst
from xtremor.paths import atomic_file, explained
from xtremor.scoring.predictions import METADATA_KEY, answers_table, schema
from xtremor.stats.bootstrap import Sample, bootstrap

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

    from xtremor.evaluation.attack.conditions import Drawn
    from xtremor.evaluation.attack.items import Items

# Conditions in the order in which they are shown.
CONDITIONS = ("clean", "attack", "noise", "characters")


@dataclass(frozen=True)
class Cell:
    """Which piece it is; ``size`` is a radius, a rate of words, or 0 where nothing is perturbed."""

    run: str
    language: str
    condition: str
    size: float

    def file(self, folder: Path) -> Path:
        """Where it lies."""
        return folder / "cells" / self.run / self.language / f"{self.condition}-{self.size!r}.parquet"


def table_of(items: Items, worst: Worst, mean: np.ndarray | None = None) -> pl.DataFrame:
    """A predictions table of the worst of each item, with its score (0 to 1), the mean over draws, and the loss."""
    import polars as pl

    logits = worst.logits if any(map(len, worst.logits)) else None
    table = answers_table(items.examples, items.gold, worst.answers, logits)
    return table.with_columns(
        pl.Series("score", worst.scores, pl.Float64),
        pl.Series("mean_score", worst.scores if mean is None else mean, pl.Float64),
        pl.Series("loss", worst.losses, pl.Float64),
    )


def worst_of(table: pl.DataFrame) -> Worst:
    """What `table_of` was given."""
    found = Worst(table.height)
    found.scores, found.losses = table["score"].to_numpy().copy(), table["loss"].to_numpy().copy()
    found.answers = table["predicted"].to_list()
    found.logits = [np.array(each, dtype=np.float32) for each in table["logits"].to_list()]
    return found


def write_cell(path: Path, table: pl.DataFrame, facts: dict[str, Any]) -> None:
    """Write a cell whole or not at all."""
    text = json.dumps(facts, allow_nan=False)
    with atomic_file(path) as temporary:
        table.write_parquet(temporary, metadata={METADATA_KEY: text})


def read_cell(path: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Read a cell; raises UserError where it is damaged."""
    import polars as pl

    try:
        facts = json.loads(pl.read_parquet_metadata(path)[METADATA_KEY])
        table = pl.read_parquet(path, glob=False)
        if list(table.columns)[: len(schema())] != list(schema()):
            raise ValueError
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UserError(f"{path} is damaged; delete it, and the same command makes it again") from error
    return table, facts


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for left in (folder / "cells").rglob(".*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def save_deltas(path: Path, deltas: dict[int, Tensor]) -> None:
    """Keep where the next radius starts from, beside the cells of a language."""
    from safetensors.torch import save_file

    with atomic_file(path) as temporary:
        save_file({str(item): delta.contiguous() for item, delta in deltas.items()}, temporary)


def load_deltas(path: Path) -> dict[int, Tensor]:
    """Read them back; nothing where there are none."""
    from safetensors.torch import load_file

    if not path.exists():
        return {}
    with explained(path):
        return {int(item): delta for item, delta in load_file(path).items()}


def figures(items: Items, answers: list[list[str]], task: str) -> dict[str, Any]:
    """Figures of answers (of several draws: their mean), in percent, and the 95% interval over clusters."""
    gold, decode = items.decoded, items.decode
    statistics = [items.scorer.statistics(gold, [decode(each) for each in one]) for one in answers]
    language = items.examples[0].language
    sample = Sample(np.mean(statistics, axis=0), [example.cluster for example in items.examples])
    drawn = bootstrap({language: sample}, items.scorer.figures, stream=task)[language]
    # Its first figure is the one that items have scores in.
    interval = drawn[items.figure].interval()
    others = {name: one.estimate for name, one in drawn.items() if name != items.figure}
    return {
        "score": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        **({"figures": others} if others else {}),
    }


def noise_facts(items: Items, drawn: Drawn, task: str) -> dict[str, Any]:
    """Figures of the mean over draws, with those of the worst of them beside."""
    worst = figures(items, [drawn.worst.answers], task)
    return {
        **figures(items, [draw.answers for draw in drawn.draws], task),
        "draws": len(drawn.draws),
        "worst_of_draws": worst,
    }


def broken_share(clean: np.ndarray, now: np.ndarray) -> float:
    """Percent of the items with a score when clean whose score is lower now; 0 where there are none."""
    had = clean > 0
    return float(100 * (now[had] < clean[had]).mean()) if had.any() else 0.0


def remove(folder: Path) -> None:
    """Remove the cells of a finished attack, whose rows and figures stand elsewhere."""
    shutil.rmtree(folder / "cells")

"""All pieces of one run in one language, in their order, each written when it is finished."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from xtremor.console import Progress
from xtremor.evaluation.attack import cells, conditions
from xtremor.evaluation.attack.categories import open_items
from xtremor.evaluation.attack.cells import Cell
from xtremor.evaluation.attack.characters import misspelt
from xtremor.evaluation.attack.items import Items
from xtremor.evaluation.attack.settings import AttackSettings
from xtremor.evaluation.attack.victim import Victim
from xtremor.evaluation.attack.worst import Worst
from xtremor.stats.calibration import calibration
from xtremor.tasks.base import TaskCard


def cells_of(run: str, language: str, settings: AttackSettings) -> list[Cell]:
    """The pieces of a run in a language, in the order in which they are made."""
    sizes = {"clean": (0.0,), "attack": settings.radii, "noise": settings.radii, "characters": settings.character_rates}
    return [Cell(run, language, name, size) for name in cells.CONDITIONS for size in sizes[name]]


def passes_of(cell: Cell, settings: AttackSettings) -> int:
    """Passes an item takes at most, which is what progress counts in."""
    ascent = settings.restarts * (2 * settings.steps + 1)
    return {"clean": 1, "attack": ascent, "noise": settings.draws, "characters": settings.draws}[cell.condition]


class LanguageAttack:
    """Attacks a model in one language after the other.

    Args:
        victim: the model.
        card, tokenizer, labels, max_length: of its task.
        settings: of the attack.
        output: the folder whose cells are filled.
    """

    def __init__(
        self,
        victim: Victim,
        card: TaskCard,
        tokenizer: Any,
        labels: Sequence[str],
        max_length: int,
        settings: AttackSettings,
        output: Path,
    ) -> None:
        self.victim, self.card, self.settings, self.output = victim, card, settings, output
        self._encoder = (tokenizer, labels, max_length)
        self.unit = 0.0

    def measure_unit(self, examples: Sequence[Any]) -> None:
        """Measure what relative radii are shares of; where the site is no table, on these items."""
        self.unit = self.victim.unit(self._items(examples))

    def attack(self, run: str, examples: Sequence[Any], progress: Progress) -> None:
        """Make what is missing of one language."""
        items = self._items(examples)
        first, *others = cells_of(run, examples[0].language, self.settings)
        clean = self._done(first) or self._clean(first, items, _Told(progress, first, items, self.settings))
        worst, start = clean, None
        for cell in others:
            told, found = _Told(progress, cell, items, self.settings), self._done(cell)
            if cell.condition != "attack":
                if found is None:
                    self._noise(cell, items, clean, told)
                continue
            next_start = cell.file(self.output).with_name(f"start-{cell.size!r}.safetensors")
            worst = found or self._ascent(cell, items, (clean, worst), (start, next_start), told)
            if start is not None:
                start.unlink(missing_ok=True)
            start = next_start
        if start is not None:
            start.unlink(missing_ok=True)

    def _items(self, examples: Sequence[Any]) -> Items:
        return open_items(self.card, examples, *self._encoder)

    def _done(self, cell: Cell) -> Worst | None:
        path = cell.file(self.output)
        return cells.worst_of(cells.read_cell(path)[0]) if path.exists() else None

    def _clean(self, cell: Cell, items: Items, told: _Told) -> Worst:
        found = conditions.clean(self.victim, items, told)
        table = cells.table_of(items, found)
        facts = cells.figures(items, [found.answers], self.card.name) | _calibration(table)
        self._write(cell, items, table, found, facts | {"site_unit": self.unit}, told)
        return found

    def _ascent(
        self, cell: Cell, items: Items, before: tuple[Worst, Worst], starts: tuple[Path | None, Path], told: _Told
    ) -> Worst:
        """``before`` are the clean answers and the worst so far, ``starts`` where deltas are read and written."""
        found = before[1].copy()
        warm = cells.load_deltas(starts[0]) if starts[0] is not None else {}
        ball = self.settings.ball(cell.size, self.unit, self.victim.width)
        deltas = conditions.attacked(self.victim, items, ball, self.settings, found, warm, told)
        # Before the cell: where the cell is there, the next radius must find its start.
        cells.save_deltas(starts[1], deltas)
        table = cells.table_of(items, found)
        facts = cells.figures(items, [found.answers], self.card.name) | _calibration(table)
        self._write(cell, items, table, before[0], facts, told)
        return found

    def _noise(self, cell: Cell, items: Items, clean: Worst, told: _Told) -> None:
        """Random noise, or misspellings."""
        if cell.condition == "noise":
            ball = self.settings.ball(cell.size, self.unit, self.victim.width)
            drawn = conditions.noisy(self.victim, items, ball, self.settings, told)
        else:
            seed, draws = self.settings.seed, range(self.settings.draws)
            forms = [misspelt(self.card.category, items.examples, cell.size, seed, draw) for draw in draws]
            drawn = conditions.spelt(self.victim, [self._items(each) for each in forms], told)
        facts = cells.noise_facts(items, drawn, self.card.name)
        each = [cells.table_of(items, draw) for draw in drawn.draws]
        table = cells.table_of(items, drawn.worst, drawn.mean_scores())
        self._write(cell, items, table, clean, facts | _calibration(pl.concat(each)), told)

    def _write(
        self, cell: Cell, items: Items, table: pl.DataFrame, clean: Worst, facts: dict[str, Any], told: _Told
    ) -> None:
        facts = {
            **facts,
            "items": len(items),
            "metric": items.figure,
            "broken": cells.broken_share(clean.scores, table["score"].to_numpy()),
            **told.end(self.victim),
        }
        cells.write_cell(cell.file(self.output), table, facts)


def _calibration(table: pl.DataFrame) -> dict[str, Any]:
    """Calibration of these answers; nothing where logits are not kept."""
    if not table["logits"].list.len().min():
        return {}
    return {"calibration": next(iter(calibration(table).values()))}


class _Told:
    """The progress of one cell, and what it cost."""

    def __init__(self, progress: Progress, cell: Cell, items: Items, settings: AttackSettings) -> None:
        self.progress, self.note = progress, f"{cell.run} {cell.language} {cell.condition} {cell.size:g}"
        passes = passes_of(cell, settings)
        # Draws of noise are told one by one, an ascent when all its steps are done.
        self.left, self.each = len(items) * passes, passes if cell.condition == "attack" else 1
        self.started = time.monotonic()

    def __call__(self, items: int) -> None:
        self.left -= items * self.each
        self.progress.advance(items * self.each, self.note)

    def end(self, victim: Victim) -> dict[str, Any]:
        """Count as done what the cell did not need; say what it took."""
        self.progress.advance(self.left, self.note)
        passes = {"forward": victim.forward, "backward": victim.backward}
        victim.forward = victim.backward = 0
        return {**passes, "seconds": round(time.monotonic() - self.started, 2)}

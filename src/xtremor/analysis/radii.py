"""The stability of one run: radii of English rows along their translations and along an attack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from xtremor import computing
from xtremor.analysis.coverage import Lengths, table_of
from xtremor.analysis.crossing import BISECTIONS, GRID
from xtremor.analysis.parallel import ParallelRows
from xtremor.analysis.stability import ATTACK_GRID, Answering, Read, default_layers, random_shifts
from xtremor.analysis.subjects import Subject, load_answering
from xtremor.analysis.unrelated import order
from xtremor.tasks.base import TextExample

if TYPE_CHECKING:
    import polars as pl

    from xtremor.analysis.align import AlignSettings


@dataclass(frozen=True)
class English:
    """What does not depend on the language: answers, vectors, and by layer the attack's radii and the unit of lengths.

    Attributes:
        read: of the English rows.
        attack: layer -> (N,) radii, infinite where nothing was found.
        scale: layer -> mean distance of unrelated English rows.
    """

    read: Read
    attack: dict[int, np.ndarray]
    scale: dict[int, float]


@dataclass
class Radii:
    """Measures one run, language after language; what English rows gave is kept for languages that share them.

    Attributes:
        answering: the run.
        seed: of derangement and random directions.
    """

    answering: Answering
    seed: int
    _english: dict[tuple[tuple[str, ...], ...], English] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject, sample: TextExample, settings: AlignSettings) -> Radii:
        """Load a run.

        Raises:
            UserError: as `Answering` and `load_answering`.
        """
        import torch

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model, tokenizer, labels, card = load_answering(subject, device)
        layers = settings.layers if settings.layers is not None else default_layers(model)
        assert subject.record is not None
        length = min(settings.max_length, subject.record["training"]["max_length"])
        pooling = settings.pooling or "mean"
        computing.note_precision(settings.precision, device)
        made = (tokenizer, labels, length)
        answering = Answering(model, *made, card, layers, pooling, sample, settings.precision)
        return cls(answering, settings.seed)

    def measure(
        self, rows: ParallelRows, told: Callable[[float], None] | None = None
    ) -> tuple[pl.DataFrame, dict[str, dict[str, float]]]:
        """One line a row and layer (`coverage.table_of`), and the passes a row at each layer."""
        import polars as pl

        partners = order(rows.clusters, self.seed).partners()
        layers = list(self.answering.sited)
        # English once, and each layer, are parts of the work.
        parts = len(layers) + 1
        english = self._of_english(rows.english, partners, None if told is None else lambda share: told(share / parts))
        other = self.answering.read(rows.other)
        tables, passes = [], {}
        for layer in layers:
            before = self._counts()
            lengths = self._lengths(layer, rows, english, other.pooled[layer])
            after = self._counts()
            passes[str(layer)] = {name: round((after[name] - before[name]) / len(rows), 3) for name in after}
            answers = english.read.answers, other.answers
            tables.append(table_of(rows.other, layer, lengths, answers, partners, english.scale[layer]))
            if told is not None:
                told(1 / parts)
        return pl.concat(tables), passes

    def _counts(self) -> dict[str, float]:
        return {"forward": self.answering.forward, "backward": self.answering.backward}

    def _lengths(self, layer: int, rows: ParallelRows, english: English, other: np.ndarray) -> Lengths:
        """Radii of one language at one layer."""
        answers = english.read.answers
        shifts = other - english.read.pooled[layer]
        lengths = np.linalg.norm(shifts.astype(np.float64), axis=1)
        found = self.answering.along(layer, rows.english, answers, shifts, GRID, BISECTIONS)
        drawn = random_shifts(rows.english, lengths, shifts.shape[1], self.seed)
        kept = self.answering.kept_at(layer, rows.english, answers, drawn)
        radius = np.full(len(lengths), np.inf)
        radius[~found.censored] = found.high[~found.censored] * lengths[~found.censored]
        return Lengths(lengths, radius, english.attack[layer], GRID[-1] * lengths, kept)

    def _of_english(
        self, rows: Sequence[TextExample], partners: np.ndarray, told: Callable[[float], None] | None
    ) -> English:
        key = tuple(row.texts for row in rows)
        layers = list(self.answering.sited)
        if key not in self._english:
            read = self.answering.read(rows)
            scale, attack = {}, {}
            for layer in layers:
                pooled = read.pooled[layer].astype(np.float64)
                scale[layer] = float(np.linalg.norm(pooled - pooled[partners], axis=1).mean())
                attack[layer] = self._attack(layer, rows, read.answers, scale[layer])
                if told is not None:
                    told(1 / len(layers))
            self._english = {key: English(read, attack, scale)}
        elif told is not None:
            told(1.0)
        return self._english[key]

    def _attack(self, layer: int, rows: Sequence[TextExample], answers: list[str], scale: float) -> np.ndarray:
        """(N,) radii along the direction that the attack found."""
        shifts = self.answering.attack(layer, rows, answers, scale)
        lengths = np.linalg.norm(shifts.astype(np.float64), axis=1)
        found = self.answering.along(layer, rows, answers, shifts, ATTACK_GRID, BISECTIONS)
        radius = np.full(len(lengths), np.inf)
        radius[~found.censored] = found.high[~found.censored] * lengths[~found.censored]
        return radius

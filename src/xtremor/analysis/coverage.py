"""Displacement against stability, row by row: is the answer kept where the translation lies within the radius?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.stats.bootstrap import Distribution, Sample, bootstrap

if TYPE_CHECKING:
    import polars as pl

# Columns of booleans that figures are shares of.
FLAGS = ("covered", "covered_by_attack", "kept_at_random", "kept", "right", "right_english")


@dataclass(frozen=True)
class Lengths:
    """Of N rows at one layer, in the units of the layer's pooled vectors.

    Attributes:
        displacement: of the translation.
        translation, attack: stability radii along both directions: the smallest length at which the answer was seen to
            change, infinite where it was not.
        searched: how far along the translation it was looked for.
        at_random: (N,) bool, whether the answer is kept at the displacement's length in a random direction.
    """

    displacement: np.ndarray
    translation: np.ndarray
    attack: np.ndarray
    searched: np.ndarray
    at_random: np.ndarray


def table_of(
    rows: Sequence[Any],
    layer: int,
    lengths: Lengths,
    answers: tuple[Sequence[str], Sequence[str]],
    partners: np.ndarray,
    scale: float,
) -> pl.DataFrame:
    """One line a row: lengths relative to ``scale``, what they predict, and what the model does.

    Args:
        rows: N translations (`tasks.base.TextExample`).
        layer: that was shifted.
        lengths: at that layer.
        answers: the model's, to the English rows and to the translations.
        partners: (N,) the rows whose texts count as unrelated.
        scale: mean distance of unrelated English rows at the layer.
    """
    import polars as pl

    english, other = answers
    gold = [row.label for row in rows]
    return pl.DataFrame(
        {
            "task": [row.task for row in rows],
            "file": [row.file for row in rows],
            "row": [row.row for row in rows],
            "cluster": [row.cluster for row in rows],
            "language": [row.language for row in rows],
            "layer": [layer] * len(rows),
            "displacement": lengths.displacement / scale,
            "radius_translation": np.where(np.isinf(lengths.translation), np.nan, lengths.translation / scale),
            "searched": lengths.searched / scale,
            "radius_attack": np.where(np.isinf(lengths.attack), np.nan, lengths.attack / scale),
            "covered": lengths.displacement < lengths.translation,
            "covered_by_attack": lengths.displacement < lengths.attack,
            "kept_at_random": lengths.at_random,
            "gold": pl.Series(gold, dtype=pl.String),
            "answer_english": list(english),
            "answer": list(other),
            "kept": [one == two for one, two in zip(english, other, strict=True)],
            "right_english": pl.Series(_right(gold, english), dtype=pl.Boolean),
            "right": pl.Series(_right(gold, other), dtype=pl.Boolean),
            "partner": partners,
            "scale": [scale] * len(rows),
        }
    ).with_columns(pl.col("radius_translation", "radius_attack").fill_nan(None))


def _right(gold: Sequence[str | None], answers: Sequence[str]) -> list[bool | None]:
    return [None if one is None else one == two for one, two in zip(gold, answers, strict=True)]


def statistics(table: pl.DataFrame) -> np.ndarray:
    """(N, 4): one of covered and kept, covered only, kept only, neither."""
    covered, kept = table["covered"].to_numpy(), table["kept"].to_numpy()
    return np.column_stack([covered & kept, covered & ~kept, ~covered & kept, ~covered & ~kept]).astype(np.float64)


def agreement(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """(..., 4) sums of `statistics` -> coverage, kept, how often coverage is right about kept, and phi.

    ``margin`` is the last but one minus what the better constant guess gets. Percent, phi -1 to 1 and NaN where rows
    are all covered, all kept or none.
    """
    both, covered_only, kept_only, neither = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    rows = both + covered_only + kept_only + neither
    covered, kept = both + covered_only, both + kept_only
    with np.errstate(invalid="ignore", divide="ignore"):
        right = 100 * (both + neither) / rows
        spread = np.sqrt(covered * (rows - covered) * kept * (rows - kept))
        phi = np.where(spread > 0, (both * neither - covered_only * kept_only) / spread, np.nan)
        guess = 100 * np.maximum(kept, rows - kept) / rows
        shares = {"coverage": 100 * covered / rows, "kept": 100 * kept / rows}
    return {**shares, "coverage_right": right, "guess": guess, "margin": right - guess, "phi": phi}


def figures(table: pl.DataFrame, stream: str) -> dict[str, Any]:
    """What is reported of one run, language and layer: estimates, with 95% intervals over clusters where they count."""
    drawn = _drawn(table, stream)
    found: dict[str, Any] = {"rows": table.height, "clusters": table["cluster"].n_unique()}
    for name in ("coverage", "kept", "coverage_right", "guess", "margin", "phi"):
        interval = drawn[name].interval()
        found[name] = _number(interval.estimate)
        if name != "guess":
            found |= {f"{name}_low": _number(interval.low), f"{name}_high": _number(interval.high)}
    found["table"] = dict(
        zip(
            ("both", "covered_only", "kept_only", "neither"), statistics(table).sum(0).astype(int).tolist(), strict=True
        )
    )
    found["covered_by_attack"] = 100 * float(table["covered_by_attack"].mean())  # type: ignore[arg-type]
    found["kept_at_random"] = 100 * float(table["kept_at_random"].mean())  # type: ignore[arg-type]
    found["accuracy"] = _share(table, "right")
    found["english_accuracy"] = _share(table, "right_english")
    found["displacement"] = float(table["displacement"].mean())  # type: ignore[arg-type]
    for radius in ("radius_translation", "radius_attack"):
        found[radius] = _median(table[radius])
        found[f"{radius}_censored"] = 100 * table[radius].null_count() / table.height
    # The attack should find what the translation finds, or less.
    ahead = (
        table["radius_attack"].fill_null(np.inf).to_numpy() <= table["radius_translation"].fill_null(np.inf).to_numpy()
    )
    found["attack_is_shorter"] = 100 * float(ahead.mean())
    found["scale"] = float(table["scale"][0])
    return found


def difference(table: pl.DataFrame, before: pl.DataFrame, stream: str) -> dict[str, Any]:
    """Figures minus those of another run on the same rows, with intervals over clusters drawn together."""
    one, two = _drawn(table, stream), _drawn(before, stream)
    found: dict[str, Any] = {}
    for name in ("coverage", "kept", "accuracy"):
        if name in one and name in two:
            change = Distribution(one[name].estimate - two[name].estimate, one[name].values - two[name].values)
            interval = change.interval()
            found[name] = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    return found


def _drawn(table: pl.DataFrame, stream: str) -> dict[str, Distribution]:
    """Every figure with its replicates; accuracy where there are labels."""
    counts, clusters = statistics(table), table["cluster"].to_list()
    labelled = table["right"].null_count() == 0
    columns = np.column_stack([counts, table["right"].to_numpy()]) if labelled else counts

    def named(sums: np.ndarray) -> Mapping[str, np.ndarray]:
        more = {"accuracy": 100 * sums[..., 4] / sums[..., :4].sum(-1)} if labelled else {}
        return {**agreement(sums[..., :4]), **more}

    code = table["language"][0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return bootstrap({code: Sample(columns.astype(np.float64), clusters)}, named, stream=stream)[code]


def _share(table: pl.DataFrame, column: str) -> float | None:
    return None if table[column].null_count() else 100 * float(table[column].mean())  # type: ignore[arg-type]


def _median(radii: pl.Series) -> float | None:
    """Median with rows that never changed counted as larger than all; None where it is one of those."""
    value = float(np.median(radii.fill_null(np.inf).to_numpy()))
    return value if np.isfinite(value) else None


def _number(value: float) -> float | None:
    """None for NaN, which JSON has no word for."""
    return float(value) if np.isfinite(value) else None

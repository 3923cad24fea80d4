"""Distances between languages, every one from 0 to about 1, with what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xtremor.analysis.selection.uriel import ASYMMETRIC, Features
from xtremor.languages import lookup

MIN_COVERAGE = 0.25


@dataclass(frozen=True)
class Distances:
    """Between L languages.

    Attributes:
        name: of the distance.
        codes: the languages.
        values: (L, L), symmetric, 0 on the diagonal.
        coverage: (L, L) share of the features that both languages have; None where there are no features.
        replaced: languages that have too few features in common with any other.
        notes: what a reader must know.
    """

    name: str
    codes: tuple[str, ...]
    values: np.ndarray
    coverage: np.ndarray | None = None
    replaced: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def of(self, rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
        """(rows, columns)."""
        place = {code: at for at, code in enumerate(self.codes)}
        return self.values[np.ix_([place[code] for code in rows], [place[code] for code in columns])]


def gower(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """(L, L) Gower distance: mean |a - b| over features that both languages have, and (L, L) the share that they are.

    For features of 0 and 1 that is the normalised Hamming distance. For asymmetric ones (ancestors) features that both
    lack do not count, as Gower 1971 has it, which is Jaccard's distance. NaN where nothing is in common.
    """
    values = features.values
    known = ~np.isnan(values)
    count = len(values)
    found, coverage = np.zeros((count, count)), np.ones((count, count))
    for row in range(count):
        both = known & known[row]
        if features.group in ASYMMETRIC:
            counted = both & ((np.nan_to_num(values) > 0) | (np.nan_to_num(values[row]) > 0))
        else:
            counted = both
        apart = np.where(counted, np.abs(np.nan_to_num(values) - np.nan_to_num(values[row])), 0).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[row] = apart / counted.sum(1)
        coverage[row] = both.mean(1)
    known_itself = coverage.diagonal() > 0
    np.fill_diagonal(found, np.where(known_itself, 0.0, np.nan))
    return found, coverage


def from_features(codes: Sequence[str], features: Features, min_coverage: float = MIN_COVERAGE) -> Distances:
    """Gower's distance where two languages have ``min_coverage`` of the features in common, else as `replaced`."""
    values, coverage = gower(features)
    thin = (coverage < min_coverage) | np.isnan(values)
    return replaced(features.group, codes, np.where(thin, np.nan, values), coverage)


def together(codes: Sequence[str], parts: Sequence[Features], min_coverage: float = MIN_COVERAGE) -> Distances:
    """``uriel``: the mean over groups of features, each counted alike, after what is missing in each is `replaced`.

    To leave a group out where a language lacks it would bring that language near to others for what is not known of it.
    """
    each = [from_features(codes, features, min_coverage) for features in parts]
    notes = tuple(note for one in each for note in one.notes)
    alone = [code for code in codes if all(code in one.replaced for one in each)]
    coverage = np.mean([one.coverage for one in each if one.coverage is not None], axis=0)
    return Distances(
        "uriel", tuple(codes), np.mean([one.values for one in each], axis=0), coverage, tuple(alone), notes
    )


def replaced(name: str, codes: Sequence[str], values: np.ndarray, coverage: np.ndarray | None) -> Distances:
    """Fill what is NaN: a pair gets the mean of the known pairs of its kind (same family or not, same script or not).

    Where there is no such pair, the mean of all. So every distance keeps its own scale, and languages without features
    stand where kinship puts them.
    """
    values = np.array(values, dtype=np.float64)
    np.fill_diagonal(values, 0.0)
    missing = np.isnan(values)
    if not missing.any():
        return Distances(name, tuple(codes), values, coverage)
    kinds = np.round(4 * _kinship(codes)).astype(int)
    off = ~np.eye(len(codes), dtype=bool)
    known = ~missing & off
    overall = float(values[known].mean()) if known.any() else 0.5
    for kind in np.unique(kinds[missing]):
        same = known & (kinds == kind)
        values[missing & (kinds == kind)] = float(values[same].mean()) if same.any() else overall
    alone = [code for row, code in enumerate(codes) if missing[row][off[row]].all()]
    notes = []
    if alone:
        notes.append(
            f"{name}: {', '.join(alone)} without enough features; used instead: the mean distance of pairs of the same "
            "kind (same family or not, same script or not)"
        )
    some = int(np.triu(missing, 1).sum()) - sum(len(codes) - 1 - place for place in range(len(alone)))
    if some > 0:
        notes.append(f"{name}: {some:,} further pairs have too few features in common, likewise")
    return Distances(name, tuple(codes), values, coverage, tuple(alone), tuple(notes))


def kinship(codes: Sequence[str]) -> Distances:
    """0 for the same family and script, 1/2 where one of them differs, 1 where both do; known for every language."""
    return Distances("kinship", tuple(codes), _kinship(codes))


def _kinship(codes: Sequence[str]) -> np.ndarray:
    facts = [lookup(code) for code in codes]
    family = np.array([[one.family != two.family for two in facts] for one in facts])
    script = np.array([[one.script != two.script for two in facts] for one in facts])
    found: np.ndarray = (family + script.astype(np.float64)) / 2
    return found


def from_vectors(codes: Sequence[str], means: Mapping[str, np.ndarray]) -> Distances:
    """``encoder``: (1 - cosine) / 2 between the languages' mean vectors, from which the mean over languages is taken.

    Uncentred, all languages of an encoder lie in one narrow cone. Languages without text are `replaced`.
    """
    there = [code for code in codes if code in means]
    vectors = np.array([means[code] for code in there], dtype=np.float64)
    vectors -= vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    values = np.full((len(codes), len(codes)), np.nan)
    places = [place for place, code in enumerate(codes) if code in means]
    values[np.ix_(places, places)] = np.clip((1 - vectors @ vectors.T) / 2, 0, 1)
    return replaced("encoder", codes, values, None)

"""Sources chosen by each distance, beside random sets and English alone, at an equal total of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xtremor.analysis.selection import transfer
from xtremor.analysis.selection.distances import Distances
from xtremor.analysis.selection.medoids import cost, medoids
from xtremor.analysis.selection.scores import Scores
from xtremor.errors import UserError
from xtremor.languages import PAIR, is_english

DRAWS = 1000


@dataclass(frozen=True)
class SelectSettings:
    """What is chosen.

    Attributes:
        counts: numbers of sources, k.
        rows: labelled rows in all, shared alike by the sources.
        draws: random sets of each size.
        seed: of draws, restarts and permutations.
    """

    counts: tuple[int, ...] = (1, 2, 4)
    rows: int = 2000
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts) < 1:
            raise UserError("--k are numbers of source languages, at least 1, between commas")
        if self.draws < 1:
            raise UserError(f"--draws must be at least 1, not {self.draws}")
        if self.rows < max(self.counts):
            raise UserError(f"--rows {self.rows} are fewer than {max(self.counts)} sources; every one needs a row")


def shares(rows: int, sources: Sequence[str]) -> dict[str, int]:
    """Rows of each source: alike, the first ones one more where it does not divide."""
    each, over = divmod(rows, len(sources))
    return {code: each + (place < over) for place, code in enumerate(sources)}


def check(sources: Sequence[str], targets: Sequence[str], settings: SelectSettings) -> None:
    """Raise UserError where there is nothing to choose."""
    most = max(settings.counts)
    if len(sources) < most:
        raise UserError(
            f"there are {len(sources)} source languages ({', '.join(sources)}), fewer than --k {most}; name more with "
            "--sources, or a smaller --k"
        )
    if not targets:
        raise UserError("there is no target; name languages with --targets, or a task with --task")


def select(
    each: Sequence[Distances],
    sources: Sequence[str],
    targets: Sequence[str],
    settings: SelectSettings,
    scores: Scores | None = None,
) -> dict[str, Any]:
    """What is reported: the choices of every distance and size, and what real scores say.

    Args:
        each: distances among all of these languages.
        sources: codes that may be chosen.
        targets: codes that should be near; English may be among both.
        settings: sizes, rows, draws, seed.
        scores: real ones, of models with one source each.

    Raises:
        UserError: fewer sources than asked for.
    """
    check(sources, targets, settings)
    drawn = _drawn(len(sources), settings)
    choices = [
        _choice(distances, k, drawn[k], sources, targets, settings, scores)
        for distances in each
        for k in settings.counts
    ]
    # The combined distance is made of groups that have notes of their own.
    notes = list(dict.fromkeys(note for distances in each for note in distances.notes))
    both = [code for code in targets if code in sources]
    if both:
        notes.append(
            f"{len(both)} languages may be source and target; one that is chosen is no zero-shot target and is left "
            "out of its set's averages"
        )
    found: dict[str, Any] = {
        "sources": list(sources),
        "targets": list(targets),
        "settings": {**asdict(settings), "counts": list(settings.counts)},
        "distances": [_described(distances) for distances in each],
        "choices": choices,
        "notes": notes,
    }
    if scores is not None:
        found["notes"] += list(scores.notes)
        found["scores"] = {
            "sources": list(scores.sources),
            "targets": list(scores.targets),
            "check": [
                {"distance": distances.name, **transfer.correlation(distances, scores, settings.seed),
                 **transfer.left_out(distances, scores)}
                for distances in each
            ],
            "chosen_by_others": transfer.chosen_by_others(each, scores),
            "several": scores.several,
        }  # fmt: skip
    return found


def _drawn(count: int, settings: SelectSettings) -> dict[int, np.ndarray]:
    """Random sets by size; the same for every distance."""
    draw = np.random.default_rng(settings.seed)
    return {
        k: np.array([np.sort(draw.choice(count, k, replace=False)) for _ in range(settings.draws)])
        for k in settings.counts
    }


def _choice(
    distances: Distances,
    k: int,
    drawn: np.ndarray,
    sources: Sequence[str],
    targets: Sequence[str],
    settings: SelectSettings,
    scores: Scores | None,
) -> dict[str, Any]:
    apart = distances.of(sources, targets)
    best = medoids(apart, k, settings.seed)
    costs = cost(apart, drawn)
    english = [place for place, code in enumerate(sources) if is_english(code)][:1]
    chosen = [sources[place] for place in best.sources]
    found = {
        "distance": distances.name,
        "k": k,
        "sources": chosen,
        "rows": shares(settings.rows, chosen),
        "targets_left_out": [code for code in targets if code in chosen],
        "exact": best.exact,
        "cost": best.cost,
        "random": _spread(costs),
        "random_as_good": 100 * float((costs <= best.cost + 1e-9).mean()),
        "english": float(cost(apart, np.array([english]))[0]) if english else None,
    }
    if scores is not None:
        found["transfer"] = _transfer(best.sources, drawn, english, sources, targets, scores)
    return found


def _spread(values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def _transfer(
    chosen: Sequence[int],
    drawn: np.ndarray,
    english: Sequence[int],
    sources: Sequence[str],
    targets: Sequence[str],
    scores: Scores,
) -> dict[str, Any] | None:
    """What single-source scores say of a set: the mean over its targets of the best of its sources.

    It stands in for a model trained on all of them, which only a real run can show. Targets that are sources of a set
    are left out of its mean. None where a source of the set has no scores.
    """
    table = np.full((len(sources), len(targets)), np.nan)
    for row, code in enumerate(scores.sources):
        for column, target in enumerate(scores.targets):
            if code in sources and target in targets:
                table[list(sources).index(code), list(targets).index(target)] = scores.values[row, column]
    own = np.array([[source == target for target in targets] for source in sources])
    known = ~np.isnan(table).all(axis=1)
    if not known[list(chosen)].all():
        return None

    def mean(sets: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            best = np.nanmax(np.where(np.isnan(table), -np.inf, table)[sets], axis=1)
            counted = np.isfinite(best) & ~own[sets].any(axis=1)
            found: np.ndarray = np.where(counted, best, 0).sum(axis=1) / counted.sum(axis=1)
        return found

    usable = drawn[known[drawn].all(axis=1)]
    value = float(mean(np.array([list(chosen)]))[0])
    others = mean(usable) if len(usable) else np.array([])
    observed = scores.several.get(PAIR.join(sorted(sources[place] for place in chosen)))
    return {
        "value": value,
        "random": _spread(others) if len(others) else None,
        "random_as_good": 100 * float((others >= value - 1e-9).mean()) if len(others) else None,
        "english": float(mean(np.array([list(english)]))[0]) if english and known[list(english)].all() else None,
        "observed": None if observed is None else float(np.mean([
            score for code, score in observed.items() if code in targets and code not in {sources[at] for at in chosen}
        ])),
    }  # fmt: skip


def _described(distances: Distances) -> dict[str, Any]:
    """A distance with the features that it rests on."""
    coverage = distances.coverage
    off = ~np.eye(len(distances.codes), dtype=bool)
    return {
        "name": distances.name,
        "codes": list(distances.codes),
        "values": np.round(distances.values, 4).tolist(),
        "replaced": list(distances.replaced),
        "mean_coverage": None if coverage is None else float(coverage[off].mean()),
        "coverage": None
        if coverage is None
        else {code: float(coverage[row][off[row]].mean()) for row, code in enumerate(distances.codes)},
    }

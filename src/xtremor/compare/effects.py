"""One contrast over one group of test sets: the difference, its interval, its tests, and what they decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xtremor.compare.balance import Balanced
from xtremor.compare.groups import Group
from xtremor.compare.resampled import Resampled
from xtremor.compare.table import ordered
from xtremor.errors import UserError
from xtremor.stats.corrections import benjamini_hochberg
from xtremor.stats.hierarchical import FEW, crossed_difference, fixed_difference, interval, p_value
from xtremor.stats.intervals import holm
from xtremor.stats.means import MeanDifference, Permutation, paired_t, permutation, welch
from xtremor.stats.tost import Equivalence, equivalence


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which runs of two systems are compared, and how.

    Attributes:
        paired: run by run.
        treatment, control: seeds, in the same order where paired.
        why: one sentence.
    """

    paired: bool
    treatment: tuple[str, ...]
    control: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A bootstrap of the difference: percentile interval and two-sided p-value."""

    low: float
    high: float
    p: float | None
    replicates: int


@dataclass(frozen=True)
class Effect:
    """Treatment minus control over one group.

    Attributes:
        group: what it is over.
        treatment, control: systems.
        values: run-level figures of treatment and control, in the order of ``pairing``.
        difference: with the t-test; None where an arm has one run.
        effect: the difference of means, also where there is no test.
        permutation: None likewise.
        bootstrap: over seeds and items; None without items, or with fewer than five runs in an arm.
        customary: over items with the seeds as they are, to be shown beside it.
        equivalence: None without a margin.
        adjusted: p-value after correction; of the difference.
        adjusted_equivalence: p-value of the equivalence after correction.
        correction: ``Holm`` or ``Benjamini-Hochberg``; empty before any.
        verdict: ``better``, ``worse``, ``equivalent``, ``cannot tell``, ``one seed`` or ``no spread``.
    """

    group: Group
    treatment: str
    control: str
    values: tuple[tuple[float, ...], tuple[float, ...]]
    pairing: Pairing
    difference: MeanDifference | None
    permutation: Permutation | None
    bootstrap: Redrawn | None = None
    customary: Redrawn | None = None
    equivalence: Equivalence | None = None
    adjusted: float | None = None
    adjusted_equivalence: float | None = None
    correction: str = ""
    verdict: str = ""

    @property
    def means(self) -> tuple[float, float]:
        """Of treatment and control."""
        return float(np.mean(self.values[0])), float(np.mean(self.values[1]))

    @property
    def effect(self) -> float:
        """Difference of the means."""
        return self.means[0] - self.means[1]


def pair(scores: Balanced, treatment: str, control: str, how: str, seeded: bool) -> Pairing:
    """Decide which runs are compared and whether seed by seed; ``how`` as in `CompareSettings.pair`.

    Raises:
        UserError: pairs were asked for, and there is none.
    """
    one, two = scores.seeds[treatment], scores.seeds[control]
    shared = ordered(set(one) & set(two))
    if how == "yes":
        if not shared or not seeded:
            raise UserError(f"--pair yes: '{treatment}' and '{control}' share no seed; leave the option out")
        left = len(one) + len(two) - 2 * len(shared)
        rest = f"; {left} other run{'s are' if left > 1 else ' is'} left out" if left else ""
        return Pairing(True, shared, shared, f"paired by seed, as asked{rest}")
    if how == "no":
        return Pairing(False, one, two, "not paired, as asked")
    if not seeded:
        return Pairing(False, one, two, "not paired: there is no column of seeds")
    if one == two:
        return Pairing(True, one, two, "paired by seed: both have the same seeds")
    if shared:
        why = f"not paired: they share {len(shared)} seeds, but have others too (--pair yes compares these alone)"
        return Pairing(False, one, two, why)
    return Pairing(False, one, two, "not paired: they share no seed")


def measure(
    scores: Balanced,
    group: Group,
    contrast: tuple[str, str],
    pairing: Pairing,
    resampled: Resampled | None,
    margin: float | None,
    alpha: float,
    seed: int,
    whole: bool,
) -> Effect:
    """All figures of one effect, before correction.

    Args:
        scores: the balanced table.
        group: what the figure is over.
        contrast: treatment, control.
        pairing: of the two.
        resampled: scores on redrawn items, or None.
        margin: of equivalence, or None.
        alpha: of the equivalence tests.
        seed: of the draws.
        whole: also the permutation test and the bootstraps, which single languages do without.
    """
    seeds = (pairing.treatment, pairing.control)
    columns = [_columns(scores.seeds[name], own) for name, own in zip(contrast, seeds, strict=True)]
    values = [scores.of(name, group.weights)[own] for name, own in zip(contrast, columns, strict=True)]
    test = paired_t if pairing.paired else welch
    difference = test(values[0], values[1])
    found = Effect(
        group,
        *contrast,
        (tuple(values[0].tolist()), tuple(values[1].tolist())),
        pairing,
        difference,
        permutation(values[0], values[1], pairing.paired, seed) if whole and difference else None,
        equivalence=equivalence(difference, margin, alpha) if difference and margin else None,
    )
    if resampled is None or not whole:
        return found
    drawn = [resampled.of(name, group.weights)[:, own] for name, own in zip(contrast, columns, strict=True)]
    customary = _redrawn(fixed_difference(drawn[0], drawn[1]), found.effect)
    if min(map(len, columns)) < FEW:
        return replace(found, customary=customary)
    runs = difference.runs if difference else ()
    crossed = crossed_difference(drawn[0], drawn[1], (values[0], values[1]), pairing.paired, seed)
    both = _redrawn(crossed, found.effect, runs)
    return replace(found, bootstrap=both, customary=customary)


def corrected(effects: Sequence[Effect], planned: bool, alpha: float) -> list[Effect]:
    """Correct a family for its size and decide: Holm where planned, Benjamini and Hochberg where exploratory."""
    adjust = holm if planned else benjamini_hochberg
    p_values = adjust([each.difference.p if each.difference else None for each in effects])
    alike = adjust([each.equivalence.p if each.equivalence else None for each in effects])
    name = "Holm" if planned else "Benjamini-Hochberg"
    found = [
        replace(each, adjusted=p, adjusted_equivalence=q, correction=name)
        for each, p, q in zip(effects, p_values, alike, strict=True)
    ]
    return [replace(each, verdict=_verdict(each, alpha)) for each in found]


def _verdict(effect: Effect, alpha: float) -> str:
    if effect.difference is None:
        return "one seed"
    if effect.adjusted is None:
        return "no spread"
    if effect.adjusted <= alpha:
        return "better" if effect.effect > 0 else "worse"
    if effect.adjusted_equivalence is not None and effect.adjusted_equivalence <= alpha:
        return "equivalent"
    return "cannot tell"


def _columns(seeds: Sequence[str], chosen: Sequence[str]) -> list[int]:
    return [seeds.index(seed) for seed in chosen]


def _redrawn(values: np.ndarray, estimate: float, runs: Sequence[int] = ()) -> Redrawn | None:
    found = interval(values, estimate, runs=runs)
    return Redrawn(found.low, found.high, p_value(values, runs), found.replicates) if found.replicates else None

"""The figure that decides a claim, from the run-level scores of two systems: nothing here is decided yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xtremor.compare.balance import Balanced, balance
from xtremor.compare.effects import Effect, Pairing, measure, pair
from xtremor.compare.groups import Group
from xtremor.compare.sentences import number, signed
from xtremor.compare.table import ScoreTable
from xtremor.errors import UserError
from xtremor.stats.association import FEWEST, association
from xtremor.stats.means import paired_t, welch
from xtremor.study.claims.binding import Missing, Pair, Tested, chosen, holds, worded
from xtremor.study.claims.claim import Claim, Where
from xtremor.study.claims.facts import FACTS, fact

if TYPE_CHECKING:
    from xtremor.stats.means import MeanDifference

ALPHA = 0.05


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        effect, low, high: the figure and its 95% interval.
        p: two-sided, against the threshold; None where nothing scatters.
        alike: p-value of the equivalence within the margin; None without one.
        above: whether the figure is above the threshold; for ``everywhere`` whether it is in all targets.
        what: what the figure is over, in words.
        runs: how many were compared, in words.
        notes: what a reader must know.
    """

    effect: float
    low: float
    high: float
    p: float | None
    alike: float | None
    above: bool
    what: str
    runs: str
    notes: tuple[str, ...] = ()


def measured(claim: Claim, found: Pair, table: ScoreTable, known: Sequence[Tested]) -> Measured:
    """Measure.

    Raises:
        Missing: no such target or language, one seed, or no finished run.
    """
    names = (found.treatment.name, found.control.name)
    _finished(table, names)
    try:
        scores = balance(table, names, english=True)
    except UserError as error:
        raise Missing(f"{error}") from error
    # Arms of a study share their seeds: where some are not in yet, the others are pairs all the same.
    shared = set(scores.seeds[names[0]]) & set(scores.seeds[names[1]])
    pairing = pair(scores, *names, "yes" if len(shared) > 1 else "auto", True)
    if min(len(pairing.treatment), len(pairing.control)) < 2:
        raise Missing("one seed: nothing says how far another seed would have moved the scores")
    work = _Work(claim, names, scores, pairing, {each.label: each for each in known})
    kinds = {"more-in": work.between, "everywhere": work.everywhere, "correlation": work.correlated}
    return kinds.get(claim.kind, work.over)()


def _finished(table: ScoreTable, names: tuple[str, str]) -> None:
    for name in names:
        if name not in table.systems:
            raise Missing(f"no run of '{name}' is finished yet")


@dataclass(frozen=True)
class _Work:
    claim: Claim
    names: tuple[str, str]
    scores: Balanced
    pairing: Pairing
    targets: Mapping[str, Tested]

    def over(self) -> Measured:
        """One mean over test sets."""
        members = self.members(self.claim.where)
        return self.told(self.effect(self.scores.weights(members)), self.claim.threshold, self.words(members))

    def between(self) -> Measured:
        """Difference of differences: over ``where`` minus over ``less``, run by run."""
        claim = self.claim
        assert claim.less is not None
        parts = []
        for where in (claim.where, claim.less):
            members = self.members(where)
            parts.append((self.scores.weights(members), self.words(members, where)))
        what = f"{parts[0][1]} minus {parts[1][1]}"
        return self.told(self.effect(parts[0][0] - parts[1][0]), claim.threshold, what)

    def everywhere(self) -> Measured:
        """Each target by itself; all of them must be above the threshold (an intersection-union test, Berger 1982)."""
        threshold = self.claim.threshold
        members = self.members(self.claim.where)
        tasks = list(dict.fromkeys(self.scores.tests[i].task for i in members))
        each = []
        for task in tasks:
            own = [i for i in members if self.scores.tests[i].task == task]
            each.append(self.told(self.effect(self.scores.weights(own)), threshold, task))
        worst = min(each, key=lambda one: one.effect)
        below = [one.p for one in each if not one.above and one.p is not None]
        if any(not one.above for one in each):
            # Of several that might contradict, each has its share of alpha.
            p = min(1.0, len(each) * min(below)) if below else None
        else:
            p = None if any(one.p is None for one in each) else max(one.p or 0.0 for one in each)
        shown = ", ".join(f"{one.what} {signed(one.effect)}" for one in each)
        what = f"the least of {len(each)} targets ({shown})" if len(each) > 1 else tasks[0]
        if len(each) > 1:
            return replace(worst, p=p, above=all(one.above for one in each), what=what)
        if worst.above:
            raise Missing(f"one target alone, {tasks[0]}, cannot stand for every target")
        return worst

    def correlated(self) -> Measured:
        """Rank correlation of the gain with a fact about languages."""
        claim = self.claim
        members = self.members(claim.where)
        values = fact(claim.against, [self.scores.tests[i].language for i in members])
        members = [i for i in members if self.scores.tests[i].language in values]
        codes = [self.scores.tests[i].language for i in members]
        if len(set(codes)) < FEWEST or len({values[code] for code in codes}) < 2:
            raise Missing(
                f"{len(set(codes))} languages with a known and differing {claim.against}; it takes {FEWEST} or more"
            )
        one, two = (
            self.scores.scores[name][[self.scores.seeds[name].index(seed) for seed in seeds]][:, members]
            for name, seeds in zip(self.names, (self.pairing.treatment, self.pairing.control), strict=True)
        )
        facts = np.array([values[code] for code in codes])
        tasks = [self.scores.tests[i].task for i in members]
        found = association(one, two, self.pairing.paired, facts, codes, tasks, claim.threshold)
        if found is None:
            raise Missing(f"no task has {FEWEST} languages in which gain and {claim.against} both vary")
        what = f"rank correlation of the gain with {claim.against} ({FACTS[claim.against]})"
        what += f" over {found.languages} languages"
        return Measured(
            found.rho,
            found.low,
            found.high,
            found.p,
            None,
            found.rho > claim.threshold,
            what,
            self.counted(),
            self.scores.notes,
        )

    def members(self, where: Where) -> list[int]:
        """Places of the test sets; raises Missing where there is none."""
        targets = {each.label for each in chosen(where, list(self.targets.values()))}
        found = [i for i, test in enumerate(self.scores.tests) if test.task in targets and holds(where, test.language)]
        if not found:
            said = worded(where) or "languages other than English"
            raise Missing(f"no test set of {', '.join(sorted(targets))} with {said} was scored for both arms")
        return found

    def effect(self, weights: np.ndarray) -> Effect:
        """Of a weighted sum of test sets."""
        group = Group("average", "", "", "", weights)
        return measure(self.scores, group, self.names, self.pairing, None, self.claim.margin, ALPHA, 0, whole=False)

    def told(self, effect: Effect, threshold: float, what: str) -> Measured:
        """An effect, tested against the threshold."""
        difference = effect.difference
        assert difference is not None
        test = paired_t if self.pairing.paired else welch
        shifted: MeanDifference | None = test(np.array(effect.values[0]) - threshold, effect.values[1])
        assert shifted is not None
        return Measured(
            effect=effect.effect, low=difference.low, high=difference.high, p=shifted.p,
            alike=effect.equivalence.p if effect.equivalence else None, above=effect.effect > threshold, what=what,
            runs=self.counted(), notes=self.scores.notes,
        )  # fmt: skip

    def words(self, members: Sequence[int], where: Where | None = None) -> str:
        """``panx and udpos, resource low, 12 languages``."""
        tests = [self.scores.tests[i] for i in members]
        tasks = " and ".join(dict.fromkeys(test.task for test in tests))
        more = worded(where or self.claim.where)
        count = len({test.language for test in tests})
        return ", ".join(filter(None, (tasks, more, f"{count} language{'' if count == 1 else 's'}")))

    def counted(self) -> str:
        """How many runs, and whether they are paired."""
        one, two = len(self.pairing.treatment), len(self.pairing.control)
        if self.pairing.paired:
            return f"{one} pairs of seeds"
        return f"{one} and {two} seeds"


def interval(found: Measured, points: bool = True) -> str:
    """``+0.52 (95% interval +0.11 to +0.93)``."""
    shown = signed if points else number
    return f"{shown(found.effect)} (95% interval {shown(found.low)} to {shown(found.high)})"


def unfinished(table: ScoreTable, found: Pair) -> Iterator[str]:
    """Caveats on systems of which runs are missing."""
    for system in (found.treatment, found.control):
        planned = len({cell.stage1_seed for cell in system.cells})
        there = len(table.seeds(system.name)) if system.name in table.systems else 0
        if there < planned:
            seeds = f"{there} of {planned} seeds of '{system.name}'"
            yield f"an early look: {seeds} are in, and no alpha was set aside for it"

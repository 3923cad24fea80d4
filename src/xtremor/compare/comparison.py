"""Everything that a comparison of systems says, in figures; the words are in `sentences` and `text`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xtremor.compare import groups
from xtremor.compare.balance import Balanced, balance
from xtremor.compare.effects import Effect, corrected, measure, pair
from xtremor.compare.folders import Items
from xtremor.compare.groups import Group
from xtremor.compare.resampled import Resampled, resample
from xtremor.compare.settings import CompareSettings
from xtremor.compare.table import ScoreTable
from xtremor.errors import UserError
from xtremor.stats.mixed import MixedModel, Score, mixed_model
from xtremor.stats.planning import sd_interval, seeds_for_equivalence, seeds_needed, smallest_effect
from xtremor.stats.shrinkage import Shrunk, moderated, own_variances, shrink
from xtremor.stats.variance import Components, components

# Fewest languages whose effects are shrunk towards each other.
SHRINKABLE = 4


@dataclass(frozen=True, slots=True)
class Seeds:
    """What it would take to see an effect, from the scatter of these very runs.

    Attributes:
        effect: that matters.
        needed: seeds an arm; None beyond 10,000.
        needed_low, needed_high: the same if the true scatter is at the ends of its 95% interval.
        smallest: effect that the runs at hand find with the wanted power.
        equivalence: seeds an arm that show equivalence within the margin where there is no difference; None without
            a margin or beyond 10,000.
    """

    effect: float
    needed: int | None
    needed_low: int | None
    needed_high: int | None
    smallest: float
    equivalence: int | None


@dataclass(frozen=True)
class Contrast:
    """A treatment against a control.

    Attributes:
        main: over the average.
        tasks: each task, where there are several.
        strata: strata and gaps, within tasks.
        languages: each test set.
        shrunk: task -> effects of its languages after shrinkage, in the order of ``languages``.
        seeds: what an effect would take; None where there is no scatter to judge by.
        mixed: the mixed model, where it was asked for.
        unfitted: why there is none, where it was.
    """

    main: Effect
    tasks: tuple[Effect, ...]
    strata: tuple[Effect, ...]
    languages: tuple[Effect, ...]
    shrunk: Mapping[str, Shrunk]
    seeds: Seeds | None
    mixed: MixedModel | None = None
    unfitted: str = ""


@dataclass(frozen=True)
class Comparison:
    """The result.

    Attributes:
        scores: what was compared, complete and without English.
        contrasts: in the planned order.
        variances: system -> task -> variance components, where there are two runs or more.
        alpha: that decides: of the settings, or of this look.
        family: how many tests Holm's correction counts.
        settings: as given.
        percent: whether effects are points of 100.
        notes: what a reader must know.
    """

    scores: Balanced
    contrasts: tuple[Contrast, ...]
    variances: Mapping[str, Mapping[str, Components]]
    alpha: float
    family: int
    settings: CompareSettings
    percent: bool
    notes: tuple[str, ...]


def compare(
    table: ScoreTable, settings: CompareSettings | None = None, items: Mapping[str, Items] | None = None
) -> Comparison:
    """Compare systems.

    The planned family, corrected by Holm, is every planned contrast on the average and, where strata were planned, on
    these. Everything else is exploratory and corrected by Benjamini and Hochberg: tasks, strata and gaps together,
    languages together. The t-test decides; permutation test and bootstrap are beside it.

    Args:
        table: run-level scores.
        settings: defaults where None.
        items: task -> the items behind the scores, which the bootstraps need.

    Raises:
        UserError: nothing to compare, unknown names, a look that was not planned.
    """
    settings = settings or CompareSettings()
    pairs = settings.pairs(table.systems)
    systems = [system for system in table.systems if any(system in names for names in pairs)]
    scores = balance(table, systems, settings.english)
    alpha = settings.level(min(len(seeds) for seeds in scores.seeds.values()))
    resampled = resample(items or {}, scores, settings.replicates, settings.seed)
    work = _Work(table, scores, settings, alpha, resampled)
    strata = groups.strata(scores, settings.strata)
    found = [
        work.measured(names, [groups.average(scores)], groups.tasks(scores), strata, groups.languages(scores))
        for names in pairs
    ]
    contrasts, family = _corrected(found, settings.strata is not None, alpha)
    contrasts = [work.finished(each) for each in contrasts]
    notes = (*table.notes, *scores.notes, *_notes(contrasts, bool(items), resampled is not None, settings))
    variances = {system: work.variances(system) for system in systems if len(scores.seeds[system]) > 1}
    return Comparison(scores, tuple(contrasts), variances, alpha, family, settings, table.percent, notes)


@dataclass(frozen=True)
class _Work:
    table: ScoreTable
    scores: Balanced
    settings: CompareSettings
    alpha: float
    resampled: Resampled | None

    def measured(self, names: tuple[str, str], *kinds: Sequence[Group]) -> Contrast:
        pairing = pair(self.scores, *names, self.settings.pair, self.table.seeded)

        def effects(each: Sequence[Group]) -> tuple[Effect, ...]:
            return tuple(
                measure(
                    self.scores, group, names, pairing, self.resampled, self.settings.margin, self.alpha,
                    self.settings.seed, group.kind != "language",
                )
                for group in each
            )  # fmt: skip

        main, tasks, strata, languages = map(effects, kinds)
        return Contrast(main[0], tasks, strata, languages, {}, None)

    def finished(self, contrast: Contrast) -> Contrast:
        """With what does not depend on corrections."""
        found = replace(contrast, shrunk=self.shrunk(contrast), seeds=self.seeds(contrast.main))
        if not self.settings.mixed:
            return found
        try:
            return replace(found, mixed=mixed_model(self._rows(contrast.main)))
        except UserError as error:
            return replace(found, unfitted=str(error))

    def seeds(self, main: Effect) -> Seeds | None:
        test, wanted = main.difference, self.settings
        if test is None or test.p is None:
            return None
        # Seeds for the scatter as measured, and at either end of its interval.
        ratios = (1.0, *sd_interval(1.0, test.freedom))
        needed, low, high = (
            seeds_needed(wanted.effect, [sd * ratio for sd in test.sds], wanted.power, self.alpha) for ratio in ratios
        )
        smallest = smallest_effect(test.sds, test.runs, wanted.power, self.alpha)
        alike = seeds_for_equivalence(wanted.margin, test.sds, wanted.power, self.alpha) if wanted.margin else None
        return Seeds(wanted.effect, needed, low, high, smallest, alike)

    def shrunk(self, contrast: Contrast) -> dict[str, Shrunk]:
        """Effects of languages shrunk towards each other, task by task."""
        found = {}
        for task in self.scores.tasks:
            members = [place for place, test in enumerate(self.scores.tests) if test.task == task]
            own = self._errors(contrast.main, members)
            if own is None:
                continue
            effects = [contrast.languages[place].effect for place in members]
            found[task] = shrink(effects, own[0].tolist(), own[1])
        return found

    def _errors(self, main: Effect, members: Sequence[int]) -> tuple[np.ndarray, float] | None:
        """Error variance of each language's effect, and of what they share; None where they cannot be estimated."""
        if main.difference is None or len(members) < SHRINKABLE:
            return None
        one, two = (
            self.scores.scores[name][[self.scores.seeds[name].index(seed) for seed in seeds]][:, members]
            for name, seeds in (
                (main.treatment, main.pairing.treatment),
                (main.control, main.pairing.control),
            )
        )
        parts = [one - two] if main.pairing.paired else [one, two]
        own, common = np.zeros(len(members)), 0.0
        for part in parts:
            variances, freedom = own_variances(part)
            own += moderated(variances, freedom) / len(part)
            common += components(part).seed ** 2 / len(part)
        return (own, common) if (own > 0).all() else None

    def variances(self, system: str) -> dict[str, Components]:
        found = {}
        for task in self.scores.tasks:
            members = np.array([place for place, test in enumerate(self.scores.tests) if test.task == task])
            own = components(self.scores.scores[system][:, members])
            if self.resampled is not None:
                noise, whole = self.resampled.item_noise(system, members)
                own = replace(own, items=noise, test_set=whole)
            found[task] = own
        return found

    def _rows(self, main: Effect) -> list[Score]:
        strata = {
            group.value: group.weights
            for group in groups.strata(self.scores)
            if group.scheme.startswith(groups.RESOURCE)
        }
        sides = ((main.treatment, main.pairing.treatment), (main.control, main.pairing.control))
        return [
            Score(
                name == main.treatment,
                f"{name} {seed}",
                test.task,
                test.language,
                float(self.scores.scores[name][self.scores.seeds[name].index(seed), place]),
                next((value for value in ("low", "other") if value in strata and strata[value][place]), ""),
            )
            for name, seeds in sides
            for seed in seeds
            for place, test in enumerate(self.scores.tests)
        ]


def _corrected(found: Sequence[Contrast], planned_strata: bool, alpha: float) -> tuple[list[Contrast], int]:
    """Correct the three families over all contrasts, and put everything back in its place."""
    planned: list[Effect] = [each.main for each in found]
    exploratory: list[Effect] = [effect for each in found for effect in each.tasks]
    strata = [effect for each in found for effect in each.strata]
    (planned if planned_strata else exploratory).extend(strata)
    families = (
        corrected(planned, True, alpha),
        corrected(exploratory, False, alpha),
        corrected([effect for each in found for effect in each.languages], False, alpha),
    )
    sure, loose, languages = (iter(each) for each in families)
    contrasts = [replace(each, main=next(sure)) for each in found]
    contrasts = [replace(each, tasks=tuple(next(loose) for _ in each.tasks)) for each in contrasts]
    rest = sure if planned_strata else loose
    contrasts = [replace(each, strata=tuple(next(rest) for _ in each.strata)) for each in contrasts]
    contrasts = [replace(each, languages=tuple(next(languages) for _ in each.languages)) for each in contrasts]
    return contrasts, sum(each.adjusted is not None for each in families[0])


def _notes(contrasts: Sequence[Contrast], items: bool, redrawn: bool, settings: CompareSettings) -> list[str]:
    fewest = min(min(map(len, each.main.values)) for each in contrasts)
    notes = []
    if 2 <= fewest < 5:
        notes.append(
            f"With {fewest} seeds in an arm every run is shown; t-intervals assume that seeds scatter normally, "
            "which so few cannot check, and a bootstrap over them misses too often, so there is none."
        )
    if not items and settings.replicates and fewest >= 5:
        notes.append("Without predictions there is no bootstrap over items: intervals are over training seeds only.")
    elif items and not redrawn and settings.replicates:
        notes.append("Some run keeps no predictions, so there is no bootstrap over items.")
    for each in contrasts:
        test = each.main.permutation
        if test and test.smallest > settings.alpha:
            notes.append(
                f"The permutation test cannot fall below p = {test.smallest:.3g} with so few runs "
                f"({each.main.treatment} against {each.main.control})."
            )
        notes += _gaps_from_above(each)
    return list(dict.fromkeys(notes))


def _gaps_from_above(contrast: Contrast) -> list[str]:
    """A gap between strata that grew because the other one lost more than the first gained is said to have."""
    known = {(each.group.task, each.group.scheme, each.group.value): each.effect for each in contrast.strata}
    found = []
    for each in contrast.strata:
        pair = groups.gap_of(each.group.scheme)
        if each.group.kind != "gap" or each.verdict != "better" or pair is None:
            continue
        where, (low, other) = (each.group.task, each.group.scheme), pair
        gained, lost = known[*where, low], -known[*where, other]
        if lost > max(gained, 0.0):
            found.append(
                f"{each.treatment} − {each.control}: the gap {each.group.value} ({each.group.scheme}) of "
                f"{each.group.task} grew by {each.effect:.2f} because {each.group.scheme} {other} lost {lost:.2f}; "
                f"{each.group.scheme} {low} changed by {gained:+.2f}. That is a loss, not a gain that spread."
            )
    return found

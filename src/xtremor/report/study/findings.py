"""The statistics of a study: its planned contrasts compared by `xtremor.compare`, and what each arm scored.

Three nested families, each corrected by Holm: the primary contrasts among themselves; all planned contrasts; all of
these with the planned strata. A primary contrast is judged in the first, a secondary one in the second, a stratum in
the third: looking at strata costs the primary question nothing. Each family is what `xtremor compare` gives for the
same scores, contrasts and strata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from xtremor.compare.comparison import Comparison, Contrast, compare
from xtremor.compare.effects import Effect
from xtremor.compare.folders import Loaded, RunKey, Source, of_sources
from xtremor.compare.settings import CompareSettings
from xtremor.compare.studies import source_of
from xtremor.compare.table import Row, ScoreTable, Target
from xtremor.errors import UserError, unknown
from xtremor.report.study.material import Material, Run, labelled_in
from xtremor.stats.hierarchical import FEW
from xtremor.stats.intervals import Estimate, t_interval

ITEMS = ("auto", "yes", "no")
# Scored items of all runs up to which predictions are read unasked: seconds. A large grid's take long, and memory.
AUTO_ITEMS = 1_500_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned contrast between two systems: treatment minus control."""

    treatment: str
    control: str
    role: str

    @property
    def name(self) -> str:
        """``freelb-2 − noise-k2``."""
        return f"{self.treatment} − {self.control}"


@dataclass(frozen=True)
class Findings:
    """What the statistics say.

    Attributes:
        table: scores, second stages on one first stage averaged.
        planned: contrasts that can be compared.
        waiting: planned contrasts one side of which has no finished run.
        primary, every, strata: the three families; None where there is none.
        refused: why nothing could be compared, where that is so.
        notes: what a reader must know.
    """

    table: ScoreTable
    planned: tuple[Planned, ...]
    waiting: tuple[Planned, ...]
    primary: Comparison | None
    every: Comparison | None
    strata: Comparison | None
    refused: str = ""
    notes: tuple[str, ...] = ()

    def family(self, planned: Planned) -> Comparison:
        """The comparison that judges a contrast on the average."""
        found = self.primary if planned.role == "primary" else self.every
        assert found is not None
        return found

    def main(self, planned: Planned) -> Contrast:
        """The contrast in the family that judges it."""
        return _of(self.family(planned), planned)

    def wide(self, planned: Planned) -> Contrast:
        """The same with tasks and languages, corrected over all contrasts."""
        assert self.every is not None
        return _of(self.every, planned)

    def by_stratum(self, planned: Planned) -> tuple[Effect, ...]:
        """Effects by stratum, corrected in the family of strata."""
        found = self.strata or self.every
        return () if found is None else _of(found, planned).strata

    def effects(self, planned: Planned) -> list[Effect]:
        """Overall, by task, by stratum."""
        return [self.main(planned).main, *self.wide(planned).tasks, *self.by_stratum(planned)]


def _of(comparison: Comparison, planned: Planned) -> Contrast:
    names = (planned.treatment, planned.control)
    return next(each for each in comparison.contrasts if (each.main.treatment, each.main.control) == names)


def find(study: Material, items: str = "auto", replicates: int = 2000, seed: int = 0) -> Findings:
    """Compare the planned contrasts of a study.

    Args:
        study: what was read.
        items: ``yes`` reads the predictions for the bootstrap over seeds and items, ``no`` does not; ``auto`` does
            where there are seeds enough for it and not more than `AUTO_ITEMS` items.
        replicates: of the bootstrap.
        seed: of all draws.

    Raises:
        UserError: another word for ``items``, or runs that do not belong together.
    """
    if items not in ITEMS:
        raise unknown("--items", items, ITEMS)
    planned, waiting = contrasts(study)
    loaded, notes = _load(study, planned, items)
    notes += tuple(_left_out(study))
    every, refused = _compared(loaded, study, planned, replicates, seed)
    if every is None:
        # Of a half-finished study one contrast may have nothing in common yet, which need not stop the others.
        alone = [each for each in planned if _compared(Loaded(loaded.table, {}), study, [each], 0, seed)[0]]
        waiting += [each for each in planned if each not in alone]
        planned = alone
        every, again = _compared(loaded, study, planned, replicates, seed)
        refused = again or refused
    if every is None:
        return Findings(loaded.table, (), tuple(waiting + planned), None, None, None, refused, notes)
    first = [each for each in planned if each.role == "primary"]
    primary = every if len(first) == len(planned) else _compared(loaded, study, first, replicates, seed)[0]
    strata = None
    if study.design["strata"]:
        strata, why = _compared(Loaded(loaded.table, {}), study, planned, 0, seed, tuple(study.design["strata"]))
        notes += (why,) if strata is None else ()
    return Findings(loaded.table, tuple(planned), tuple(waiting), primary, every, strata, notes=notes)


def _left_out(study: Material) -> Iterator[str]:
    for task in study.tasks:
        codes = labelled_in(study.plan, task)
        if codes:
            yield f"Left out on {task} for all arms, because one was trained on their labels: {', '.join(codes)}."


def _compared(
    loaded: Loaded,
    study: Material,
    planned: Sequence[Planned],
    replicates: int,
    seed: int,
    strata: tuple[str, ...] | None = None,
) -> tuple[Comparison | None, str]:
    """A family, or why there is none."""
    if not planned:
        return None, ""
    try:
        return compare(loaded.table, settings(study, planned, replicates, seed, strata), loaded.items), ""
    except UserError as error:
        return None, str(error)


def settings(
    study: Material, planned: Sequence[Planned], replicates: int, seed: int = 0, strata: tuple[str, ...] | None = None
) -> CompareSettings:
    """What the study file says: contrasts, the effect that matters, the margin of equivalence."""
    assumed = study.design["assumed"]
    return CompareSettings(
        contrasts=tuple((each.treatment, each.control) for each in planned),
        strata=strata,
        # Neither need be stated; an effect of 0 has no number of seeds.
        effect=assumed["effect"] or CompareSettings.effect,
        margin=assumed["margin"] or None,
        replicates=replicates,
        seed=seed,
    )


def contrasts(study: Material) -> tuple[list[Planned], list[Planned]]:
    """The planned contrasts as pairs of systems (`Plan.contrasts`): those with runs on both sides, and the others."""
    names = {(run.cell.encoder, run.cell.intermediate, run.cell.arm): run.system for run in study.runs}
    there: list[Planned] = []
    waiting: list[Planned] = []
    for told, one, two in study.plan.contrasts():
        if one in names and two in names:
            there.append(Planned(names[one], names[two], told["role"]))
        else:
            waiting.append(Planned(told["treatment"], told["control"], told["role"]))
    return there, list(dict.fromkeys(waiting))


def _load(study: Material, planned: Sequence[Planned], items: str) -> tuple[Loaded, tuple[str, ...]]:
    """The scores, with the items behind them where they are wanted."""
    many = sum(sum(run.items.values()) for run in study.runs)
    systems = {name for each in planned for name in (each.treatment, each.control)}
    seeds = [len({run.cell.stage1_seed for run in study.of(name)}) for name in systems]
    enough = bool(seeds) and min(seeds) >= FEW
    if items == "yes" or (items == "auto" and enough and many <= AUTO_ITEMS):
        labelled = {task: labelled_in(study.plan, task) for task in study.tasks}
        found = of_sources([_source(study, run, labelled[run.cell.task]) for run in study.runs])
        return found, ()
    said = f"Predictions were not read ({many:,} items): `--items yes` adds the bootstrap over seeds and items."
    return Loaded(score_table(study), {}), (said,) if enough and items == "auto" else ()


def score_table(study: Material, runs: Sequence[Run] | None = None) -> ScoreTable:
    """Every score of some runs, or of all by the primary rule, as `xtremor results` has it."""
    rows = (
        Row(run.system, Target(run.cell.task, code), _seeds(run)[0], score, _seeds(run)[1], run.cell.evaluation)
        for run in (study.runs if runs is None else runs)
        for code, score in run.scores.items()
    )
    return ScoreTable.of(rows, percent=True)


def by_rule(study: Material, findings: Findings) -> dict[str, Comparison]:
    """Checkpoint rule -> the planned contrasts by it, beside the primary rule; one that cannot be compared is absent.

    Each is corrected by itself: another rule is another look at the same runs, and decides nothing.
    """
    found = {}
    for rule in dict.fromkeys(run.cell.checkpoint for run in study.beside):
        own = [run for run in study.beside if run.cell.checkpoint == rule]
        there = {run.system for run in own}
        planned = [each for each in findings.planned if {each.treatment, each.control} <= there]
        compared, _ = _compared(Loaded(score_table(study, own), {}), study, planned, 0, 0)
        if compared is not None:
            found[rule] = compared
    return found


def _seeds(run: Run) -> tuple[str, str]:
    return str(run.cell.stage1_seed), str(run.cell.stage2_seed)


def _source(study: Material, run: Run, labelled: tuple[str, ...]) -> Source:
    place, metric = study.store.stages / run.cell.evaluation, str(run.scored["metric"])
    own = source_of(run.cell, place, metric, run.scores, labelled)
    return replace(own, key=RunKey(run.system, *_seeds(run)))


def by_seed(study: Material, system: str, task: str | None = None) -> dict[int, float]:
    """Stage-1 seed -> mean over the languages of a task and over its second stages; over all tasks where None.

    A seed that lacks a task of the study is left out of the mean over tasks.
    """
    tasks = study.tasks if task is None else (task,)
    each = []
    for name in tasks:
        own: dict[int, list[float]] = {}
        for run in study.of(system, name):
            own.setdefault(run.cell.stage1_seed, []).append(run.mean)
        each.append({seed: fmean(values) for seed, values in own.items()})
    shared = sorted(set.intersection(*(set(found) for found in each)))
    return {seed: fmean(found[seed] for found in each) for seed in shared}


def estimate(study: Material, system: str, task: str | None = None) -> Estimate | None:
    """Mean and t-interval over stage-1 seeds; None without a seed."""
    values = list(by_seed(study, system, task).values())
    return t_interval(values) if values else None


def cell_mean(study: Material, system: str, task: str, code: str) -> float | None:
    """Mean over seeds, each the mean of its second stages, of one language; None where it was not scored."""
    own: dict[int, list[float]] = {}
    for run in study.of(system, task):
        if code in run.scores:
            own.setdefault(run.cell.stage1_seed, []).append(run.scores[code])
    return fmean(map(fmean, own.values())) if own else None


def reference(findings: Findings) -> Planned | None:
    """The contrast that charts of languages are about: the first primary one, else the first."""
    ordered = sorted(findings.planned, key=lambda each: each.role != "primary")
    return ordered[0] if ordered else None

"""The figures of a report: one summary per arm, contrasts between arms, strata of languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from xtremor.languages import is_english
from xtremor.report import lineage
from xtremor.report.collect import Collection
from xtremor.report.groups import groups, headline_codes
from xtremor.report.places import Place
from xtremor.report.records import Run
from xtremor.stats.intervals import (
    Difference,
    Estimate,
    Share,
    holm,
    mean_over_seeds,
    paired_difference,
    share_improved,
    t_interval,
    worst_language,
)


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One row of the summary.

    Attributes:
        arm: label.
        role: ``plain``, ``noise``, ``robust`` or ``frozen``.
        seeds: ascending.
        average: macro mean without English.
        english: score on English, None when English was not scored.
        low: macro mean over languages of Joshi class 0 to 2, None when there are none.
        improved: languages that score above the plain arm's (means over shared seeds), None for plain itself.
        worst: lowest language and its mean score.
        passes: counted passes per weight update as (forward, to activations, to weights); None when unknown.
        passes_ratio: all passes relative to plain's.
        time_ratio: training seconds relative to plain's.
        seconds: mean training seconds.
    """

    arm: str
    role: str
    seeds: tuple[int, ...]
    average: Estimate
    english: Estimate | None
    low: Estimate | None
    improved: Share | None
    worst: tuple[str, float] | None
    passes: tuple[float, float, float] | None
    passes_ratio: float | None
    time_ratio: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Contrast:
    """Treatment minus control on the macro mean without English.

    Attributes:
        treatment: arm.
        control: arm.
        against: ``plain`` (the reference arm), ``standard`` (the same stages, all plain) or ``noise``.
        difference: paired by seed; None when the arms share no seed.
        holm: p-value adjusted for all contrasts of the report.
    """

    treatment: str
    control: str
    against: str
    difference: Difference | None
    holm: float | None


@dataclass(frozen=True, slots=True)
class Stratum:
    """A group of languages.

    Attributes:
        scheme: ``all``, ``joshi``, ``script`` or ``seen``.
        label: for people.
        codes: languages, at least one.
        items: scored items in all of them together.
        means: arm -> macro mean over these languages.
        differences: arm -> difference to plain, empty without a plain arm.
    """

    scheme: str
    label: str
    codes: tuple[str, ...]
    items: int
    means: Mapping[str, Estimate]
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that the page says in figures. ``plain`` is the reference arm's label, None without one."""

    plain: str | None
    arms: tuple[ArmSummary, ...]
    contrasts: tuple[Contrast, ...]
    strata: tuple[Stratum, ...]

    def arm(self, label: str) -> ArmSummary:
        """The summary of one arm."""
        return next(each for each in self.arms if each.arm == label)

    @property
    def trained(self) -> tuple[ArmSummary, ...]:
        """Arms that were trained, in order."""
        return tuple(each for each in self.arms if each.role != "frozen")

    @property
    def frozen(self) -> ArmSummary | None:
        """The frozen baseline, None without one."""
        return next((each for each in self.arms if each.role == "frozen"), None)


def summarise(runs: Collection, places: Mapping[str, Place]) -> Summary:
    """Compute every figure of a report. Arms without a language other than English give their English score."""
    plain = reference(runs)
    arms = tuple(_arm(runs, arm, plain, places) for arm in runs.arms)
    return Summary(plain, arms, _contrasts(runs, plain), _strata(runs, plain, places))


def reference(runs: Collection) -> str | None:
    """The arm that others are compared with: the one labelled ``plain``, else the first trained plainly."""
    plains = [arm for arm in runs.arms if runs.of(arm)[0].role == "plain"]
    return "plain" if "plain" in plains else (plains[0] if plains else None)


def means(runs: Collection, arm: str, codes: Sequence[str]) -> dict[int, float]:
    """Seed -> macro mean of an arm's runs over ``codes``; the caller chooses the codes, English or not."""
    return {run.seed: fmean(run.scores[code] for code in codes) for run in runs.of(arm)}


def twin(runs: Collection, arm: str) -> str | None:
    """The random-noise arm that differs least from a robust arm: equal radius, then equal steps, weigh most.

    Both were perturbed in the same stages of training.
    """
    own = runs.of(arm)[0]
    method = own.treatment
    averaged = method["name"] == "freelb"

    def likeness(label: str) -> tuple[bool, bool, bool]:
        other = runs.of(label)[0].treatment
        alike = [other.get(key) == method.get(key) for key in ("radius", "steps")]
        return alike[0], (other["name"] == "noise-k") == averaged, alike[1]

    noises = [runs.of(label)[0] for label in runs.arms if runs.of(label)[0].role == "noise"]
    alike = [run.arm for run in noises if lineage.treated(run.info) == lineage.treated(own.info)]
    return max(alike, key=likeness, default=None)


def standard(runs: Collection, arm: str) -> str | None:
    """The arm with the same stages of training, all of them plain; None where there is none, or no earlier stage."""
    own = runs.of(arm)[0].info
    wanted = tuple((task, True) for task, _ in lineage.treated(own))
    if len(wanted) == 1 or lineage.treated(own) == wanted:
        return None
    return next((label for label in runs.arms if lineage.treated(runs.of(label)[0].info) == wanted), None)


def _arm(runs: Collection, arm: str, plain: str | None, places: Mapping[str, Place]) -> ArmSummary:
    own = runs.of(arm)
    low = [code for code in headline_codes(runs) if places[code].low_resource]
    english = [code for code in runs.languages if is_english(code)]
    scores = mean_over_seeds([run.scores for run in own])
    base = runs.of(plain) if plain else []
    shared = {run.seed for run in own} & {run.seed for run in base}
    improved = None
    if plain and arm != plain and shared:
        kept = [[_on(runs, run) for run in each if run.seed in shared] for each in (own, base)]
        improved = share_improved(mean_over_seeds(kept[0]), mean_over_seeds(kept[1]))
    seconds, base_seconds = _seconds(own), _seconds(base)
    passes, base_passes = _passes(own), _passes(base)
    trained = own[0].role != "frozen"
    return ArmSummary(
        arm,
        own[0].role,
        tuple(run.seed for run in own),
        t_interval(list(means(runs, arm, headline_codes(runs)).values())),
        t_interval(list(means(runs, arm, english).values())) if english else None,
        t_interval(list(means(runs, arm, low).values())) if low else None,
        improved,
        worst_language({code: scores[code] for code in runs.languages}),
        _per_update(own) if trained else None,
        passes / base_passes if trained and passes and base_passes else None,
        seconds / base_seconds if trained and seconds and base_seconds else None,
        seconds,
    )


def _on(runs: Collection, run: Run) -> dict[str, float]:
    return {code: run.scores[code] for code in runs.languages}


def _seconds(runs: Sequence[Run]) -> float | None:
    known = [float((run.info.get("seconds") or {}).get("training") or 0) for run in runs]
    return fmean(known) if known and all(known) else None


_PASSES = ("forward", "backward_activations", "backward_weights")


def _passes(runs: Sequence[Run]) -> float | None:
    sums = [sum((run.info.get("counts") or {}).get(key) or 0 for key in _PASSES) for run in runs]
    return fmean(sums) if sums and all(sums) else None


def _per_update(runs: Sequence[Run]) -> tuple[float, float, float] | None:
    counts = [run.info.get("counts") or {} for run in runs]
    if not counts or not all(each.get("updates") for each in counts):
        return None
    first, second, third = (fmean((each.get(key) or 0) / each["updates"] for each in counts) for key in _PASSES)
    return first, second, third


def _contrasts(runs: Collection, plain: str | None) -> tuple[Contrast, ...]:
    codes = headline_codes(runs)
    pairs: list[tuple[str, str, str]] = []
    for arm in runs.arms:
        if plain and arm != plain and runs.of(arm)[0].role != "frozen":
            pairs.append((arm, plain, "plain"))
    for arm in runs.arms:
        control = standard(runs, arm)
        if control and control != plain:
            pairs.append((arm, control, "standard"))
    for arm in runs.arms:
        control = twin(runs, arm) if runs.of(arm)[0].role == "robust" else None
        if control:
            pairs.append((arm, control, "noise"))
    found = [paired_difference(means(runs, one, codes), means(runs, two, codes)) for one, two, _ in pairs]
    adjusted = holm([each.p if each else None for each in found])
    return tuple(Contrast(*pair, each, p) for pair, each, p in zip(pairs, found, adjusted, strict=True))


def _strata(runs: Collection, plain: str | None, places: Mapping[str, Place]) -> tuple[Stratum, ...]:
    return tuple(_stratum(runs, plain, *group) for group in groups(runs, places))


def _stratum(runs: Collection, plain: str | None, scheme: str, label: str, codes: tuple[str, ...]) -> Stratum:
    by_arm = {arm: means(runs, arm, codes) for arm in runs.arms}
    differences: dict[str, Difference] = {}
    for arm, values in by_arm.items():
        trained = runs.of(arm)[0].role != "frozen"
        found = paired_difference(values, by_arm[plain]) if plain and arm != plain and trained else None
        if found:
            differences[arm] = found
    averages = {arm: t_interval(list(values.values())) for arm, values in by_arm.items()}
    return Stratum(scheme, label, codes, sum(runs.items(code) for code in codes), averages, differences)

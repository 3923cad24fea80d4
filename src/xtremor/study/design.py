"""What a study is: frozen dataclasses that a TOML file maps onto (`xtremor.study.reading`), checked as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from xtremor.computing import PRECISIONS
from xtremor.errors import UserError, unknown
from xtremor.evaluation.rules import LAST, check_count, parse_rule
from xtremor.study.settings import Settings

ROLES = ("primary", "secondary")
KEEP = ("needed", "always")
# Ids of stage-1 seeds are below this, so that no two pairs of seeds train a target alike.
SEEDS = 1000


@dataclass(frozen=True)
class Seeds:
    """Seeds of a study.

    Attributes:
        stage1: the replicates: each has an intermediate stage of its own in every arm that has one.
        stage2: runs on a target from each of them, nested in it.
    """

    stage1: tuple[int, ...] = (1, 2, 3, 4, 5)
    stage2: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        for name, values in asdict(self).items():
            if not values or len(set(values)) < len(values):
                raise UserError(f"seeds.{name} must name seeds, each once, not {list(values)}")
            if not all(1 <= value < SEEDS for value in values):
                raise UserError(f"seeds.{name}: seeds go from 1 to {SEEDS - 1}, not {list(values)}")

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every stage-1 seed with every stage-2 seed."""
        return [(first, second) for first in self.stage1 for second in self.stage2]


def target_seed(first: int, second: int) -> int:
    """The training seed of a target: the same in every arm, so that arms are paired by it."""
    return first + SEEDS * (second - 1)


@dataclass(frozen=True)
class Intermediate:
    """A task of the first stage, or several between commas at once, with what of the recipe is its own."""

    task: str
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Arm:
    """One treatment.

    Attributes:
        name: of the arm.
        stage1: method and recipe of the intermediate stage; None has none.
        stage2: method and recipe on the targets.
        match_compute: name of an arm whose counted passes this one makes, its schedule stretched.
    """

    name: str
    stage1: Settings | None = None
    stage2: Settings = field(default_factory=Settings)
    match_compute: str | None = None


@dataclass(frozen=True)
class Target:
    """A target task, and what of it is scored.

    Attributes:
        task: name of the task.
        split: that is scored; None is the task's first.
        languages: codes; empty is every language of the task.
        limit: first rows of each language; None is all.
        generalized: score ordered pairs of languages (xnli, pawsx).
        scoring_precision: of products where it is scored, ``fp32`` or ``bf16``.
        settings: what of the recipe is its own.
    """

    task: str
    split: str | None = None
    languages: tuple[str, ...] = ()
    limit: int | None = None
    generalized: bool = False
    scoring_precision: str = "fp32"
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UserError(f"targets: limit of {self.task} must be at least 1, not {self.limit}")
        if self.scoring_precision not in PRECISIONS:
            raise UserError(
                f"targets: scoring-precision of {self.task}: {unknown('value', self.scoring_precision, PRECISIONS)}"
            )


@dataclass(frozen=True)
class Contrast:
    """A planned comparison: treatment minus control.

    Attributes:
        treatment, control: names of arms.
        role: ``primary`` or ``secondary``.
    """

    treatment: str
    control: str
    role: str = "primary"


@dataclass(frozen=True)
class Keep:
    """Whose models stay on the disk: ``needed`` drops them when nothing of the study is left that reads them."""

    intermediate: str = "needed"
    target: str = "needed"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value not in KEEP:
                raise UserError(f"keep.{name}: {unknown('value', value, KEEP)}")


@dataclass(frozen=True)
class Assumed:
    """What the power of the study is judged by until variances have been measured; points.

    Attributes:
        sd_seed: standard deviation over seeds that all languages share.
        sd_language: further one of each language by itself.
        effect: the effect that matters.
        margin: of equivalence.
    """

    sd_seed: float = 0.4
    sd_language: float = 0.6
    effect: float = 0.6
    margin: float = 0.5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value < 100:
                raise UserError(f"assumed.{name} is in points, from 0 to below 100, not {value}")


@dataclass(frozen=True)
class Study:
    """A study; `check` has been called on one that was read from a file.

    Attributes:
        name: of the study; also of its folder.
        about: one line.
        encoders: by name or folder.
        data: folder of the files of all tasks; None for the starter's tasks.
        intermediate: tasks of the first stage; every arm that has one is crossed with them.
        stage1, stage2: recipe and method of each stage where neither task nor arm says otherwise.
        arms, targets, seeds, contrasts: see there.
        strata: names of strata that will be looked at (`xtremor.languages.strata`).
        claims: that the study is to decide, as tables of a ledger (`xtremor.study.claims.reading`).
        checkpoints: rules by which a run's scores are taken (`xtremor.evaluation.rules`); the first is primary.
        snapshots: that a run on a target keeps where a rule needs some.
        trackers: that trainings and evaluations tell their figures; no part of what they are.
        assumed: see there.
        keep: see there.
        store: folder of the stages; None is ``store`` in the study's folder.
        threads: of every run, on the CPU; part of what a stage is, because it changes sums.
        scale: ``full``, or ``tiny`` for a rehearsal.
    """

    name: str
    encoders: tuple[str, ...]
    arms: tuple[Arm, ...]
    targets: tuple[Target, ...]
    about: str = ""
    data: str | None = None
    intermediate: tuple[Intermediate, ...] = ()
    stage1: Settings = field(default_factory=Settings)
    stage2: Settings = field(default_factory=Settings)
    seeds: Seeds = field(default_factory=Seeds)
    contrasts: tuple[Contrast, ...] = ()
    strata: tuple[str, ...] = ()
    claims: tuple[dict[str, Any], ...] = ()
    checkpoints: tuple[str, ...] = (LAST,)
    snapshots: int = 10
    trackers: tuple[str, ...] = ()
    assumed: Assumed = field(default_factory=Assumed)
    keep: Keep = field(default_factory=Keep)
    store: str | None = None
    threads: int = 1
    scale: str = "full"

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def design(self) -> dict[str, Any]:
        """What the study asks, in plain values: all of it but where things lie and how they are run."""
        told = asdict(self)
        unsaid = [name for name, said in (("snapshots", self.kept), ("claims", self.claims)) if not said]
        for name in ("data", "store", "keep", "about", "trackers", *unsaid):
            del told[name]
        # Plans that were frozen before there was a choice keep their hash.
        for target in told["targets"]:
            if target["scoring_precision"] == "fp32":
                del target["scoring_precision"]
        return told

    @property
    def kept(self) -> int | None:
        """Snapshots of every run on a target; None where the last step is all that is scored."""
        return None if self.checkpoints == (LAST,) else self.snapshots

    def check(self) -> None:
        """Raise UserError for what cannot be a study whatever the data."""
        _once([arm.name for arm in self.arms], "arms", "arm")
        _once([each.task for each in self.intermediate], "intermediate", "task")
        _once(self.encoders, "encoder", "encoder")
        _once([(each.task, each.split, each.generalized) for each in self.targets], "targets", "task")
        if self.threads < 1:
            raise UserError(f"threads must be at least 1, not {self.threads}")
        self._check_arms()
        self._check_contrasts()
        self._check_checkpoints()
        from xtremor.tracking.names import check_names

        check_names(self.trackers, "trackers")
        from xtremor.languages import schemes

        for name in self.strata:
            if name not in schemes():
                raise UserError(f"strata: {unknown('stratum', name, schemes())}")

    def _check_checkpoints(self) -> None:
        if not self.checkpoints:
            raise UserError('checkpoints names no rule; write checkpoints = ["last"], or leave it out')
        if self.snapshots < 1:
            raise UserError(f"snapshots must be at least 1, not {self.snapshots}")
        _once(self.checkpoints, "checkpoints", "rule")
        try:
            rules = [parse_rule(name) for name in self.checkpoints]
            for rule in rules:
                check_count(rule, self.snapshots, "snapshots says")
        except UserError as error:
            raise UserError(f"checkpoints: {error}") from error
        if rules[0].upper_bound:
            raise UserError("checkpoints: the first rule is primary, and the oracle is an upper bound; name it behind")

    def _check_arms(self) -> None:
        names = [arm.name for arm in self.arms]
        for arm in self.arms:
            if arm.stage1 is not None and not self.intermediate:
                raise UserError(
                    f"arm '{arm.name}' has a stage1, and the study names no task for it: intermediate = [...]"
                )
            if arm.match_compute is not None and arm.match_compute not in names:
                raise UserError(f"arm '{arm.name}': match_compute: {unknown('arm', arm.match_compute, names)}")
            if arm.match_compute is not None and (self.arm(arm.match_compute).stage1 is None) != (arm.stage1 is None):
                raise UserError(
                    f"arm '{arm.name}' matches the compute of '{arm.match_compute}', and one of the two has a stage1 "
                    "where the other has none; match an arm with the same stages"
                )
            seen = [arm.name]
            while (following := self.arm(seen[-1]).match_compute) is not None:
                if following in seen:
                    raise UserError(f"match_compute goes round in a cycle: {' -> '.join([*seen, following])}")
                seen.append(following)
        if self.intermediate and all(arm.stage1 is None for arm in self.arms):
            raise UserError("intermediate names tasks, and no arm has a stage1 that trains on them; add stage1 = {}")

    def _check_contrasts(self) -> None:
        names = [arm.name for arm in self.arms]
        for each in self.contrasts:
            for name in (each.treatment, each.control):
                if name not in names:
                    raise UserError(f"contrasts: {unknown('arm', name, names)}")
            if each.treatment == each.control:
                raise UserError(f"contrasts: '{each.treatment}' is compared with itself; name two arms")
            if each.role not in ROLES:
                raise UserError(f"contrasts: {unknown('role', each.role, ROLES)}")
        _once([(each.treatment, each.control) for each in self.contrasts], "contrasts", "pair of arms")


def _once(names: Iterable[Any] | Sequence[Any], where: str, what: str) -> None:
    seen = set()
    for name in names:
        if name in seen:
            shown = name if isinstance(name, str) else ", ".join(str(part) for part in name if part)
            raise UserError(f"{where}: two of one {what}, '{shown}'; name each once")
        seen.add(name)

"""Planning: everything that a study reads is looked at, and its stages are laid out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from xtremor.cli.recipe import TrainOptions
from xtremor.encoders.fingerprint import file_digest
from xtremor.errors import UserError
from xtremor.evaluation.rules import BEST_DEV, LAST, Rule, parse_rule
from xtremor.robust.methods.base import Method
from xtremor.study.design import Arm, Intermediate, Study, Target, target_seed
from xtremor.study.opening import PASSES_OF_TEXT, Opener, Root, Training, files_of, first_settings
from xtremor.study.plan import Cell, Plan
from xtremor.study.settings import Settings
from xtremor.study.stage import EVALUATION, INTERMEDIATE, TARGET, Size, Stage
from xtremor.study.texts import texts_of, with_digests
from xtremor.training.config import TrainSettings
from xtremor.training.learning import has_english_dev


def make_plan(study: Study, source: str = "") -> Plan:
    """Look at everything that the study reads, and lay out its stages.

    Raises:
        UserError: an encoder, a task, a method, a language or a file that is not there or cannot be used; two arms
            that are the same runs.
    """
    found = list(_Planner(study).cells())
    stages: dict[str, Stage] = {}
    for _, own in found:
        for stage in own:
            stages.setdefault(stage.key, stage)
    cells = tuple(cell for cell, _ in found if cell.checkpoint == study.checkpoints[0])
    beside = tuple(cell for cell, _ in found if cell.checkpoint != study.checkpoints[0])
    _refuse_twins(cells)
    ordered = {
        key: stage for kind in (INTERMEDIATE, TARGET, EVALUATION) for key, stage in stages.items() if stage.kind == kind
    }
    return Plan(
        study.name, study.design(), asdict(study.keep), study.store, ordered, cells, source, beside, study.trackers
    )


def _refuse_twins(cells: tuple[Cell, ...]) -> None:
    owners: dict[str, Cell] = {}
    for cell in cells:
        other = owners.setdefault(cell.evaluation, cell)
        if other.arm != cell.arm:
            raise UserError(
                f"arms '{other.arm}' and '{cell.arm}' are the same runs on {cell.task}; leave one out, or change it"
            )


def _texts(settings: TrainSettings) -> float:
    """Texts that a discriminator of languages is shown for each labelled row; 0 without one."""
    if settings.adversary is None or settings.unlabelled is None:
        return 0.0
    return settings.unlabelled.rows / settings.batch_size


class _Planner:
    """Lays out one study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        data = None if study.data is None else Path(study.data).expanduser().absolute()
        self.data = data
        if data is not None and str(study.data) != "hub" and not data.is_dir():
            raise UserError(f"data folder {study.data} does not exist; name it in the study file, or with --data")
        if study.data == "hub":
            self.data = Path("hub")
        self.opener = Opener(self.data, study.threads)

    def cells(self) -> Iterator[tuple[Cell, list[Stage]]]:
        """Every cell with its stages."""
        study = self.study
        for name in study.encoders:
            root = self.opener.root(name)
            for arm in study.arms:
                tasks = study.intermediate if arm.stage1 is not None else (None,)
                for each in tasks:
                    for first, second in study.seeds.pairs:
                        before = self._intermediate(root, arm, each, first) if each else None
                        for target in study.targets:
                            yield from self._cells(name, root, arm, target, (first, second), before)

    def _cells(
        self, encoder: str, root: Root, arm: Arm, target: Target, seeds: tuple[int, int], before: Stage | None
    ) -> Iterator[tuple[Cell, list[Stage]]]:
        """One for each checkpoint rule, all from one training."""
        trained = self._target(root, arm, target, seeds, before)
        study = self.study
        parts, task = [arm.name], before.task if before else ""
        parts += [f"on {task}"] if task and len(study.intermediate) > 1 else []
        parts += [f"from {encoder}"] if len(study.encoders) > 1 else []
        for name in study.checkpoints:
            scored = self._evaluation(root, arm, target, trained, parse_rule(name))
            cell = Cell(
                system=" ".join(parts), arm=arm.name, encoder=encoder, intermediate=task, task=self._label(target),
                split=scored.config["split"], stage1_seed=seeds[0], stage2_seed=seeds[1],
                evaluation=scored.key, target=trained.key, stage1=before.key if before else None, checkpoint=name,
            )  # fmt: skip
            yield cell, [*([before] if before else []), trained, scored]

    def _run(self, root: Root, arm: Arm, task: str, own: Settings, first: bool) -> tuple[TrainOptions, Method]:
        """Recipe and method of an arm in a stage: what the arm says, then the task (``own``), then the stage.

        The schedule is stretched where the arm matches another's compute.
        """
        study = self.study
        stated = ((arm.stage1 or Settings()) if first else arm.stage2).over(
            own, study.stage1 if first else study.stage2
        )
        try:
            recipe, method = stated.recipe(root.name, study.threads), stated.method()
            if arm.match_compute is None:
                return recipe, method
            other, theirs = self._run(root, study.arm(arm.match_compute), task, own, first)
            each = [(other, theirs), (recipe, method)]
            settings = [first_settings(self.opener.training(task, one), one, of) for one, of in each]
            passes = [self.opener.passes(one.method, root.name, _texts(one)) for one in settings]
            epochs, ratio = settings[0].epochs, passes[0] / passes[1]
            # Rounded, so that a third and its triple make the same schedule on every machine.
            return replace(recipe, epochs=round(epochs * ratio, 9)), method
        except UserError as error:
            raise UserError(f"arm '{arm.name}', {task}: {error}") from error

    def _trained(
        self, kind: str, name: str, root: Root, arm: Arm, task: str, own: Settings, seed: int, before: Stage | None
    ) -> Stage:
        first = kind == INTERMEDIATE
        recipe, method = self._run(root, arm, task, own, first)
        try:
            training = self.opener.training(task, recipe)
            settings = replace(recipe, fresh_pooler=not first).settings(training.card, method, seed)
            if not first:
                settings = self._with_snapshots(settings, training)
        except UserError as error:
            raise UserError(f"arm '{arm.name}', {task}: {error}") from error
        told = {key: value for key, value in settings.as_dict().items() if key != "encoder"}
        files = files_of(method)
        told["method"] |= {name: f"sha256 {file_digest(Path(path))}" for name, path in files.items()}
        text = texts_of(settings)
        told = with_digests(told, text, training.card)
        copies = 1 if method.substitution is None else method.substitution.copies
        passes = self.opener.passes(method, root.name)
        kept = 0.0 if settings.snapshots is None else self.opener.snapshots_mb(training, settings)
        tokens = training.tokens + training.text_tokens * PASSES_OF_TEXT / passes
        size = Size(tokens, passes, training.updates * copies, training.model_mb, kept)
        return Stage(
            kind=kind,
            name=name,
            task=task,
            config={"settings": told, **({} if before else {"encoder": root.identity()})},
            parents=(before.key,) if before else (),
            data=training.data,
            threads=self.study.threads,
            place={
                "encoder": root.name,
                "data": None if self.data is None else str(self.data),
                "files": files,
                **({"text": text} if text else {}),
            },
            size=size,
        )

    def _with_snapshots(self, settings: TrainSettings, training: Training) -> TrainSettings:
        """The same with the snapshots that the study's checkpoint rules need."""
        count = self.study.kept
        if count is None:
            return settings
        words = settings.method.substitution
        updates = training.updates * (1 if words is None else words.copies)
        if count > updates:
            raise UserError(
                f"snapshots = {count} is more than the {updates} updates of a run; name fewer, or train longer"
            )
        if BEST_DEV in self.study.checkpoints:
            opened = training.opened[0]
            if opened.card.category == "retrieval" or not has_english_dev(opened.source):
                raise UserError(f"there is no English dev score that the rule {BEST_DEV} could choose by; leave it out")
        return replace(settings, snapshots=count)

    def _intermediate(self, root: Root, arm: Arm, each: Intermediate, seed: int) -> Stage:
        name = f"{each.task}, {arm.name}, seed {seed}"
        return self._trained(INTERMEDIATE, name, root, arm, each.task, each.settings, seed, None)

    def _target(self, root: Root, arm: Arm, target: Target, seeds: tuple[int, int], before: Stage | None) -> Stage:
        after = f" after {before.task}" if before else ""
        name = f"{target.task}, {arm.name}{after}, seed {seeds[0]}{f'.{seeds[1]}' if self._nested else ''}"
        return self._trained(TARGET, name, root, arm, target.task, target.settings, target_seed(*seeds), before)

    def _label(self, target: Target) -> str:
        """The task, and what tells it from another target of the same one."""
        twins = [each for each in self.study.targets if each.task == target.task]
        parts = [target.task]
        parts += ["generalized"] if target.generalized else []
        parts += [target.split or ""] if len({each.split for each in twins}) > 1 else []
        return " ".join(filter(None, parts))

    @property
    def _nested(self) -> bool:
        return len(self.study.seeds.stage2) > 1

    def _evaluation(self, root: Root, arm: Arm, target: Target, trained: Stage, rule: Rule) -> Stage:
        recipe, method = self._run(root, arm, target.task, target.settings, False)
        training = self.opener.training(target.task, recipe)
        settings = first_settings(training, recipe, method)
        scored = self.opener.scored(target, settings)
        config = {
            "task": target.task,
            "split": scored.split,
            "languages": list(scored.languages),
            "limit": target.limit,
            "generalized": target.generalized,
            "max_length": settings.max_length,
            **({} if target.scoring_precision == "fp32" else {"precision": target.scoring_precision}),
            **({} if rule.name == LAST else {"checkpoint": rule.label}),
        }
        length = training.tokens / max(1, training.updates * settings.batch_size)
        return Stage(
            kind=EVALUATION,
            name=f"{trained.name}, scored on {scored.split}{'' if rule.name == LAST else f', {rule.label}'}",
            task=target.task,
            config=config,
            parents=(trained.key,),
            data=scored.data,
            threads=self.study.threads,
            place={"data": None if self.data is None else str(self.data)},
            # The oracle scores every snapshot.
            size=Size(scored.items * length, float(self.study.snapshots) if rule.upper_bound else 1.0),
        )

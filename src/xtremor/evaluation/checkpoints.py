"""Scores of a run by a checkpoint rule: the last step, an average, the best on English dev, the oracle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.console import say
from xtremor.encoders.fingerprint import file_digest
from xtremor.errors import UserError
from xtremor.evaluation.rules import AVERAGE, BEST_DEV, LAST, ORACLE, Rule, check_count
from xtremor.paths import atomic_file
from xtremor.scoring.parts import Parts, parts
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import RunFolder, read_json
from xtremor.training.snapshots import Snapshots

if TYPE_CHECKING:
    from torch import nn

# Of the oracle, while it is at work: predictions of the snapshots that have been scored.
WORK = ".snapshots"


@dataclass(frozen=True)
class Chosen:
    """The weights that a rule takes of a run.

    Attributes:
        rule: that chose.
        snapshots: of the run.
        updates: of the snapshots taken; empty for the last step, whose weights are the model's.
        why: what they were selected by, in words.
    """

    rule: Rule
    snapshots: Snapshots
    updates: tuple[int, ...]
    why: str

    def facts(self) -> dict[str, Any]:
        """For ``scores.json`` and the records beside it."""
        return {
            "rule": self.rule.label,
            "selected_by": self.why,
            "updates": list(self.updates),
            "upper_bound": self.rule.upper_bound,
        }

    def identity(self) -> dict[str, Any]:
        """What decides the scores beside the model: the rule, and the weights by their content."""
        digests = [file_digest(self.snapshots.path(update)) for update in self.updates]
        return {"rule": self.rule.label, "updates": list(self.updates), "snapshots": digests}


def choose(folder: RunFolder, record: Mapping[str, Any], rule: Rule) -> Chosen:
    """What a rule takes of a finished run.

    Raises:
        UserError: the run kept no snapshots, too few of them, or lacks one now; English dev was not scored.
    """
    snapshots = Snapshots(folder.snapshots)
    if rule.name == LAST:
        return Chosen(rule, snapshots, (), "nothing: the last update of a fixed schedule")
    kept = record.get("snapshots")
    if not kept:
        raise UserError(
            f"{folder.path} kept no snapshots of its weights, which the rule {rule.label} needs; train it into another "
            "folder with --snapshots 10"
        )
    check_count(rule, len(kept), f"{folder.path} has")
    updates = tuple(int(each["update"]) for each in kept)
    if rule.name == AVERAGE:
        taken, why = updates[-rule.count :], f"nothing: the weights of the last {rule.count} snapshots, averaged"
    elif rule.name == BEST_DEV:
        taken, why = _best(folder, kept)
    else:
        taken = updates
        why = f"the scored rows themselves, in each language the best of {len(updates)} snapshots: an upper bound"
    snapshots.check(taken)
    return Chosen(rule, snapshots, taken, why)


def _best(folder: RunFolder, kept: list[dict[str, Any]]) -> tuple[tuple[int, ...], str]:
    """The snapshot with the best English dev; of equal ones the later."""
    if any(each["english_dev"] is None for each in kept):
        raise UserError(
            f"{folder.path}: English dev was not scored (there is none, or the task is retrieval), so that {BEST_DEV} "
            "has nothing to choose by; name another rule"
        )
    best = max(kept, key=lambda each: (each["english_dev"]["score"], each["update"]))
    dev = best["english_dev"]
    return (int(best["update"]),), (
        f"English dev: {dev.get('metric', 'accuracy')} {dev['score']:.2f} on {dev['items']} rows, the best of "
        f"{len(kept)} snapshots"
    )


def score_oracle(
    chosen: Chosen, model: nn.Module, card: TaskCard, area: Path, found: Parts, score: Callable[[Parts], str]
) -> tuple[str, dict[str, int]]:
    """Score every snapshot and put into ``found``, for each language apart, the predictions of the best; of equal ones
    the latest. What is finished of it stays in ``area`` until all is joined.

    Args:
        chosen: of the run.
        model: of the run, changed in place.
        card: of the task.
        area: folder of the scores, this process's own.
        found: empty.
        score: predicts all rows with the model as it is, into the parts that it is given; returns the split.

    Returns:
        The split, and language -> update of its snapshot.
    """
    import polars as pl

    work = area / WORK
    work.mkdir(parents=True, exist_ok=True)
    split, best = "", dict[str, tuple[float, int]]()
    for number, update in enumerate(chosen.updates, start=1):
        told = work / f"{update}.json"
        if not told.exists():
            say(f"{ORACLE}: snapshot {number} of {len(chosen.updates)}, after update {update}")
            chosen.snapshots.put([update], model)
            _score_one(work, update, card, score)
        known = read_json(told)
        split = known["split"]
        for language, figure in known["scores"].items():
            best[language] = max(best.get(language, (float("-inf"), 0)), (figure, update))
    for language, (_, update) in best.items():
        rows = pl.scan_parquet(work / f"{update}.parquet", glob=False).filter(pl.col("language") == language)
        found.add(rows.collect())
    return split, {language: update for language, (_, update) in best.items()}


def _score_one(work: Path, update: int, card: TaskCard, score: Callable[[Parts], str]) -> None:
    """Predictions and scores of one snapshot, the scores last."""
    from xtremor.scoring.scores import scores_from_parts

    with parts() as own:
        split = score(own)
        figures = scores_from_parts(own, card, split, lambda _: {})["languages"]
        own.write(work / f"{update}.parquet", {"split": split})
    with atomic_file(work / f"{update}.json") as draft:
        scores = {language: cell["score"] for language, cell in figures.items()}
        draft.write_text(json.dumps({"split": split, "scores": scores}), encoding="utf-8")


def sweep(area: Path) -> None:
    """Remove what the oracle kept while it was at work."""
    shutil.rmtree(area / WORK, ignore_errors=True)

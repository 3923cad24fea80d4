"""Scores of a run kept in a folder of their own: on another task than it was trained on, or on another split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtremor.encoders.fingerprint import folder_fingerprint
from xtremor.errors import UserError
from xtremor.evaluation.checkpoints import Chosen
from xtremor.evaluation.rules import LAST
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import FORMAT, RunFolder


def check_task(run: Path, record: dict[str, Any], card: TaskCard, output: Path | None) -> None:
    """Raise UserError where the run's head cannot answer ``card``, or the scores would take the place of its own."""
    category = record.get("category", "classification")
    if category != card.category:
        raise UserError(
            f"{run} was trained on {record['task']} ({category}) and cannot answer {card.name} ({card.category})"
        )
    if card.name != record["task"] and output is None:
        raise UserError(
            f"{run} was trained on {record['task']}: name a folder for its scores on {card.name} with --output"
        )


def identity_apart(folder: RunFolder, card: TaskCard, selection: dict[str, Any], chosen: Chosen) -> dict[str, Any]:
    """What the scores are of: the model by its weights, the task, what of it is scored, and which weights are."""
    told = {"format": FORMAT, "model": folder_fingerprint(folder.model), "task": card.name, "selection": selection}
    return told if chosen.rule.name == LAST else {**told, "checkpoint": chosen.identity()}


def record_apart(run: Path, record: dict[str, Any], card: TaskCard, chosen: Chosen) -> dict[str, Any]:
    """``run.json`` for scores that are kept apart: the run's own, with the task that is scored.

    ``scored_from`` says which run it was and what it was trained on. There is no model beside it, and the English dev
    of another task says nothing about this one. Another rule than the last step makes another arm; what it scores on
    English dev is known where it takes one snapshot.
    """
    other = card.name != record["task"]
    apart = {key: value for key, value in record.items() if key != "tokenizer"}
    dev = record["english_dev"]
    if chosen.rule.name != LAST:
        apart |= {"arm": f"{record['arm']}-{chosen.rule.label}", "checkpoint": chosen.facts()}
        own = [each["english_dev"] for each in record["snapshots"] if [each["update"]] == list(chosen.updates)]
        dev = own[0] if own else None
    return {
        **apart,
        "task": card.name,
        "english_dev": None if other else dev,
        "scored_from": {"run": run.resolve().name, "task": record["task"]},
    }

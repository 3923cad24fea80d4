"""Attack trained runs: the same items and the same draws for each, every finished piece kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from xtremor import computing, machine
from xtremor.console import Progress, say
from xtremor.encoders.fingerprint import folder_fingerprint
from xtremor.encoders.packing import packed
from xtremor.errors import UserError
from xtremor.evaluation.attack import cells
from xtremor.evaluation.attack.language import LanguageAttack, cells_of, passes_of
from xtremor.evaluation.attack.settings import AttackSettings
from xtremor.evaluation.attack.victim import Victim
from xtremor.evaluation.loaded import check_model, load_run
from xtremor.evaluation.selection import EvaluationSettings, read_examples, selection
from xtremor.paths import atomic_file
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.training.folder import FORMAT, RunFolder, read_json, write_json

if TYPE_CHECKING:
    from xtremor.evaluation.attack.cells import Cell

RESULT, PREDICTIONS = "attack.json", "predictions.parquet"


@dataclass(frozen=True)
class Attacked:
    """A run and the rows that it is attacked on."""

    path: Path
    record: dict[str, Any]
    card: TaskCard
    source: Source


def attack_runs(
    runs: Sequence[Attacked],
    settings: AttackSettings,
    scored: EvaluationSettings,
    output: Path,
    threads: int | None = None,
) -> dict[str, Any]:
    """Attack every run in every language, write ``attack.json`` and ``predictions.parquet``, and return the former.

    Asked again, finished pieces are not redone.

    Raises:
        UserError: a run without a model, runs of different tasks or rows, a category that cannot be attacked, or an
            output that holds something else.
    """
    computing.prepare(threads)
    names = _names(runs)
    split, examples = _examples(runs, scored)
    card = runs[0].card
    identity = {
        "format": FORMAT,
        "attack": settings.as_dict(),
        "runs": {name: folder_fingerprint(RunFolder(run.path).model) for name, run in zip(names, runs, strict=True)},
        "task": card.name,
        "selection": selection(scored, runs[0].source),
        # Other files behind the same names are other items.
        "items": hashlib.sha256(repr(examples).encode("utf-8", "surrogatepass")).hexdigest(),
    }
    folder = RunFolder(output)
    folder.check(identity)
    if (output / RESULT).exists():
        say(f"{output}: already attacked")
        return read_json(output / RESULT)
    folder.claim(identity)
    try:
        cells.sweep(output)
        wanted = [cell for name in names for language in examples for cell in cells_of(name, language, settings)]
        try:
            _attack(runs, names, examples, settings, scored, output, wanted)
        except KeyboardInterrupt:
            say(f"finished pieces are kept in {output}; the same command goes on from there")
            raise
        found = _joined(output, wanted)
        described = {
            name: {"arm": run.record["arm"], "seed": run.record["seed"], "trained_on": run.record["task"]}
            for name, run in zip(names, runs, strict=True)
        }
        result = {
            "format": FORMAT,
            "task": card.name,
            "split": split,
            "category": card.category,
            "runs": described,
            "settings": settings.as_dict(),
            "selection": identity["selection"],
            "cells": found,
            "data": asdict(runs[0].source.record()),
            "command": machine.command_line(),
            "created": machine.now(),
            "versions": machine.versions(),
            "machine": machine.machine("cuda" if torch.cuda.is_available() else "cpu", torch.get_num_threads()),
        }
        write_json(output / RESULT, result)
        cells.remove(output)
    finally:
        folder.release()
    return result


def _attack(
    runs: Sequence[Attacked],
    names: Sequence[str],
    examples: dict[str, list[Any]],
    settings: AttackSettings,
    scored: EvaluationSettings,
    output: Path,
    wanted: Sequence[Cell],
) -> None:
    """Do what is not done yet, run by run and language by language."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    missing = [cell for cell in wanted if not cell.file(output).exists()]
    if len(missing) < len(wanted):
        say(f"resuming: {len(wanted) - len(missing)} of {len(wanted)} pieces are done")
    total = sum(len(examples[cell.language]) * passes_of(cell, settings) for cell in wanted)
    left = sum(len(examples[cell.language]) * passes_of(cell, settings) for cell in missing)
    with Progress(f"attacking {len(runs)} run{'s' if len(runs) > 1 else ''}", total, total - left) as progress:
        for name, run in zip(names, runs, strict=True):
            todo = [cell for cell in missing if cell.run == name]
            if not todo:
                continue
            model, tokenizer, labels = load_run(run.path, run.card, run.source, device)
            spared = _special(tokenizer) if settings.spare_special else ()
            victim = Victim(model, settings.site, settings.loss, spared)
            # One unit a run, whatever languages are left to do.
            reader = LanguageAttack(victim, run.card, tokenizer, labels, scored.max_length, settings, output)
            reader.measure_unit(next(iter(examples.values())))
            with packed(model, head_alone=True):
                for language in dict.fromkeys(cell.language for cell in todo):
                    reader.attack(name, examples[language], progress)


def _special(tokenizer: Any) -> list[int]:
    """Ids of special tokens; the unknown token stands for a piece of text."""
    return [token for token in tokenizer.all_special_ids if token != tokenizer.unk_token_id]


def _examples(runs: Sequence[Attacked], scored: EvaluationSettings) -> tuple[str, dict[str, list[Any]]]:
    """The split and the rows by language; the same for every run."""
    first = runs[0]
    for run in runs:
        check_model(RunFolder(run.path))
        if run.card.name != first.card.name:
            raise UserError(
                f"{first.path} is of the task {first.card.name}, {run.path} of {run.card.name}: attack runs of one "
                "task together, or name one with --task"
            )
    split, examples = read_examples(first.card, first.source, scored)
    for run in runs[1:]:
        if read_examples(run.card, run.source, scored)[1] != examples:
            raise UserError(f"{run.path} would be scored on other rows than {first.path}; name the same --data")
    return split, examples


def _names(runs: Sequence[Attacked]) -> list[str]:
    """A run's folder name, with the one above it where two are called alike."""
    found = [run.path.resolve().name for run in runs]
    if len(set(found)) < len(found):
        found = [f"{run.path.resolve().parent.name}-{run.path.resolve().name}" for run in runs]
    if len(set(found)) < len(found):
        raise UserError("a run is named twice, or folders of the same name; name each run once")
    return found


def _joined(output: Path, wanted: Sequence[Cell]) -> list[dict[str, Any]]:
    """Join the cells into one Parquet file; return what is known of each."""
    import polars as pl

    tables, found = [], []
    for cell in wanted:
        table, facts = cells.read_cell(cell.file(output))
        labels = {"run": cell.run, "condition": cell.condition}
        tables.append(
            table.select(
                *(pl.lit(value).alias(name) for name, value in labels.items()),
                pl.lit(cell.size, pl.Float64).alias("size"),
                pl.all(),
            )
        )
        found.append({**asdict(cell), **facts})
    with atomic_file(output / PREDICTIONS) as temporary:
        pl.concat(tables).write_parquet(temporary)
    return found

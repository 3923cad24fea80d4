"""Snapshots: what training had made of the weights by some of its updates, for rules that choose or average them.

snapshots/000000120.safetensors  after update 120 of log.jsonl: every trained tensor, as a model would have it that had
                                 been finished there (adapters merged, interpolated); of the word embeddings the rows
                                 that occur in training
snapshots/english_dev.json       English dev of those that have been scored, while the run is being finished
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.paths import atomic_file
from xtremor.training.folder import read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xtremor.training.config import TrainSettings
    from xtremor.training.embeddings import CompactEmbedding

# Of the word embeddings: ids of the rows, and the rows. All other tensors are called weight/NAME.
IDS, ROWS, WEIGHT = "words/ids", "words/rows", "weight/"
DEV = "english_dev.json"
MB, BYTES = 1e6, 4


def moments(updates: int, count: int) -> tuple[int, ...]:
    """Updates of a schedule, from 1, after which its ``count`` snapshots are taken: the last, and evenly before it.

    Raises:
        UserError: there are fewer updates than that.
    """
    if count > updates:
        raise UserError(f"--snapshots {count} is more than the {updates} updates of this run; name {updates} or fewer")
    return tuple(number * updates // count for number in range(1, count + 1))


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of a run.

    Attributes:
        folder: where they are.
    """

    folder: Path

    def path(self, update: int) -> Path:
        """Of one."""
        return self.folder / f"{update:09}.safetensors"

    def check(self, updates: Sequence[int]) -> None:
        """Raise UserError where one of these is missing."""
        for update in updates:
            if not self.path(update).is_file():
                raise UserError(f"{self.path(update)} is missing; put it back, or train the run again")

    def write(self, update: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep one, whole or not at all."""
        from safetensors.torch import save_file

        with contextlib.suppress(FileNotFoundError):
            # Of other weights, where a run is trained again from an earlier checkpoint.
            (self.folder / DEV).unlink()
        with atomic_file(self.path(update)) as draft:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, draft)

    def tidy(self) -> None:
        """Of a finished run: what is in its record is dropped here."""
        (self.folder / DEV).unlink(missing_ok=True)

    def average(self, updates: Sequence[int]) -> dict[str, Tensor]:
        """The mean of every tensor over snapshots, summed in double precision; of one its own.

        As in checkpoint averaging (Schmidt et al. 2023, arXiv 2305.16834): weights are averaged, not predictions.

        Raises:
            UserError: one is missing, damaged, or of another run.
        """
        import torch

        found, last = self._read(updates[0]), self.path(updates[0])
        if len(updates) == 1:
            return found
        ids = found.pop(IDS, None)
        sums = {name: tensor.double() for name, tensor in found.items()}
        for update in updates[1:]:
            last, more = self.path(update), self._read(update)
            theirs = more.pop(IDS, None)
            none = torch.empty(0)
            if not torch.equal(none if ids is None else ids, none if theirs is None else theirs):
                raise _other(last, "it has other word embeddings than the one before it")
            if {name: each.shape for name, each in more.items()} != {name: each.shape for name, each in sums.items()}:
                raise _other(last, "it has other tensors than the one before it")
            for name, tensor in more.items():
                sums[name] += tensor
        means = {name: (tensor / len(updates)).to(found[name].dtype) for name, tensor in sums.items()}
        return means if ids is None else {**means, IDS: ids}

    def put(self, updates: Sequence[int], model: nn.Module) -> None:
        """Give a finished model of the run the weights of a snapshot, or the average of several.

        Raises:
            UserError: as `average`; the model is not the run's.
        """
        import torch

        tensors, last = self.average(updates), self.path(updates[-1])
        named = dict(model.named_parameters())
        with torch.no_grad():
            if IDS in tensors:
                table = model.get_input_embeddings().weight  # type: ignore[operator]
                ids, rows = tensors.pop(IDS).to(table.device), tensors.pop(ROWS).to(table)
                if rows.shape[1:] != table.shape[1:] or int(ids.max()) >= len(table):
                    raise _other(last, "its word embeddings do not fit the model")
                table[ids] = rows
            for name, tensor in tensors.items():
                parameter = named.get(name.removeprefix(WEIGHT))
                if parameter is None or parameter.shape != tensor.shape:
                    raise _other(last, f"its tensor {name.removeprefix(WEIGHT)} does not fit the model")
                parameter.copy_(tensor)

    def _read(self, update: int) -> dict[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.path(update)
        self.check([update])
        try:
            return load_file(path)
        except SafetensorError as error:
            raise _other(path, f"it cannot be read ({error})") from error


def _other(path: Path, why: str) -> UserError:
    return UserError(f"{path}: not a snapshot of this run: {why}; put it back, or train the run again")


def planned_mb(model: nn.Module, settings: TrainSettings, tokens: float) -> float:
    """Size of a snapshot, at most, told from a model without weights.

    Args:
        model: of the run; no weight of it is read.
        settings: of the run.
        tokens: of the training rows, each of which may be another row of the word embeddings.
    """
    from xtremor.encoders.layers import EMBEDDINGS, layer_names, part_of
    from xtremor.training.lora import target_modules

    table = model.get_input_embeddings().weight  # type: ignore[operator]
    within = {id(parameter) for parameter in getattr(model, "base_model", model).parameters()}
    adapted = None if settings.lora is None else {f"{name}.weight" for name in target_modules(model, settings.lora)}
    layers, lowest = layer_names(model), settings.controls.freeze_layers
    still = set() if lowest is None else {EMBEDDINGS, *(f"layer {number}" for number in range(1, lowest + 1))}
    count = 0.0
    for name, parameter in model.named_parameters():
        inside = id(parameter) in within
        if parameter is table:
            count += 0 if settings.freeze_embeddings or still else min(len(table), tokens) * table.shape[1]
        elif not (inside and (part_of(name, layers) in still or (adapted is not None and name not in adapted))):
            count += parameter.numel()
    return count * BYTES / MB


class Keeper:
    """Takes the snapshots of a run while it trains.

    Args:
        snapshots: where they go.
        updates: of log.jsonl after which one is taken.
        trained: gives the trained tensors as a finished model would have them (`training.adapt.Adaptation.trained`).
        model: what is trained.
        table: its word embeddings.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        updates: Sequence[int],
        trained: Callable[[], dict[str, Tensor]],
        model: nn.Module,
        table: CompactEmbedding,
    ) -> None:
        self.snapshots, self.updates, self.trained = snapshots, tuple(updates), trained
        self.table = table
        names = (name for name, parameter in model.named_parameters() if parameter is table.weight)
        self.words = next(names, None)

    def begin(self, done: int) -> None:
        """Raise UserError where a snapshot of an update that is done is missing."""
        self.snapshots.check([update for update in self.updates if update <= done])

    def take(self, update: int) -> None:
        """Keep the weights after an update, if it is one of those."""
        if update in self.updates:
            self.snapshots.write(update, self.tensors())

    def tensors(self) -> dict[str, Tensor]:
        """What a snapshot holds now."""
        found = self.trained()
        rows = found.pop(self.words, None) if self.words is not None else None
        told = {f"{WEIGHT}{name}": tensor for name, tensor in found.items()}
        return told if rows is None else {**told, IDS: self.table.get_buffer("kept"), ROWS: rows}

    def sentence(self) -> str:
        """How many and how large."""
        size = sum(tensor.numel() * tensor.element_size() for tensor in self.tensors().values()) / MB
        many = len(self.updates)
        return f"snapshots: {many}, after updates {', '.join(map(str, self.updates[:3]))}" + (
            f", ... {self.updates[-1]}; {size:,.1f} MB each" if many > 3 else f"; {size:,.1f} MB each"
        )


def score_snapshots(
    snapshots: Snapshots, updates: Sequence[int], model: nn.Module, dev: Callable[[], dict[str, Any] | None]
) -> list[dict[str, Any]]:
    """English dev of every snapshot, the last one's weights being those of the finished ``model`` before and after.

    Scores are written down one by one, so that a run killed here goes on with the next.

    Args:
        snapshots: of the run.
        updates: all of them.
        model: finished.
        dev: scores it (`training.learning.english_dev`).

    Returns:
        {"update", "english_dev"} of each.
    """
    from xtremor.console import Progress

    place = snapshots.folder / DEV
    known = read_json(place) if place.exists() else {}
    left = [update for update in updates if str(update) not in known]
    with Progress("English dev of the snapshots", len(updates), len(updates) - len(left)) as progress:
        for update in left:
            snapshots.put([update], model)
            known[str(update)] = dev()
            write_json(place, known)
            progress.advance()
    if left[-1:] != [updates[-1]]:
        snapshots.put([updates[-1]], model)
    return [{"update": update, "english_dev": known[str(update)]} for update in updates]

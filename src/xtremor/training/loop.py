"""The loop: batches, one method step each, one clipped AdamW update, checkpoints that resume exactly."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
import torch
from torch import Tensor, nn

from xtremor.console import Progress, say
from xtremor.errors import UserError
from xtremor.paths import explained
from xtremor.robust.counter import PassCounts
from xtremor.robust.methods import Plain
from xtremor.robust.methods.base import Runner
from xtremor.tracking.tracking import Tracking
from xtremor.training import checkpoint
from xtremor.training import log as log_file
from xtremor.training.batches import Epochs, parts_of
from xtremor.training.beside import BesidePlain
from xtremor.training.config import TrainSettings, derived_seed
from xtremor.training.crew import Crew
from xtremor.training.drift import L2SP
from xtremor.training.optimizer import make_optimizer, rate_share, set_rates
from xtremor.training.snapshots import Keeper
from xtremor.training.stopping import stop_request


class Interrupted(Exception):
    """The user asked to stop; the checkpoint is written and the same command goes on from it."""


@dataclass
class Totals:
    """What a run has done so far; part of every checkpoint.

    Attributes:
        update: weight updates applied, those of linear probing included.
        examples: units of the features (rows, inputs, items) trained on, repeats counted.
        tokens: real tokens of those rows.
        seconds: time in the loop, over all processes that worked on the run, without `beside`'s.
        tail_loss: sum of the trained loss over the last tenth of the updates.
        tail_updates: updates in that sum.
        beside: time of a step relative to that of a plain step on the same batch, of some updates.
    """

    update: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    tail_loss: float = 0.0
    tail_updates: int = 0
    beside: list[float] = field(default_factory=list)

    @property
    def final_loss(self) -> float:
        """Mean trained loss over the last tenth of the updates."""
        return self.tail_loss / max(1, self.tail_updates)


class Step(Protocol):
    """What the loop needs of a step: ``training.step.BatchStep``, or ``training.shared.MixedStep``.

    Attributes:
        model: what is trained.
        runner: the method at work.
        counts: passes made so far.
        below: share of the layers that every batch passes once, whatever the method.
        lengths: (U,) tokens of each unit.
        weights: (U,) targets of each unit that count in the mean loss of a batch.
    """

    model: nn.Module
    runner: Runner
    counts: PassCounts
    below: float

    @property
    def lengths(self) -> np.ndarray: ...

    @property
    def weights(self) -> np.ndarray: ...

    def run(
        self, units: np.ndarray, update: int, part: int, weight: float, method: Runner | None = None
    ) -> tuple[Tensor, int]:
        """Add ``weight`` times the gradient of the mean loss over ``units``; return the loss and the real tokens.

        ``method`` takes the place of the run's own.
        """
        ...

    def about(self) -> dict[str, Any]:
        """What the log says of the latest update beyond the loss."""
        ...


class Order(Protocol):
    """Which units every update takes: ``training.batches.Epochs``, or ``training.mixture.MixedOrder``."""

    @property
    def updates(self) -> int: ...

    def batches(self, done: int) -> Iterator[np.ndarray]:
        """The units of update ``done``, ``done + 1``, ...: a function of the seed and the update."""
        ...

    def about(self, update: int) -> dict[str, Any]:
        """What the log says of a 0-based update beyond its figures."""
        ...


class Loop:
    """Trains ``step.model`` in place.

    Nothing random is carried from update to update: order, dropout and perturbation are functions of the seed and
    the update number, so that weights, AdamW moments, what a method averages, and the number of updates are the whole
    state of a run.

    Args:
        step: computes a batch's gradients.
        settings: of the run.
        fresh: names of tensors that the encoder did not bring.
        folder: where checkpoint and log are written.
        checkpoint_seconds: time between checkpoints; results do not depend on it.
        penalty: adds its gradient once an update, before clipping.
        order: which units every update takes; by default all of them in every epoch.
        probed: (P,) tokens of each of the first units, which linear probing goes over; by default all of them.
        crew: processes that share every update, those of ``step``; the first one writes.
        tracking: is told what the log says.

    Attributes:
        keeper: takes snapshots of the weights; set before `run` where there are to be some.

    With linear probing the first ``probe`` updates train the tensors in ``fresh`` alone and plainly, so that every
    method goes on from the same head; the schedule after them is that of a run without it: the same batches, dropout
    and perturbations, a fresh optimizer and a warm-up of its own.
    """

    def __init__(
        self,
        step: Step,
        settings: TrainSettings,
        fresh: list[str],
        folder: Path,
        checkpoint_seconds: float = 60.0,
        penalty: L2SP | None = None,
        order: Order | None = None,
        probed: np.ndarray | None = None,
        crew: Crew | None = None,
        tracking: Tracking | None = None,
    ) -> None:
        self.tracking = tracking or Tracking()
        self.step, self.settings, self.folder, self.crew = step, settings, folder, crew or Crew()
        self.checkpoint_seconds = checkpoint_seconds
        self.penalty, self.fresh = penalty, fresh
        size, seed = settings.batch_size, settings.seed
        self.order = order or Epochs(step.lengths, size, seed, settings.epochs)
        probed = step.lengths if probed is None else probed
        self.probing = Epochs(probed, size, derived_seed(seed, "probe"), settings.controls.probe_epochs or 0.0)
        self.probe = self.probing.updates
        self.updates = self.probe + self.order.updates
        self.waiting: list[torch.nn.Parameter] = []
        if self.probe:
            named = step.model.named_parameters()
            self.waiting = [each for name, each in named if each.requires_grad and name not in fresh]
            for parameter in self.waiting:
                parameter.requires_grad_(False)
        self.optimizer = make_optimizer(step.model, fresh, settings)
        self.beside = BesidePlain(step, settings.method, self.order.updates, settings.adversary is not None)
        self.totals = Totals()
        self.keeper: Keeper | None = None

    def run(self, save_last: bool = False) -> Totals:
        """Train to the last update of the schedule; ``save_last`` writes a checkpoint of the end too.

        Raises:
            Interrupted: on Ctrl-C or SIGTERM, after the update in flight and a checkpoint.
            UserError: when the loss or the gradient is not finite; the state before that update is kept.
        """
        self._resume()
        if self.keeper is not None:
            with self.crew.together():
                self.keeper.begin(self.totals.update)
        if not self.tracking.silent:
            self.tracking.catch_up(log_file.lines(self.folder))
        self.step.model.train()
        started = saved = time.monotonic()
        told = self.tracking.seconds
        tokens_before = self.totals.tokens
        before, first = self.totals.seconds, self.totals.update
        with (
            explained(self.folder),
            Progress("training", self.updates, self.totals.update) as progress,
            self._open_log() as log,
            stop_request() as stopping,
        ):
            for rows in self._batches():
                loss, norm, stop = self._update(rows, stopping)
                if self.keeper is not None and self.crew.leads:
                    # Before any checkpoint of this update, which is what says that it is done.
                    self.keeper.take(self.totals.update)
                now = time.monotonic()
                spent = now - started - self.beside.seconds - (self.tracking.seconds - told)
                self.totals.seconds = before + spent
                speed = (self.totals.tokens - tokens_before) / spent
                progress.advance(note=f"loss {loss:.3f}, {speed:,.0f} tokens/s")
                if log is not None and log_file.write(log, line := self._line(loss, norm), self.updates):
                    self.tracking.line(line)
                if stop:
                    self._save()
                    raise Interrupted(f"stopped after update {self.totals.update} of {self.updates}")
                if now - saved > self.checkpoint_seconds and self.totals.update < self.updates:
                    self._save()
                    saved = time.monotonic()
        self._check_weights()
        if save_last and self.totals.update > first:
            self._save()
        return self.totals

    def _batches(self) -> Iterator[np.ndarray]:
        """The units of every update that is left; where linear probing ends, everything else begins to be trained."""
        if self.probe and self.totals.update <= self.probe:
            yield from self.probing.batches(self.totals.update)
            self._end_probe()
        yield from self.order.batches(self.totals.update - self.probe)

    def _end_probe(self) -> None:
        for parameter in self.waiting:
            parameter.requires_grad_(True)
        self.optimizer = make_optimizer(self.step.model, self.fresh, self.settings)

    def _open_log(self) -> contextlib.AbstractContextManager[TextIO | None]:
        if not self.crew.leads:
            return contextlib.nullcontext()
        return open(self.folder / log_file.NAME, "a", encoding="utf-8")

    def _update(self, rows: np.ndarray, stopping: threading.Event | None = None) -> tuple[float, float, bool]:
        """Gradients of all parts, one clip, one step; the loss, the norm, and whether to stop."""
        # The schedule counts from 0, linear probing up to that from below: every draw is a function of this number.
        model, update = self.step.model, self.totals.update - self.probe
        probing = update < 0
        self.optimizer.zero_grad(set_to_none=True)
        losses: list[Tensor] = []
        shares: list[float] = []
        tokens, weights, settings = 0, self.step.weights, self.settings
        parts = parts_of(rows, self.step.lengths, settings.accumulate, settings.batch_tokens)
        for part, piece in enumerate(parts):
            # By targets, not by rows: the parts' mean losses then add up to that of the whole batch.
            share = int(weights[piece].sum()) / int(weights[rows].sum())
            if part == 0 and self.beside.due(update):
                plain = self.beside.plain(piece, update)
                self.optimizer.zero_grad(set_to_none=True)
                trained, seen, spent = self.beside.timed(piece, update, share)
                self.totals.beside.append(spent / plain)
            else:
                trained, seen = self.step.run(piece, update, part, share, Plain() if probing else None)
            losses.append(trained.detach())
            shares.append(share)
            tokens += seen
        # Read once an update, so that a GPU is not waited for between the parts.
        loss = sum(each * share for each, share in zip(torch.stack(losses).tolist(), shares, strict=True))
        stop = stopping is not None and stopping.is_set()
        if self.crew.size > 1:
            self.crew.sum_gradients([each for each in model.parameters() if each.requires_grad])
            loss, seen_by_all, asked = self.crew.sum(loss, tokens, stop)
            tokens, stop = round(seen_by_all), asked > 0
        if self.penalty is not None:
            self.penalty.add_gradient()
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), self.settings.clip))
        if not (np.isfinite(loss) and np.isfinite(norm)):
            self._refuse(loss, norm)
        done, of = (update + self.probe, self.probe) if probing else (update, self.updates - self.probe)
        set_rates(self.optimizer, rate_share(done, of, self.settings.warmup))
        self.optimizer.step()
        if not probing:
            self.step.runner.after_update()
        self.totals.update += 1
        self.totals.examples += len(rows)
        self.totals.tokens += tokens
        if update + 1 > 0.9 * (self.updates - self.probe):
            self.totals.tail_loss += loss
            self.totals.tail_updates += 1
        return loss, norm, stop

    def _refuse(self, loss: float, norm: float) -> None:
        self._save()
        what = f"the loss became {loss}" if not np.isfinite(loss) else f"the gradient norm became {norm}"
        raise self.crew.once(
            UserError(
                f"{what} at update {self.totals.update + 1} of {self.updates}; the state before it is kept in "
                f"{self.folder / checkpoint.NAME}; train into another folder with a smaller --learning-rate or --radius"
            )
        )

    def _check_weights(self) -> None:
        """The last update is followed by no loss that could tell of its end."""
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.step.model.parameters()):
            raise self.crew.once(
                UserError(
                    f"the weights are not finite after the last update ({self.updates}); train into another folder "
                    "with a smaller --learning-rate or --radius"
                )
            )

    def _save(self) -> None:
        if not self.crew.leads:
            return
        own = {"threads": torch.get_num_threads(), "processes": self.crew.size}
        state = {**vars(self.totals), "counts": self.step.counts.as_dict(), **own}
        checkpoint.save(self.folder, self.step.model, self.optimizer, state, self.step.runner.state())

    def _resume(self) -> None:
        if self.probe:
            saved = checkpoint.peek(self.folder)
            if saved is not None and saved["update"] > self.probe:
                self._end_probe()
        with self.crew.together():
            state = checkpoint.load(self.folder, self.step.model, self.optimizer, self.step.runner)
        self.crew.check_same(
            -1 if state is None else state["update"],
            f"{self.folder}: the processes of this run do not see the same checkpoint; put the folder on a disk that "
            "all machines share",
        )
        self.crew.broadcast(list(self.step.model.parameters()))
        if state is None:
            if self.crew.leads:
                with explained(self.folder):
                    log_file.begin(self.folder)
            return
        processes = state.pop("processes", 1)
        if processes != self.crew.size:
            say(
                f"note: begun with {processes} processes, resumed with {self.crew.size}: dropout masks and sums differ "
                "from those of an uninterrupted run"
            )
        threads = state.pop("threads")
        if threads != torch.get_num_threads():
            say(
                f"note: begun with {threads} threads, resumed with {torch.get_num_threads()}: sums may differ in "
                "their last digits from an uninterrupted run"
            )
        self.step.counts.__dict__.update(PassCounts(**state.pop("counts")).as_dict())
        self.totals = Totals(**state)
        if self.crew.leads:
            log_file.cut(self.folder, self.totals.update)
        say(f"resuming after update {self.totals.update} of {self.updates}")

    def _line(self, loss: float, norm: float) -> dict[str, Any]:
        """What the log says of the update just done."""
        update = self.totals.update - self.probe - 1
        return {
            "update": self.totals.update,
            **(self.order.about(update) if update >= 0 else {"phase": "linear probing"}),
            "loss": loss,
            "gradient_norm": norm,
            "tokens": self.totals.tokens,
            **(self.step.about() if update >= 0 else {}),
        }

"""Several tasks at once: how often each is drawn, and which rows every update takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xtremor.errors import UserError, unknown
from xtremor.training.batches import batches_from, updates_in
from xtremor.training.config import derived_seed

SAMPLINGS = ("proportional", "capped", "temperature")


@dataclass(frozen=True)
class Mixing:
    """The probability p_i that an update's batch is one of task i, which has n_i units to make batches of.

    * ``proportional``: p_i = n_i / sum of n.
    * ``capped``: p_i = min(n_i, K) / sum of min(n, K), so that large tasks do not drown small ones (examples-
      proportional mixing with a limit: Raffel et al. 2020, section 3.5.2; Phang et al. 2020 train on several
      intermediate tasks so, by jiant's sampler).
    * ``temperature``: p_i = n_i^(1/T) / sum of n^(1/T); T = 1 is proportional, a large T nearly uniform.

    Attributes:
        sampling: one of `SAMPLINGS`.
        cap: K.
        temperature: T.

    Raises:
        UserError: a number that the sampling needs is missing, or one that it does not read is given.
    """

    sampling: str = "proportional"
    cap: int | None = None
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.sampling not in SAMPLINGS:
            raise unknown("sampling", self.sampling, SAMPLINGS)
        for name, value, needed in (("cap", self.cap, "capped"), ("temperature", self.temperature, "temperature")):
            if self.sampling == needed and value is None:
                raise UserError(f"--sampling {needed} needs --sampling-{name}")
            if self.sampling != needed and value is not None:
                raise UserError(f"--sampling-{name} is read by --sampling {needed} alone; leave it out, or name that")
        if self.cap is not None and self.cap < 1:
            raise UserError(f"--sampling-cap must be at least 1, not {self.cap}")
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise UserError(f"--sampling-temperature must be a number greater than 0, not {self.temperature}")

    def sizes(self, units: np.ndarray) -> np.ndarray:
        """(tasks,) int64: min(n, K), or n where nothing is capped; an epoch is as many units as these make up."""
        return units if self.cap is None else np.minimum(units, self.cap)

    def probabilities(self, units: np.ndarray) -> np.ndarray:
        """(tasks,) units of each task -> (tasks,) float64 that sum to 1."""
        weights = self.sizes(units).astype(np.float64)
        if self.temperature is not None:
            # Scaled first: a large count to a large power would overflow.
            weights = (weights / weights.max()) ** (1 / self.temperature)
        return weights / weights.sum()

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class MixedOrder:
    """Which task each update is of, and its batch: a function of the seed and the update alone.

    An update's task is drawn with `Mixing.probabilities`; its batch is the next one of that task's own epochs, which
    are shuffled anew each time (``training.batches``). Units are numbered through all tasks: those of the second
    follow those of the first.

    Args:
        lengths: task -> (U,) tokens of each of its units.
        mixing: how often each is drawn.
        batch_size: units in a batch.
        epochs: passes over ``mixing.sizes`` units in all; a task is seen so often on average only where sampling is
            proportional, or capped and the task is below the cap.
        seed: of the run.
    """

    def __init__(
        self, lengths: Mapping[str, np.ndarray], mixing: Mixing, batch_size: int, epochs: float, seed: int
    ) -> None:
        self.lengths, self.batch_size, self.seed = dict(lengths), batch_size, seed
        self.tasks = tuple(lengths)
        units = np.array([len(each) for each in lengths.values()], dtype=np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(units)])
        self.probabilities = mixing.probabilities(units)
        self.updates = updates_in(int(mixing.sizes(units).sum()), batch_size, epochs)
        generator = np.random.default_rng([seed, 0x7A5C5])
        self.sequence = generator.choice(len(units), self.updates, p=self.probabilities).astype(np.int16)

    @property
    def drawn(self) -> dict[str, int]:
        """Task -> its updates in the whole run."""
        return dict(zip(self.tasks, np.bincount(self.sequence, minlength=len(self.tasks)).tolist(), strict=True))

    def batches(self, done: int = 0) -> Iterator[np.ndarray]:
        """Yield the units of update ``done``, ``done + 1``, ...: a resumed run sees what it would have."""
        before = np.bincount(self.sequence[:done], minlength=len(self.tasks)).tolist()
        streams = [
            batches_from(
                self.lengths[task], self.batch_size, derived_seed(self.seed, "order", task), self.drawn[task], start
            )
            for task, start in zip(self.tasks, before, strict=True)
        ]
        for task in self.sequence[done:]:
            yield next(streams[task]) + self.offsets[task]

    def about(self, update: int) -> dict[str, Any]:
        """What the log says of a 0-based update: its task."""
        return {"task": self.tasks[self.sequence[update]]}

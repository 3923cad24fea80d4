"""What a step with rows of its own beside the labelled ones has of the labelled step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xtremor.training.loop import Step


class StepBeside:
    """To the loop the units are those of the labelled step; the other rows join the first part of an update.

    Attributes:
        step: of the labelled rows, or another that stands beside it.
        pieces: that the other rows of an update are passed in.
    """

    step: Step
    pieces: int

    @property
    def lengths(self) -> np.ndarray:
        """(U,) tokens of each labelled unit."""
        return self.step.lengths

    @property
    def weights(self) -> np.ndarray:
        """(U,) targets of each labelled unit."""
        return self.step.weights

    def about(self) -> dict[str, Any]:
        """What the log says of the latest update beyond the loss."""
        return self.step.about()

    def parts_of(self, chosen: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Number and units of each piece of an update's other rows."""
        return enumerate(np.array_split(chosen, min(self.pieces, len(chosen))))

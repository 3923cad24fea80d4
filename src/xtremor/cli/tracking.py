"""Trackers that a run tells its figures: an option that commands which train share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    from xtremor.tracking.tracking import Tracking

TRACKERS = Group("Trackers", sort_key=6)


@Parameter(name="*", group=TRACKERS)
@dataclass(frozen=True)
class TrackingOptions:
    """Which trackers; nothing of a run depends on them."""

    tracker: Annotated[
        str | None,
        Parameter(help="tensorboard, mlflow, wandb (offline unless WANDB_MODE says otherwise), between commas."),
    ] = None

    def names(self) -> tuple[str, ...]:
        """Those named; raises UserError for an unknown one, or a package that is missing."""
        from xtremor.tracking.names import split_trackers

        return split_trackers(self.tracker)

    def made(self) -> Tracking:
        """Ready to begin; raises UserError as `names`."""
        from xtremor.tracking.tracking import Tracking

        return Tracking(self.names())


# The default of every command that takes them.
TRACKING = TrackingOptions()

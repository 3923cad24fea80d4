"""What an attack does, as a user states it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, cast

from xtremor.errors import UserError, unknown
from xtremor.evaluation.attack.victim import SITES
from xtremor.robust.ball import NORMS, SCOPES, Ball, Norm, Scope
from xtremor.tasks.losses import LOSSES

RADII = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class AttackSettings:
    """The balls, and what is done in each.

    Attributes:
        radii: ascending, in units of `relative`.
        relative: radii are shares of the mean norm of a vector at the site (L-infinity: of that divided by sqrt(H));
            False: absolute.
        norm, scope, site: of the ball; see `robust.ball` and `victim`.
        steps, restarts: of the ascent; the first starts where the next smaller radius ended, the others at random.
        loss: what is ascended, ``margin`` or ``cross-entropy``.
        draws: of random noise, and of misspellings.
        character_rates: shares of words to be misspelt, ascending.
        spare_special: special tokens are not perturbed.
        seed: of every draw.
    """

    radii: tuple[float, ...] = RADII
    relative: bool = True
    norm: str = "l2"
    scope: str = "token"
    site: str = "word"
    steps: int = 20
    restarts: int = 2
    loss: str = "margin"
    draws: int = 5
    character_rates: tuple[float, ...] = ()
    spare_special: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for option, value, known in (
            ("norm", self.norm, NORMS),
            ("scope", self.scope, SCOPES),
            ("site", self.site, SITES),
            ("loss", self.loss, tuple(LOSSES)),
        ):
            if value not in known:
                raise unknown(option, value, known)
        for option, number in (("--steps", self.steps), ("--restarts", self.restarts), ("--draws", self.draws)):
            if number < 1:
                raise UserError(f"{option} must be at least 1, not {number}")
        for option, sizes in (("--radii", self.radii), ("--character-rates", self.character_rates)):
            if list(sizes) != sorted(set(sizes)):
                raise UserError(f"{option} {','.join(f'{each:g}' for each in sizes)}: name each once, ascending")
        for size in self.radii:
            if not (math.isfinite(size) and size >= 0):
                raise UserError(f"--radii must be numbers of at least 0, not {size}")
        for rate in self.character_rates:
            if not 0 <= rate <= 1:
                raise UserError(f"--character-rates are shares of words, from 0 to 1, not {rate}")
        if not self.radii and not self.character_rates:
            raise UserError("there is nothing to do: name --radii, --character-rates, or both")

    def ball(self, radius: float, unit: float, width: int) -> Ball:
        """The ball of a radius, given the mean norm ``unit`` of a vector of size ``width`` at the site."""
        typical = unit / math.sqrt(width) if self.norm == "linf" else unit
        return Ball(radius * typical if self.relative else radius, cast(Norm, self.norm), cast(Scope, self.scope))

    def as_dict(self) -> dict[str, Any]:
        """For records and for telling whether a folder answers these settings."""
        found = asdict(self)
        return {**found, "radii": list(self.radii), "character_rates": list(self.character_rates)}

"""Methods by name: the settings a user types, their checks, and what each costs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError, nearest, unknown
from xtremor.robust.substitution.settings import Substitution

if TYPE_CHECKING:
    from xtremor.robust.methods import Method

SITES = ("word", "embeddings")
NORMS = ("l2", "linf")
SCOPES = ("token", "sequence", "sequence-scaled")
DROPOUT = ("shared", "fresh")


@dataclass(frozen=True)
class MethodCard:
    """What a method is, for the command line and the report.

    Attributes:
        name: as typed.
        title: one line.
        rule: what the weights are trained on.
        cost: counted passes in words; plain is 3.
        passes: settings -> counted passes per batch.
        options: which settings beyond none it reads.
        source: where it was published.
    """

    name: str
    title: str
    rule: str
    cost: str
    passes: Callable[[MethodSettings], int]
    options: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class MethodSettings:
    """A method and its settings, as a user states them.

    Attributes:
        name: key of `METHODS`.
        radius: size of the ball; see ``relative``. None takes the method's default.
        relative: the radius is a share of the mean norm of a vector at the site (L-infinity: of that norm
            divided by sqrt(H), the size of a typical entry); False: absolute.
        norm: ``l2`` or ``linf``.
        scope: ``token``, ``sequence`` or ``sequence-scaled``.
        steps: K of pgd, freelb and noise-k.
        step_size: ascent step as a share of the radius; None is 2.5 / K.
        start: random start as a share of the radius; None is the method's own (pgd 1, freelb and noise-k 0).
        draws: m of noise.
        site: ``word`` (word embeddings) or ``embeddings`` (output of the embedding block, after its LayerNorm).
        dropout: ``shared`` (one mask for all passes over a batch) or ``fresh``.
        neighbours, min_similarity, english_only, protect, copies, apart: of rsda; see `Substitution`.
    """

    name: str = "plain"
    radius: float | None = None
    relative: bool = True
    norm: str = "l2"
    scope: str = "token"
    steps: int | None = None
    step_size: float | None = None
    start: float | None = None
    draws: int = 1
    site: str = "word"
    dropout: str = "shared"
    neighbours: str | None = None
    min_similarity: float | None = None
    english_only: bool = False
    protect: str | None = None
    copies: int = 1
    apart: bool = False

    def __post_init__(self) -> None:
        if self.name not in METHODS:
            raise unknown("method", self.name, METHODS)
        for option, value, allowed in (
            ("--norm", self.norm, NORMS),
            ("--scope", self.scope, SCOPES),
            ("--site", self.site, SITES),
            ("--dropout", self.dropout, DROPOUT),
        ):
            if value not in allowed:
                close = nearest(value, allowed)
                raise UserError(
                    f"{option} '{value}' is none of {', '.join(allowed)}{f'; nearest: {close[0]}' if close else ''}"
                )
        for option, number, least in (("--steps", self.steps, 1), ("--draws", self.draws, 1)):
            if number is not None and number < least:
                raise UserError(f"{option} must be at least {least}, not {number}")
        for option, size in (("--radius", self.radius), ("--step-size", self.step_size), ("--start", self.start)):
            if size is not None and not (math.isfinite(size) and size >= 0):
                raise UserError(f"{option} must be a number of at least 0, not {size}")
        self._refuse_unread()
        # Checks what it is given.
        _ = self.substitution

    def _refuse_unread(self) -> None:
        read = METHODS[self.name].options
        for each in fields(self):
            changed = getattr(self, each.name) != each.default
            if each.name != "name" and changed and each.name not in read:
                takes = ", ".join(map(_option, read)) or "no options"
                raise UserError(f"{_option(each.name)} means nothing to the method '{self.name}', which takes {takes}")

    @property
    def perturbs(self) -> bool:
        """Whether vectors are perturbed, so that there is a ball; plain does nothing, rsda changes the text."""
        return "radius" in METHODS[self.name].options

    @property
    def substitution(self) -> Substitution | None:
        """The settings of word substitution; None for the other methods."""
        if self.name != "rsda":
            return None
        stated = {each.name: getattr(self, each.name) for each in fields(Substitution)}
        return Substitution(**{name: value for name, value in stated.items() if value is not None})

    def resolved(self) -> MethodSettings:
        """The same with the method's own defaults filled in."""
        if self.substitution is not None:
            return replace(self, **asdict(self.substitution))
        values = asdict(self)
        for option, default in DEFAULTS[self.name].items():
            if values[option] is None:
                values[option] = default
        return MethodSettings(**values)

    @property
    def arm(self) -> str:
        """Label for tables and folders: name, K or draws, and every other setting that is not the default.

        For example ``plain``, ``noise``, ``pgd-1``, ``freelb-2``, ``noise-k2``, ``pgd-3-r0.03-linf``. Two settings have
        the same label only if they are the same method.
        """
        settings, usual = self.resolved(), MethodSettings(self.name).resolved()
        label = self.name
        if "steps" in METHODS[self.name].options:
            label += f"{'' if self.name.endswith('-k') else '-'}{settings.steps}"
        elif self.draws != 1:
            label += f"-{self.draws}"
        parts = {
            "radius": f"r{settings.radius:g}" if settings.radius is not None else "",
            "relative": "absolute",
            "norm": settings.norm,
            "scope": settings.scope,
            "site": settings.site,
            "dropout": settings.dropout,
            "step_size": f"step{settings.step_size:g}" if settings.step_size is not None else "",
            "start": f"start{settings.start:g}" if settings.start is not None else "",
            "neighbours": _file_label(settings.neighbours),
            "min_similarity": f"cos{settings.min_similarity:g}" if settings.min_similarity is not None else "",
            "english_only": "english",
            "protect": f"protect-{_file_label(settings.protect)}",
            "copies": f"x{settings.copies}",
            "apart": "apart",
        }
        return "-".join(
            [label, *(text for key, text in parts.items() if text and getattr(settings, key) != getattr(usual, key))]
        )

    def as_dict(self) -> dict[str, Any]:
        """The settings that this method reads, resolved, for records."""
        values = asdict(self.resolved())
        return {key: values[key] for key in ("name", *METHODS[self.name].options)}


def _option(name: str) -> str:
    """The option that a user types for a setting; ``relative`` is switched off by ``--absolute``."""
    special = {"relative": "--absolute", "apart": "--substitute-apart"}
    return special.get(name, f"--{name.replace('_', '-')}")


def _file_label(named: str | None) -> str:
    """A word for labels: ``none``, or a file's name with something that tells it from files of that name elsewhere."""
    if named is None or named == "none":
        return named or ""
    return f"{Path(named).name.split('.')[0]}-{hashlib.sha256(named.encode()).hexdigest()[:4]}"


_BALL = ("radius", "relative", "norm", "scope", "site", "dropout")
METHODS: dict[str, MethodCard] = {
    card.name: card
    for card in (
        MethodCard("plain", "standard fine-tuning", "loss(e)", "3", lambda s: 3, (), "every baseline"),
        MethodCard(
            "noise",
            "random perturbation (RS-RP)",
            "loss(e + z), z uniform in the ball, averaged over the draws",
            "3 x draws",
            lambda s: 3 * s.draws,
            (*_BALL, "draws"),
            "Huang et al. 2021, arXiv 2104.08645",
        ),
        MethodCard(
            "pgd",
            "projected gradient descent (ADV)",
            "loss(e + delta) after K ascent steps from a random start",
            "2 x steps + 3",
            lambda s: 2 * (s.steps or 1) + 3,
            (*_BALL, "steps", "step_size", "start"),
            "Madry et al. 2018; Huang et al. 2021, arXiv 2104.08645",
        ),
        MethodCard(
            "freelb",
            "FreeLB: weights trained on every step of the ascent",
            "mean over K of loss(e + delta_t), delta ascending from 0",
            "3 x steps",
            lambda s: 3 * (s.steps or 1),
            (*_BALL, "steps", "step_size", "start"),
            "Zhu et al. 2020, arXiv 1909.11764",
        ),
        MethodCard(
            "noise-k",
            "FreeLB's twin with random directions (control)",
            "mean over K of loss(e + delta_t), delta walking at random",
            "3 x steps",
            lambda s: 3 * (s.steps or 1),
            (*_BALL, "steps", "step_size", "start"),
            "control for FreeLB: the same passes, norms and averaging",
        ),
        MethodCard(
            "rsda",
            "word substitution (RS-DA), drawn anew in every epoch",
            "loss(x'), every word of the text a draw from itself and up to 8 neighbours",
            "3; copies make epochs longer",
            lambda s: 3,
            ("neighbours", "min_similarity", "english_only", "protect", "copies", "apart"),
            "Huang et al. 2021, arXiv 2104.08645",
        ),
    )
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "noise": {"radius": 0.003},
    "pgd": {"radius": 0.003, "steps": 1, "start": 1.0},
    "freelb": {"radius": 0.003, "steps": 2, "start": 0.0},
    "noise-k": {"radius": 0.003, "steps": 2, "start": 0.0},
    "rsda": {"neighbours": "embeddings", "min_similarity": 0.4, "protect": "default"},
}


def expected_passes(settings: MethodSettings) -> int:
    """Passes per batch that the method's formula says (forward, to activations and to weights each 1)."""
    return METHODS[settings.name].passes(settings.resolved())


def build(settings: MethodSettings, unit: float, width: int) -> Method:
    """Make the method.

    Args:
        settings: what the user stated.
        unit: mean L2 norm of a vector at the site, which a relative radius is a share of.
        width: H, size of a vector at the site.
    """
    from typing import cast

    from xtremor.robust import methods
    from xtremor.robust.ball import Ball, Norm, Scope

    settings = settings.resolved()
    if not settings.perturbs:
        return methods.Plain()
    if settings.radius is None:
        raise UserError(f"the method '{settings.name}' needs --radius")
    typical = unit / math.sqrt(width) if settings.norm == "linf" else unit
    radius = settings.radius * typical if settings.relative else settings.radius
    ball = Ball(radius, cast(Norm, settings.norm), cast(Scope, settings.scope))
    if settings.name == "noise":
        return methods.RandomNoise(ball, settings.draws)
    kinds: dict[str, Callable[..., Method]] = {"pgd": methods.PGD, "freelb": methods.FreeLB, "noise-k": methods.NoiseK}
    size = None if settings.step_size is None else settings.step_size * radius
    return kinds[settings.name](ball, settings.steps or 1, size, settings.start or 0.0)

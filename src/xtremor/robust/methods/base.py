"""What every method is: settings that a user states and one step over one batch. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from xtremor.errors import UserError, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xtremor.robust.passes import Passes
    from xtremor.robust.substitution.settings import Substitution

NORMS = ("l2", "linf")
SCOPES = ("token", "sequence", "sequence-scaled")
DROPOUT = ("shared", "fresh")
DISTRIBUTIONS = ("uniform", "sphere", "normal")
SITES = ("word", "embeddings", "layer:N", "last")


class Runner(Protocol):
    """A method at work on one model; a method without a state is its own runner."""

    def step(self, passes: Passes) -> Tensor:
        """Make this batch's passes: add weight gradients, return the loss trained on; the caller applies them."""
        ...

    def after_update(self) -> None:
        """Called once after every weight update."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint must hold to go on exactly."""
        ...

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        ...


def number(default: float | None, least: float = 0.0, below: float = math.inf, quiet: bool = False) -> Any:
    """A field for a number from ``least`` to less than ``below``; None is the method's own choice.

    What is ``quiet`` appears in records only where it is not the default, so that they stay those of older versions.
    """
    return field(default=default, metadata={"least": least, "below": below, "quiet": quiet})


def one_of(default: str, allowed: Sequence[str], quiet: bool = False) -> Any:
    """A field for one of some words."""
    return field(default=default, metadata={"allowed": tuple(allowed), "quiet": quiet})


def switch(default: bool, quiet: bool = False) -> Any:
    """A field for yes or no."""
    return field(default=default, metadata={"quiet": quiet})


@dataclass(frozen=True, kw_only=True)
class Method:
    """Settings of a method; equal settings are the same method.

    Raises UserError when a setting is out of its range.

    Attributes:
        name: as typed on the command line.
        title: one line.
        rule: what the weights are trained on.
        cost_rule: passes per batch in words; plain is 3.
        source: where it was published.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    rule: ClassVar[str]
    cost_rule: ClassVar[str]
    source: ClassVar[str]

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, getattr(self, each.name), each.metadata)

    def step(self, passes: Passes) -> Tensor:
        """Make this batch's passes: add weight gradients, return the loss trained on (detached)."""
        raise NotImplementedError

    def cost(self) -> float:
        """Passes per batch over the part of the model above the site: forward, to activations, to weights."""
        return 3.0

    def expected_passes(self, below: float = 0.0) -> float:
        """Passes per batch; what lies below the site, this share of the layers, is passed as in plain training."""
        return 3.0 * below + self.cost() * (1.0 - below)

    def bind(self, model: nn.Module) -> Runner:
        """The method at work on ``model``; called once, when the model is as it will be trained."""
        return self

    def after_update(self) -> None:
        """Nothing: no state."""

    def state(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Nothing."""

    @property
    def at(self) -> str:
        """The site; ``word`` for a method that perturbs no input."""
        return str(getattr(self, "site", "word"))

    @property
    def shares_dropout(self) -> bool:
        """Whether all passes over a batch draw the same dropout masks."""
        return bool(getattr(self, "dropout", "shared") == "shared")

    @property
    def perturbs(self) -> bool:
        """Whether it has a radius, which is measured at the site."""
        return "radius" in self.options()

    @property
    def substitution(self) -> Substitution | None:
        """The settings of word substitution, for a method that rewrites the text."""
        return None

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Names of the settings that it reads."""
        return tuple(each.name for each in fields(cls))

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Its settings where nothing is stated."""
        read = cls.options()
        return {each.name: each.default for each in fields(cls) if each.name in read}

    @property
    def arm(self) -> str:
        """Label for tables and folders: name, K or draws, and every other setting that is not the default.

        For example ``plain``, ``noise``, ``pgd-1``, ``freelb-2``, ``noise-k2``, ``pgd-3-r0.03-linf``. Two methods have
        the same label only if they are the same.
        """
        values, usual, label = self.settings(), self.defaults(), self.name
        if "steps" in values:
            label += f"{'' if label.endswith('-k') else '-'}{values.pop('steps')}"
        elif values.get("draws", 1) != 1:
            label += f"-{values.pop('draws')}"
        first = [name for name in _LABELS if name in values]
        order = [*first, *(name for name in values if name not in first)]
        parts = [self.label_of(name) for name in order if values[name] != usual[name]]
        return "-".join([label, *(part for part in parts if part)])

    def label_of(self, name: str) -> str:
        """Part of the label for a setting that is not the default."""
        return _label(name, getattr(self, name))

    def settings(self) -> dict[str, Any]:
        """What it reads, by name."""
        return {name: getattr(self, name) for name in self.options()}

    def as_dict(self) -> dict[str, Any]:
        """Name and settings, for records."""
        quiet = {each.name for each in fields(self) if each.metadata.get("quiet")}
        usual, values = self.defaults(), self.settings()
        return {
            "name": self.name,
            **{key: value for key, value in values.items() if key not in quiet or value != usual[key]},
        }


_OPTIONS = {"relative": "--absolute", "apart": "--substitute-apart"}


def option_of(name: str) -> str:
    """What a user types for a setting; ``relative`` is switched off by ``--absolute``."""
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def unread(name: str, kind: type[Method]) -> UserError:
    """The refusal of a setting that a method does not read."""
    takes = ", ".join(map(option_of, kind.options())) or "no options"
    return UserError(f"{option_of(name)} means nothing to the method '{kind.name}', which takes {takes}")


_LABELS: dict[str, Callable[[Any], str]] = {
    "radius": lambda value: f"r{value:g}",
    "relative": lambda value: "relative" if value else "absolute",
    "norm": str,
    "scope": str,
    "site": lambda value: value.replace(":", ""),
    "dropout": str,
    "step_size": lambda value: f"step{value:g}",
    "start": lambda value: f"start{value:g}",
    "distribution": str,
}


def _label(name: str, value: Any) -> str:
    if name in _LABELS:
        return _LABELS[name](value)
    short = name.replace("_", "-")
    if isinstance(value, bool):
        return short if value else f"no-{short}"
    return f"{short}{value:g}" if isinstance(value, int | float) else f"{short}-{value}"


def _check(name: str, value: Any, rule: Any) -> None:
    """Raise UserError where a setting is not what its field allows."""
    option = option_of(name)
    if name == "site":
        check_site(value)
    elif "allowed" in rule and value not in rule["allowed"]:
        close = nearest(str(value), rule["allowed"])
        raise UserError(
            f"{option} '{value}' is none of {', '.join(rule['allowed'])}{f'; nearest: {close[0]}' if close else ''}"
        )
    elif "least" in rule and value is not None:
        least, below = rule["least"], rule["below"]
        whole = isinstance(least, int)
        if not isinstance(value, int if whole else int | float) or not least <= value < below or math.isinf(value):
            kind = "" if whole else "a number of "
            upper = "" if math.isinf(below) else f" and less than {below:g}"
            raise UserError(f"{option} must be {kind}at least {least:g}{upper}, not {value}")


def check_site(site: str) -> None:
    """Raise UserError where ``site`` is none of `SITES`."""
    head, _, depth = str(site).partition(":")
    if site in ("word", "embeddings", "last") or (head == "layer" and depth.isdecimal() and int(depth) > 0):
        return
    close = nearest(head, ("word", "embeddings", "layer:1", "last"))
    raise UserError(
        f"--site '{site}' is none of word, embeddings, layer:N (the output of layer N, from 1) and last"
        f"{f'; nearest: {close[0]}' if close else ''}"
    )


@dataclass(frozen=True, kw_only=True)
class Perturbed(Method):
    """A method with a ball around the input.

    Attributes:
        radius: size of the ball.
        relative: the radius is a share of the mean norm of a vector at the site (L-infinity: of that norm divided by
            sqrt(H), the size of a typical entry); False: absolute.
        norm: ``l2`` or ``linf``.
        scope: ``token``, ``sequence`` or ``sequence-scaled``, see `xtremor.robust.ball.Ball`.
        site: ``word`` (word embeddings), ``embeddings`` (output of the embedding block, after its LayerNorm),
            ``layer:N`` (output of layer N) or ``last`` (last hidden states). What lies below a layer is passed once.
        dropout: ``shared`` (one mask for all passes over a batch) or ``fresh``.
        spare_special: leave special tokens where they are.
    """

    radius: float = number(0.003)
    relative: bool = switch(True)
    norm: str = one_of("l2", NORMS)
    scope: str = one_of("token", SCOPES)
    site: str = one_of("word", SITES)
    dropout: str = one_of("shared", DROPOUT)
    spare_special: bool = switch(False, quiet=True)


@dataclass(frozen=True, kw_only=True)
class Ascending(Perturbed):
    """A method that climbs.

    Attributes:
        steps: K.
        step_size: a as a share of the radius; None is 2.5 / K (Madry et al. 2018), so that the edge is reached from
            anywhere.
        start: random start as a share of the radius; 0 starts at the clean input.
    """

    steps: int = number(1, least=1)
    step_size: float | None = number(None)
    start: float = number(1.0)

    def length(self, radius: float) -> float:
        """a, absolute."""
        return radius * (2.5 / self.steps if self.step_size is None else self.step_size)


def as_method(found: Any) -> Method:
    """``found`` where it is a method; raises UserError with what to write instead."""
    if isinstance(found, Method):
        return found
    hint = f"; write {found.__name__}()" if isinstance(found, type) and issubclass(found, Method) else ""
    raise UserError(f"a robust method is wanted, such as PGD(radius=0.003), not {found!r}{hint}")

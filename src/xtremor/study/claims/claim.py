"""What a claim is, and what a study says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
NOT_TESTABLE = "not testable here"
VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTABLE)
# Kind of a claim -> what it says of treatment minus control.
KINDS = {
    "gain": "it is more than the threshold",
    "as-good": "it is no loss: within the margin, or a gain",
    "more-in": "it is larger over one group of test sets than over another, by more than the threshold",
    "everywhere": "it is above the threshold in every target",
    "correlation": "it rises with a fact about languages",
    "untestable": "no study of this kind can tell",
}


@dataclass(frozen=True)
class Side:
    """Which arms can stand on one side of a contrast: by what they do, or by name.

    Attributes:
        arm: names, one of which it must be; empty is any.
        stage1, stage2: what the stage must be: a family (`xtremor.study.claims.roles`) or a method, with or without its
            number (``freelb``, ``freelb-2``); empty is whatever the other side has.
        either: the same of at least one of the stages, the other one being that or plain or none.
        settings: setting of the method -> value that it must have, where its stage is told.
        matched: whether it makes as many counted passes as the other side.
        checkpoint: rule by which it was scored; empty is the study's primary one.
        adversary: graph of the discriminator of languages on the targets, ``any``, or ``none`` for one that is not
            there or teaches nothing (a weight of 0); empty is what the other side has.
    """

    arm: tuple[str, ...] = ()
    stage1: str = ""
    stage2: str = ""
    either: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    matched: bool = False
    checkpoint: str = ""
    adversary: str = ""


@dataclass(frozen=True)
class Where:
    """Test sets.

    Attributes:
        tasks: names; empty is every target.
        setting: ``standard``, ``generalized`` (the two texts are in different languages), or empty for both.
        languages: codes; empty is all but English.
        strata: scheme -> value, all of which a language must have (`xtremor languages`; ``resource`` is low or other).
    """

    tasks: tuple[str, ...] = ()
    setting: str = ""
    languages: tuple[str, ...] = ()
    strata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A claim of a ledger.

    Attributes:
        name: short, once in a ledger.
        kind: one of `KINDS`.
        statement: what is claimed, in a sentence.
        source: who claims it.
        locator: where in the source.
        seeds, checkpoint, selection, note: how the source reported it: how many runs, which checkpoint was scored, what
            was chosen on what, anything else.
        treatment, control: the contrast; None for what cannot be tested.
        where: test sets that it is about.
        less: of ``more-in``: the test sets that ``where`` is set against.
        threshold: points that decide; of a correlation, the coefficient.
        margin: points that do not matter; None where the claim has none.
        against: of ``correlation``: the fact, `xtremor.study.claims.facts`.
        needs: of ``untestable``: what is missing.
    """

    name: str
    kind: str
    statement: str
    source: str
    locator: str = ""
    seeds: str = ""
    checkpoint: str = ""
    selection: str = ""
    note: str = ""
    treatment: Side | None = None
    control: Side | None = None
    where: Where = field(default_factory=Where)
    less: Where | None = None
    threshold: float = 0.0
    margin: float | None = None
    against: str = ""
    needs: str = ""

    @property
    def reported(self) -> str:
        """How the source reported it, in a line; empty where nothing is known."""
        named = (("seeds", self.seeds), ("checkpoint", self.checkpoint), ("selection", self.selection))
        return "; ".join([*(f"{name}: {text}" for name, text in named if text), *([self.note] if self.note else [])])


@dataclass(frozen=True)
class Verdict:
    """What the runs of a study say of a claim.

    Attributes:
        claim: see there.
        verdict: one of `VERDICTS`.
        why: a sentence.
        effect, low, high: the figure that decided, with its 95% interval: points, or a correlation coefficient; None
            where there is none.
        treatment, control: systems that were compared; empty where none was.
        p: two-sided p-value against the threshold, as it was measured; None without a test.
        adjusted: the p-value that decided, corrected by Holm over the ledger.
        caveats: what a reader must know beside it.
    """

    claim: Claim
    verdict: str
    why: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    treatment: str = ""
    control: str = ""
    p: float | None = None
    adjusted: float | None = None
    caveats: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Of ``effect``: ``points`` or ``rho``."""
        return "rho" if self.claim.kind == "correlation" else "points"

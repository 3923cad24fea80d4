"""Which arms of a study stand on the two sides of a claim, and on which test sets; or what is missing for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremor.errors import UserError, unknown
from xtremor.languages import PAIR, is_english
from xtremor.study.claims.claim import Claim, Side, Where
from xtremor.study.claims.roles import NONE, System, differing
from xtremor.study.plan import Plan

# Works of two arms that are counted as the same: schedules are whole numbers of updates.
SAME_WORK = 0.02
# Stages in which a role must hold that is told of either.
_EITHER = ((2,), (1,), (1, 2))


@dataclass(frozen=True)
class Pair:
    """A contrast that fits a claim.

    Attributes:
        others: further pairs that fit as well, with the same encoder and intermediate task.
    """

    treatment: System
    control: System
    others: int = 0


class Missing(Exception):
    """A claim cannot be tested; what is missing, as the rest of a sentence."""


def check_arms(claims: Sequence[Claim], design: Mapping[str, Any], where: str) -> None:
    """Raise UserError for a claim about an arm that the study has not."""
    known = [arm["name"] for arm in design["arms"]]
    for claim in claims:
        for key, side in (("treatment", claim.treatment), ("control", claim.control)):
            for name in side.arm if side is not None else ():
                if name not in known:
                    raise UserError(f"{where}, claim '{claim.name}', {key}: arm: {unknown('arm', name, known)}")


def pairs(claim: Claim, known: Sequence[System], plan: Plan) -> list[Pair]:
    """The pair to test a claim with, for every encoder and intermediate task that has one.

    Where several fit, a planned contrast comes first (primary before secondary), then the pair whose planned passes are
    most alike, then the order of the study: scores have no part in it.

    Raises:
        Missing: no arm on a side, or no two that differ in nothing but what the claim is about.
    """
    assert claim.treatment is not None and claim.control is not None
    fitting: dict[tuple[str, str], list[tuple[System, System]]] = {}
    reasons: list[str] = []
    for one in known:
        for other in known:
            if one is other or not _fit(claim.treatment, claim.control, one, other, known[0].checkpoint):
                continue
            reason = _apart(claim, one, other)
            if reason:
                reasons.append(reason)
            else:
                fitting.setdefault((one.encoder, one.intermediate or other.intermediate), []).append((one, other))
    if not fitting:
        raise Missing(reasons[0] if reasons else _lacking(claim, known))
    roles = {(each["treatment"], each["control"]): each["role"] for each in plan.design.get("contrasts", ())}

    def order(pair: tuple[System, System]) -> tuple[int, float]:
        role = roles.get((pair[0].arm, pair[1].arm)) or roles.get((pair[1].arm, pair[0].arm))
        return ("primary", "secondary", None).index(role), round(_unlike(*pair), 3)

    found = []
    for own in fitting.values():
        # Stable: the first of equals is the first of the study.
        treatment, control = min(own, key=order)
        found.append(Pair(treatment, control, len(own) - 1))
    return found


def _fit(treatment: Side, control: Side, one: System, other: System, primary: str) -> bool:
    if one.encoder != other.encoder or (one.intermediate and other.intermediate not in ("", one.intermediate)):
        return False
    for side, system in ((treatment, one), (control, other)):
        if (side.arm and system.arm not in side.arm) or system.checkpoint != (side.checkpoint or primary):
            return False
        if not system.opposed(side.adversary):
            return False
    # Checkpoint rules are compared on the very same runs.
    same = bool(treatment.checkpoint or control.checkpoint)
    if same and one.intermediate != other.intermediate:
        return False
    return (one.arm == other.arm) == same and _holds(treatment, control, one, other)


def _holds(treatment: Side, control: Side, one: System, other: System) -> bool:
    """Whether the roles hold, in either stage where that is what is asked."""
    if not treatment.either:
        return all(
            not role or system.fits(number, role, side.settings)
            for side, system in ((treatment, one), (control, other))
            for number, role in ((1, side.stage1), (2, side.stage2))
        )
    return any(
        all(
            one.fits(number, treatment.either, treatment.settings)
            and other.fits(number, control.either, control.settings)
            for number in stages
        )
        and all(_alike(one, other, number) for number in (1, 2) if number not in stages)
        for stages in _EITHER
    )


def _alike(one: System, other: System, number: int) -> bool:
    here, there = one.stage(number), other.stage(number)
    return here is there or (here is not None and there is not None and dict(here.method) == dict(there.method))


def _apart(claim: Claim, one: System, other: System) -> str:
    """Why two systems that fit differ in more than the claim is about; empty where they do not."""
    treatment, control = claim.treatment, claim.control
    assert treatment is not None and control is not None
    both = f"'{one.name}' and '{other.name}' fit, but"
    named = bool(treatment.arm and control.arm)
    if not named and not treatment.either:
        for number, told in ((1, treatment.stage1 or control.stage1), (2, treatment.stage2 or control.stage2)):
            if not told and not _alike(one, other, number):
                return f"{both} their stage {number} is not the same"
    # Two arms that were named are compared as they are; the review says in what they differ.
    beside = ("adversary",) if treatment.adversary and control.adversary else ()
    if not named and (more := differing(one, other, beside=beside)):
        return f"{both} they differ in more than the method: {'; '.join(more[:3])}"
    if treatment.matched and _unlike(one, other) > SAME_WORK:
        return f"{both} not with as many passes; an arm with match_compute would do"
    return ""


def _unlike(one: System, other: System) -> float:
    """How far the planned passes of two systems are apart, in the target where they are furthest."""
    shared = [task for task in one.work if task in other.work]
    ratios = [abs(one.work[task] / other.work[task] - 1) for task in shared if other.work[task]]
    return max(ratios, default=0.0)


def _lacking(claim: Claim, known: Sequence[System]) -> str:
    assert claim.treatment is not None and claim.control is not None
    for side in (claim.treatment, claim.control):
        if side.checkpoint and all(each.checkpoint != side.checkpoint for each in known):
            had = ", ".join(dict.fromkeys(each.checkpoint for each in known))
            return f"it needs scores by the checkpoint rule {side.checkpoint}, and the study scores {had} alone"
    for side in (claim.treatment, claim.control):
        if not any(_alone(side, system) for system in known):
            return f"no arm with {described(side)}"
    wanted = f"{described(claim.treatment)} and, but for that alike, one with {described(claim.control)}"
    return f"no arm with {wanted}"


def _alone(side: Side, system: System) -> bool:
    if (side.arm and system.arm not in side.arm) or not system.opposed(side.adversary):
        return False
    if side.either:
        return any(system.fits(number, side.either, side.settings) for number in (1, 2))
    return all(
        not role or system.fits(number, role, side.settings) for number, role in ((1, side.stage1), (2, side.stage2))
    )


def described(side: Side) -> str:
    """An arm in words: ``stage 1 adversarial``."""
    parts = [" or ".join(f"the name '{name}'" for name in side.arm)] if side.arm else []
    for number, role in ((1, side.stage1), (2, side.stage2)):
        if role:
            parts.append(f"no stage {number}" if role == NONE else f"stage {number} {role}")
    parts += [f"{side.either} training in either stage"] if side.either else []
    parts += [f"checkpoint {side.checkpoint}"] if side.checkpoint else []
    parts += [f"a language adversary ({side.adversary})"] if side.adversary not in ("", NONE) else []
    parts += ["text of other languages and no language adversary"] if side.adversary == NONE else []
    parts += [f"{key.replace('_', '-')} = {_toml(value)}" for key, value in side.settings.items()]
    return " and ".join(parts)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Tested:
    """A target of the study.

    Attributes:
        label: as the results name it.
        task: its name.
        generalized: whether its texts are paired across languages.
        languages: that are scored, as planned.
    """

    label: str
    task: str
    generalized: bool
    languages: tuple[str, ...]


def targets(plan: Plan) -> list[Tested]:
    """The targets of a study, in its order."""
    found = {}
    for cell in plan.cells:
        if cell.task not in found:
            stage = plan.stages[cell.evaluation]
            told = stage.config
            found[cell.task] = Tested(
                cell.task, stage.task, bool(told.get("generalized")), tuple(told.get("languages") or ())
            )
    return list(found.values())


def chosen(where: Where, known: Sequence[Tested]) -> list[Tested]:
    """Targets that a claim is about.

    Raises:
        Missing: the study has none of them.
    """
    had = ", ".join(dict.fromkeys(each.task for each in known))
    found = [each for each in known if not where.tasks or each.task in where.tasks]
    if not found:
        one = len(where.tasks) == 1
        tasks = f"task{'' if one else 's'} {' and '.join(where.tasks)} {'is' if one else 'are'}"
        raise Missing(f"{tasks} not among the targets, which are {had}")
    fitting = [each for each in found if not where.setting or each.generalized == (where.setting == "generalized")]
    if not fitting:
        raise Missing(
            f"no target in the {where.setting} setting; it needs generalized = {_toml(not found[0].generalized)}"
        )
    return fitting


def holds(where: Where, code: str) -> bool:
    """Whether a test set in a language, or a pair of languages, belongs to what a claim is about."""
    if where.languages:
        return code in where.languages
    if where.setting == "generalized" and PAIR in code and len(set(code.split(PAIR))) == 1:
        return False
    if is_english(code):
        return False
    return all(_stratum(scheme, code) == value for scheme, value in where.strata.items())


def _stratum(scheme: str, code: str) -> str:
    from xtremor.compare.groups import value_of

    return value_of(code, scheme)


def worded(where: Where) -> str:
    """What test sets a claim is about, in words; empty for all."""
    parts = [where.setting] if where.setting else []
    parts += [", ".join(where.languages)] if where.languages else []
    parts += [f"{scheme} {value}" for scheme, value in where.strata.items()]
    return ", ".join(parts)

"""Threats in how the two sides of a contrast were made: compute, recipes, where they were run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

from xtremor.study.claims.roles import System, differing
from xtremor.study.review.material import Material, Pair
from xtremor.study.review.threat import DECIDES, QUALIFIES, WEAKENS, Threat

# Counted passes that far apart are not the same schedule.
UNMATCHED = 0.05
PLAIN_PASSES = 3
# What of the environment a result may depend on.
_VERSIONS = ("xtremor", "python", "torch", "transformers", "tokenizers", "numpy")
_MACHINE = ("platform", "processor", "device", "threads")


def compute(material: Material) -> Iterator[Threat]:
    """Passes over a token that the sides made, as counted, target by target; as planned where nothing is finished."""
    for pair in material.pairs:
        ratios: dict[str, float] = {}
        counted = True
        for task in pair.treatment.work:
            own = _passes(material, pair.treatment, task), _passes(material, pair.control, task)
            if None in own:
                counted = False
                own = pair.treatment.work[task], pair.control.work.get(task)
            if own[0] and own[1]:
                ratios[task] = own[0] / own[1]
        far = {task: ratio for task, ratio in ratios.items() if abs(ratio - 1) > UNMATCHED}
        if not far:
            continue
        shown = ", ".join(f"{ratio:.2f} times on {task}" for task, ratio in far.items())
        how = "counted in the records" if counted else "as planned"
        lacks = pair.control.first is None and pair.treatment.first is not None
        why = " (the control has no first stage)" if lacks else ""
        said = f"{pair.treatment.name} makes {shown} the passes over tokens of {pair.control.name}, {how}{why}."
        advice = (
            f'Compare with an arm that has match_compute = "{pair.treatment.arm}"; without it, longer training may be '
            "the whole effect."
            if not lacks
            else "Say that the treatment trained longer too; a control with more epochs on the target would tell."
        )
        weight = DECIDES if pair.primary else QUALIFIES
        yield Threat("compute", "Unmatched compute", pair.name, said, advice, weight)


def _passes(material: Material, system: System, task: str) -> float | None:
    """Mean over the finished runs of a system on a target; None without any."""
    found = []
    for cell in system.cells:
        keys = [key for key in (cell.stage1, cell.target) if key is not None]
        if cell.task == task and all(key in material.told for key in keys):
            found.append(sum(_counted(material.told[key].get("counts") or {}) for key in keys))
    return fmean(found) if found and all(found) else None


def _counted(counts: Mapping[str, Any]) -> float:
    """Passes over a token: those that the hooks counted over batches, times the tokens of a batch."""
    names = ("forward", "backward_activations", "backward_weights")
    tokens, updates = float(counts.get("tokens") or 0), float(counts.get("updates") or 0)
    if updates and all(name in counts for name in names):
        return sum(float(counts[name]) for name in names) * tokens / updates
    return tokens * PLAIN_PASSES * float(counts.get("passes_relative_to_plain") or 1)


def recipes(material: Material) -> Iterator[Threat]:
    """Options that differ between the sides beside the method, and settings of the method that somebody set."""
    for pair in material.pairs:
        weight = DECIDES if pair.primary else QUALIFIES
        if more := [*differing(pair.treatment, pair.control), *_schedules(material, pair)]:
            yield Threat(
                "recipe", "More differs than the method", pair.name, f"{'; '.join(more[:6])}.",
                "Give both arms the same recipe, or say that the contrast is of recipes.", weight,
            )  # fmt: skip
        if more := _settings(pair):
            yield Threat(
                "recipe", "Settings of the method differ", pair.name, f"{'; '.join(more[:6])}.",
                "Give method and control the same ball and steps, so that one word tells them apart.", weight,
            )  # fmt: skip
    for arm in material.design["arms"]:
        if tuned := _tuned(arm):
            yield Threat(
                "selection", "Set by hand", f"arm {arm['name']}",
                f"{', '.join(tuned)}: stated in the study file; nothing in the store says what it was chosen on.",
                "Say where it is from; if from scores in target languages, the gain is chosen too. Give every arm as "
                "many trials, on English dev (xtremor sweep), or report a whole grid.",
                WEAKENS if any(each.arm == arm["name"] and each.name in material.primary for each in material.systems)
                else QUALIFIES,
            )  # fmt: skip


def _schedules(material: Material, pair: Pair) -> list[str]:
    """Epochs that were stated apart, rather than stretched to match."""
    matched = {arm["name"] for arm in material.design["arms"] if arm.get("match_compute")}
    if matched & {pair.treatment.arm, pair.control.arm}:
        return []
    stages = [(1, pair.treatment.first, pair.control.first)]
    stages += [
        (2, one, pair.control.second[task])
        for task, one in pair.treatment.second.items()
        if task in pair.control.second
    ]
    found: dict[str, None] = {}
    for number, one, other in stages:
        if one is None or other is None:
            continue
        here, there = one.settings.get("epochs"), other.settings.get("epochs")
        if here != there:
            found[
                f"stage {number} epochs {here:g} against {there:g}" if here and there else f"stage {number} epochs"
            ] = None
    return list(found)


def _settings(pair: Pair) -> list[str]:
    """Settings that both methods have, with different values."""
    found: dict[str, None] = {}
    stages = [(1, pair.treatment.first, pair.control.first)]
    stages += [(2, pair.treatment.stage(2), pair.control.stage(2))]
    for number, one, other in stages:
        if one is None or other is None:
            continue
        for name in one.method:
            if name != "name" and name in other.method and one.method[name] != other.method[name]:
                found[f"stage {number} {name} {one.method[name]} against {other.method[name]}"] = None
    return list(found)


def _tuned(arm: Mapping[str, Any]) -> list[str]:
    """Numbers that an arm states for itself, beside its method's name and number."""
    found = []
    for number in (1, 2):
        stated = (arm.get(f"stage{number}") or {}).get("stated", ())
        for name, value in stated:
            if name not in _NOT_TUNED and isinstance(value, int | float) and not isinstance(value, bool):
                found.append(f"stage {number} {name} = {value:g}")
    return found


_NOT_TUNED = ("steps", "draws", "copies", "train_rows", "max_length", "epochs", "batch_size")


def environments(material: Material) -> Iterator[Threat]:
    """Versions and machines of the two sides."""
    for pair in material.pairs:
        sides = [_environments(material, system) for system in (pair.treatment, pair.control)]
        if not all(sides):
            continue
        found = []
        for part, names in (("versions", _VERSIONS), ("machine", _MACHINE)):
            for name in names:
                # What a stage did not record says nothing: an evaluation has no threads of its own.
                here, there = ({_value(each, part, name) for each in side} - {""} for side in sides)
                if here and there and here != there:
                    found.append(f"{name} {_listed(here)} against {_listed(there)}")
        if found:
            yield Threat(
                "environment", "Arms were run differently", pair.name, f"{'; '.join(found[:6])}.",
                "Run both arms in one environment, or shuffle runs over machines so that arms do not differ in it.",
                WEAKENS if pair.primary else QUALIFIES,
            )  # fmt: skip


def _environments(material: Material, system: System) -> list[Mapping[str, Any]]:
    keys = {key: None for cell in system.cells for key in material.keys(cell)}
    return [material.told[key].get("environment") or {} for key in keys if key in material.told]


def _value(environment: Mapping[str, Any], part: str, name: str) -> str:
    value = (environment.get(part) or {}).get(name)
    return "" if value is None else str(value)


def _listed(values: set[str]) -> str:
    return " and ".join(sorted(values))

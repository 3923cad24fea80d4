"""Arms whose encoder went through earlier stages of training: their labels, and what makes two of them the same arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xtremor.report.records import Run

# What of a stage differs between the seeds of one arm, or only says where it lay.
_OF_THE_RUN = ("seed", "folder", "fingerprint")
_OF_THE_SETTINGS = ("seed", "task", "encoder", "method", "updates", "threads", "snapshots")


def stages(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages before a run, the first first; empty for a run on a pretrained encoder. ``info`` is its run.json."""
    return list((info.get("lineage") or {}).get("stages") or ())


def is_lineage(value: Any) -> bool:
    """Whether a value of run.json can be read as a lineage."""
    if not isinstance(value, dict) or not isinstance(value.get("encoder"), dict):
        return False
    found = value.get("stages")
    named = (isinstance(each, dict) and isinstance(each.get("method"), dict) for each in found or ())
    return isinstance(found, list) and bool(found) and all(named) and all({"arm", "task"} <= set(e) for e in found)


def label(info: Mapping[str, Any]) -> str:
    """The arm with every stage before it, the last first: ``plain after pgd-1 on xnli after freelb-2 on mnli``."""
    before = [f"{each['arm']} on {each['task']}" for each in reversed(stages(info))]
    return " after ".join([str(info["arm"]), *before])


def root(info: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded of the pretrained encoder that everything began with."""
    found: dict[str, Any] = (info["lineage"] if stages(info) else info).get("encoder") or {}
    return found


def treatment(info: Mapping[str, Any]) -> dict[str, Any]:
    """The method that an arm is about: its own, or where that is plain the last earlier one that is not."""
    methods = [info["method"], *(each["method"] for each in reversed(stages(info)))]
    return next((dict(each) for each in methods if each.get("name") != "plain"), dict(methods[0]))


def opposed(info: Mapping[str, Any]) -> bool:
    """Whether a discriminator of languages stood against the encoder, in this run or in a stage before it."""
    return any((each.get("training") or {}).get("adversary") for each in (info, *stages(info)))


def treated(info: Mapping[str, Any]) -> tuple[tuple[Any, bool], ...]:
    """Task of each stage and whether it was plain: what an arm and its control have in common."""
    return tuple((each["task"], _plain(each)) for each in (*stages(info), info))


def _plain(stage: Mapping[str, Any]) -> bool:
    return bool(stage["method"].get("name") == "plain" and not (stage.get("training") or {}).get("adversary"))


def configuration(info: Mapping[str, Any]) -> dict[str, Any]:
    """What defines an arm's earlier stages, flat (``stage 1 (xnli).training.epochs`` -> 2), seeds aside."""
    found: dict[str, Any] = {}
    for number, each in enumerate(stages(info), start=1):
        facts = {key: value for key, value in each.items() if key not in (*_OF_THE_RUN, "task")}
        training = {key: value for key, value in (each.get("training") or {}).items() if key not in _OF_THE_SETTINGS}
        found |= flat({**facts, "training": training}, f"stage {number} ({each['task']}).")
    return found


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings without nesting, so that all of them can be compared: ``training.epochs`` -> 2."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = tuple(value) if isinstance(value, list) else value
    return found


def _parallel(staged: Sequence[Run]) -> list[str]:
    """What a reader must know of arms whose encoder was aligned with parallel text."""
    from xtremor.alignment.rival import fairness, used

    said: list[str] = []
    for run in staged:
        for stage in stages(run.info):
            found = (stage.get("training") or {}).get("alignment")
            if isinstance(found, dict):
                encoder = str(root(run.info).get("name"))
                languages = list(found.get("languages") or ())
                said.append(f"Arm {run.arm}: {used(languages, str(found.get('parallel_text')))}; {fairness(encoder)}.")
    return list(dict.fromkeys(said))


def notices(runs: Sequence[Run]) -> list[str]:
    """What a reader must know of arms with earlier stages; nothing where there are none."""
    staged = [run for run in runs if stages(run.info)]
    if not staged:
        return []
    said = ["Passes, times and English dev are those of the last stage; what an earlier stage cost is in its own run."]
    said += _parallel(staged)
    for arm in dict.fromkeys(run.arm for run in staged):
        own = [run for run in staged if run.arm == arm]
        if len({stages(run.info)[-1].get("fingerprint") for run in own}) < len(own):
            said.append(
                f"Runs of the arm {arm} share one model of the stage before: their spread is that of the last stage "
                "alone, and their interval too narrow."
            )
    return said

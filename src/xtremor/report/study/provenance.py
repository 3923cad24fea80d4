"""Where everything comes from: plan, software, machines, encoders, data, and the commands that compute it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from xtremor.evaluation.rules import LAST
from xtremor.report.context import settings
from xtremor.report.study.findings import Findings
from xtremor.report.study.material import Material, listed, named, short


def provenance(study: Material) -> list[tuple[str, list[str]]]:
    """Title and lines of each fact."""
    environments = [each.told.get("environment") or {} for each in study.stages.values()]
    dates = sorted(str(each["created"]) for each in environments if each.get("created"))
    many = len(study.plan.stages)
    return [
        ("Plan", [f"hash {study.plan.digest}", study.status.frozen.sentence()]),
        (
            "Finished",
            [f"{len(study.stages)} of {many} stages{f', {dates[0]} to {dates[-1]}' if dates else ''}", *_failed(study)],
        ),
        ("Versions", _counted(settings(each.get("versions") or {}) for each in environments)),
        ("Machines", _counted(settings(each.get("machine") or {}) for each in environments)),
        ("Encoders", _encoders(study)),
        ("Data", _data(study)),
        ("Threads", [listed(sorted({str(stage.threads) for stage in study.plan.stages.values()}))]),
    ]


def _failed(study: Material) -> list[str]:
    return [f"failed: {each['name']}: {each['reason']}" for each in study.status.failures.values()]


def _counted(texts: Iterable[str]) -> list[str]:
    found = Counter(text or "not recorded" for text in texts)
    return [f"{text} ({count} stages)" if len(found) > 1 else text for text, count in found.most_common()]


def _encoders(study: Material) -> list[str]:
    found: dict[str, Mapping[str, Any]] = {}
    for stage in study.plan.stages.values():
        if "encoder" in stage.config:
            found[named(str(stage.place.get("encoder") or ""))] = stage.config["encoder"]
    return [
        f"{name}, weights {str(told['fingerprint'])[:16]}, tokenizer {str(told['tokenizer'])[:16]}"
        for name, told in found.items()
    ]


def _data(study: Material) -> list[str]:
    sources: dict[str, dict[str, str]] = {}
    for stage in study.plan.stages.values():
        told = stage.data.values() if "source" not in stage.data else [stage.data]
        for each in told:
            sources.setdefault(str(each["source"]), {}).update(each["files"])
    return [f"{name}: {len(files)} files, each known by its sha256 in plan.json" for name, files in sources.items()]


def commands(study: Material, findings: Findings) -> str:
    """What a reader types to compute the figures again."""
    folder = study.folder.path.name
    rule = study.runs[0].cell.checkpoint
    usual = LAST if LAST in study.design["checkpoints"] else rule
    # Asked for another rule than the usual one, the table names it beside each system.
    asked, beside = ("", "") if rule == usual else (f" --checkpoint {rule}", f" ({rule})")
    lines = [f"xtremor study verify {folder}", f"xtremor results {folder}{asked} --output scores.csv"]
    assumed = study.design["assumed"]
    more = f" --effect {assumed['effect']:g}" if assumed["effect"] else ""
    more += f" --margin {assumed['margin']:g}" if assumed["margin"] else ""
    first = [each for each in findings.planned if each.role == "primary"]
    families = [("primary contrasts", first, ""), ("all planned contrasts", list(findings.planned), "")]
    if findings.strata is not None:
        families.append(("and strata", list(findings.planned), f" --strata '{','.join(study.design['strata'])}'"))
    told = set()
    for what, planned, strata in families:
        pairs = ",".join(f"{each.treatment}{beside}:{each.control}{beside}" for each in planned)
        if pairs and (pairs, strata) not in told:
            told.add((pairs, strata))
            lines.append(f"xtremor compare scores.csv --contrasts '{pairs}'{strata}{more}   # {what}")
    return "\n".join(lines)


def warnings(study: Material) -> list[str]:
    """Warnings of runs, each once, with how many stages gave it."""
    found: dict[str, list[str]] = {}
    for key, each in study.stages.items():
        for text in each.told.get("warnings") or ():
            found.setdefault(str(text), []).append(short(key))
    return [
        f"{text} ({'stage' if len(keys) == 1 else f'{len(keys)} stages, the first'} {keys[0]})"
        for text, keys in found.items()
    ]

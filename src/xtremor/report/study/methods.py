"""Text for a paper's methods section, and the BibTeX of what the study used; facts from the plan, no judgement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from xtremor.compare.sentences import number
from xtremor.encoders.cards import known_card
from xtremor.errors import UserError
from xtremor.evaluation.rules import LAST, ORACLE
from xtremor.report.context import settings
from xtremor.report.study.findings import Findings
from xtremor.report.study.material import Material, labelled_in, listed, named
from xtremor.robust.registry import METHODS
from xtremor.tasks.cards import card

# What is cited beside the arXiv numbers on the cards of tasks and methods.
BESIDE = {
    "panx": ("pan2017wikiann",),
    "udpos": ("nivre2020ud",),
    "bucc2018": ("zweigenbaum2018bucc",),
    "pgd": ("madry2018pgd",),
}
# Words in an encoder's name -> entry.
ENCODERS = {
    ("e5", "starter"): "wang2024e5",
    ("mbert", "bert-base-multilingual"): "devlin2019bert",
    ("xlm-r", "xlm-roberta"): "conneau2020xlmr",
    ("mdeberta",): "he2023deberta",
    ("glot500",): "imani2023glot500",
}
_ARXIV = re.compile(r"arXiv\s+([0-9]{4}\.[0-9]{5})|arXiv\s+([0-9]{7})")


def methods_text(study: Material, findings: Findings) -> list[str]:
    """Paragraphs: training, arms, evaluation, statistics."""
    return [_training(study), _arms(study), _evaluation(study), _statistics(study, findings)]


def _training(study: Material) -> str:
    design = study.design
    encoders = [f"{named(each)}{_about(each)}" for each in design["encoders"]]
    before = [each["task"] for each in design["intermediate"]]
    first = (
        f"In a first stage, arms that have one train on {listed(before, 'or')}{_recipe(design['stage1'])}; only the "
        "encoder crosses to the second stage. "
        if before
        else ""
    )
    targets = listed([each["task"] for each in design["targets"]])
    recipe = _recipe(design["stage2"])
    return (
        f"We fine-tune {listed(encoders)} with xtremor {_version(study)}. {first}Target tasks are {targets}, trained "
        f"on {_labelled(study)}{recipe}. {_rule(study)}"
    )


def _labelled(study: Material) -> str:
    """In which languages rows have labels."""
    several = {bool(_settings(study, cell.target).get("sources")) for cell in study.plan.cells}
    if several == {False}:
        return "English alone"
    return ("English, or " if False in several else "") + "the arm's source languages at an equal total of rows"


def _averaged(study: Material) -> str:
    """Which languages averages are without."""
    lost = sorted({code for task in study.tasks for code in labelled_in(study.plan, task)})
    return f"English and without those that some arm was trained on ({', '.join(lost)})" if lost else "English"


def _rule(study: Material) -> str:
    """By which checkpoint runs are scored."""
    rule, others = study.runs[0].cell.checkpoint, dict.fromkeys(run.cell.checkpoint for run in study.beside)
    what = "The last step of a fixed schedule is scored" if rule == LAST else f"Runs are scored by the rule {rule}"
    beside = f"; {listed(list(others))} are reported beside it" if others else ""
    oracle = ", which the oracle alone does and is an upper bound" if ORACLE in others else ""
    return f"{what}{beside}. Nothing was selected on a target language{oracle}."


def _about(name: str) -> str:
    found = known_card(name)
    return f" ({found.parameters}M parameters; training: {found.exposure})" if found else ""


def _recipe(stage: Mapping[str, Any]) -> str:
    shown = {
        key.replace("_", " "): f"{value:g}" if isinstance(value, float) else str(value)
        for key, value in stage["stated"]
    }
    told = ", ".join(f"{key} {value}" for key, value in shown.items())
    return f" ({told}; all else at the task's defaults)" if told else ""


def _version(study: Material) -> str:
    found = sorted(
        {
            str((each.told.get("environment") or {}).get("versions", {}).get("xtremor", ""))
            for each in study.stages.values()
        }
    )
    return ", ".join(filter(None, found)) or "(version not recorded)"


def _arms(study: Material) -> str:
    said = []
    for arm in study.design["arms"]:
        cell = next(each for each in study.plan.cells if each.arm == arm["name"])
        keys = [("first stage", cell.stage1), ("targets", cell.target)]
        stages = [f"{where}: {_method(study, key)}" for where, key in keys if key is not None]
        if arm["stage1"] is None and study.design["intermediate"]:
            stages.insert(0, "no first stage")
        if arm["match_compute"]:
            stages.append(f"as many counted passes as {arm['match_compute']}, the schedule stretched")
        said.append(f"{arm['name']} ({'; '.join(stages)})")
    seeds = study.design["seeds"]
    nested = f", each with {len(seeds['stage2'])} second stages nested in it" if len(seeds["stage2"]) > 1 else ""
    return (
        f"Arms: {'; '.join(said)}. Every arm has {len(seeds['stage1'])} seeds{nested}; arms share seeds, data order "
        "and initial heads. The first stage's seed is the unit of replication."
    )


def _method(study: Material, key: str) -> str:
    """``freelb, steps 2, radius 0.003``, and what else an arm reads: sources, text without labels, a discriminator."""
    stated = _settings(study, key)
    told = dict(stated.get("method") or {"name": "plain"})
    parts = [str(told["name"]), settings(told)]
    sources, text, adversary = (stated.get(name) for name in ("sources", "unlabelled", "adversary"))
    if sources:
        parts.append(f"labelled rows in {listed(sources)}")
    if text:
        where = (
            f"text of {listed(text['languages'])} ({text['split']})" if text["languages"] else "text of its own files"
        )
        parts.append(f"{text['rows']} rows of unlabelled {where} an update")
    if adversary:
        graph = adversary["graph"]
        by = f" by {adversary['distance']}" if graph in ("clusters", "permuted") else ""
        parts.append(
            f"a discriminator of languages over {'the ' if graph == 'graph' else ''}{graph}{by}, {adversary['game']}, "
            f"weight {adversary['weight']:g} ({adversary['schedule']})"
        )
    return ", ".join(filter(None, parts))


def _settings(study: Material, key: str) -> Mapping[str, Any]:
    """Of the training of a stage."""
    return study.plan.stages[key].config.get("settings") or {}


def _evaluation(study: Material) -> str:
    said = []
    for task in study.tasks:
        run = study.of(None, task)[0]
        items = sum(run.items.values())
        said.append(
            f"{task} ({run.scored.get('metric', 'score')}, {run.cell.split}, {len(run.scores)} languages, {items:,} "
            "items)"
        )
    return (
        f"Zero-shot scores: {listed(said)}{_halved(study)}. A run's figure is its macro mean: the unweighted mean over "
        f"a task's languages without {_averaged(study)}, then over tasks."
    )


def _halved(study: Material) -> str:
    """Where products were in bfloat16."""
    reduced = [each["task"] for each in study.design["targets"] if each.get("scoring_precision") == "bf16"]
    return f", those of {listed(reduced)} computed in bfloat16" if reduced else ""


def _statistics(study: Material, findings: Findings) -> str:
    assumed, design = study.design["assumed"], study.design
    planned = [f"{each['treatment']} minus {each['control']} ({each['role']})" for each in design["contrasts"]]
    paired = {findings.main(each).main.pairing.paired for each in findings.planned}
    test = (
        "paired t-tests"
        if paired == {True}
        else "Welch's t-tests"
        if paired == {False}
        else "t-tests (paired where seeds are shared)"
    )
    strata = (
        f", and over these and the planned strata ({listed([s.replace('_', ' ') for s in design['strata']])}) for "
        "strata"
        if design["strata"]
        else ""
    )
    margin = (
        f"; equivalence is tested by two one-sided tests with a margin of {assumed['margin']:g} points"
        if assumed["margin"]
        else ""
    )
    what = (
        f"Planned contrasts: {'; '.join(planned)}. They are judged by {test} on run-level means with 95% t-intervals, "
        "corrected by Holm's method over the primary contrasts, over all planned ones for the "
        f"others{strata}{margin}. Differences in single languages are exploratory (Benjamini-Hochberg)."
        if planned
        else "No contrast was planned, and none was tested."
    )
    return (
        f"{what} The effect that matters was set to {number(assumed['effect'])} points. As to the plan, "
        f"{study.status.frozen.sentence()}."
    )


@cache
def entries() -> dict[str, str]:
    """Key -> BibTeX entry of all that can be cited."""
    from importlib.resources import files

    text = (files("xtremor.report") / "assets" / "references.bib").read_text(encoding="utf-8")
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    return {part[part.index("{") + 1 : part.index(",")]: part for part in parts}


def bibliography(study: Material) -> str:
    """Entries of what the study used: benchmark, tasks, encoders, methods, tests."""
    keys: dict[str, None] = dict.fromkeys(["xtremor"])
    tasks = [each["task"] for each in (*study.design["targets"], *study.design["intermediate"])]
    names = {name for task in tasks for name in task.split(",")}
    if any(_on_card(name, "source") == "official" for name in names):
        keys["ruder2021xtremer"] = None
    for name in sorted(names):
        keys |= dict.fromkeys([*_cited(str(_on_card(name, "citation") or "")), *BESIDE.get(name, ())])
    if study.design["intermediate"]:
        keys["phang2020intermediate"] = None
    for encoder in study.design["encoders"]:
        last = named(encoder).lower()
        keys |= dict.fromkeys(key for words, key in ENCODERS.items() if any(word in last for word in words))
    for method in sorted(_methods(study)):
        kind = METHODS.get(method)
        keys |= dict.fromkeys([*_cited(kind.source if kind else ""), *BESIDE.get(method, ())])
    keys |= dict.fromkeys(_tests(study))
    return "\n\n".join(entries()[key] for key in keys)


def _on_card(task: str, name: str) -> Any:
    try:
        return getattr(card(task), name)
    except UserError:
        return None


def _cited(text: str) -> Iterable[str]:
    numbers = {one or two for one, two in _ARXIV.findall(text)}
    return [key for key, entry in entries().items() if any(f"eprint = {{{each}}}" in entry for each in numbers)]


def _methods(study: Material) -> set[str]:
    told = (stage.config.get("settings") or {} for stage in study.plan.stages.values())
    return {str((each.get("method") or {}).get("name", "plain")) for each in told}


def _tests(study: Material) -> list[str]:
    found = ["welch1947", "holm1979", "benjamini1995"] if study.design["contrasts"] else []
    found += ["schuirmann1987"] if study.design["contrasts"] and study.design["assumed"]["margin"] else []
    strata = study.design["strata"]
    found += ["joshi2020state"] if "joshi_class" in strata or not strata else []
    if any(run.scored.get("calibration") for run in study.runs):
        found.append("guo2017calibration")
    stated = [arm[key] for arm in study.design["arms"] for key in ("stage1", "stage2") if arm[key]]
    if any(name == "l2_sp" for each in stated for name, _ in each["stated"]):
        found.append("li2018l2sp")
    return found

"""Threats in what is scored: languages, sizes, floors, and what encoder and first stage saw before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

from xtremor.errors import UserError
from xtremor.languages import PAIR, is_english, low_resource
from xtremor.study.claims.binding import Tested, targets
from xtremor.study.claims.roles import all_cells
from xtremor.study.plan import Cell
from xtremor.study.review.exposure import exposure, named, twice
from xtremor.study.review.material import Material
from xtremor.study.review.threat import DECIDES, QUALIFIES, WEAKENS, Threat
from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards import card
from xtremor.training.learning import HARDLY_LEARNING

# Items of a language up to which its score is mostly the draw of its items: 5 points of standard error at 50 percent.
TINY = 100
# First rows of each language that are too few to tell small effects in it.
SHORT = 500
ORACLE, BEST_DEV = "oracle", "best-dev"


def selected(material: Material) -> Iterator[Threat]:
    """Checkpoint rules that look at a target language, or at English dev."""
    rules = list(
        dict.fromkeys(
            [*material.design.get("checkpoints", ()), *(cell.checkpoint for cell in all_cells(material.plan))]
        )
    )
    for number, rule in enumerate(rules):
        if rule == ORACLE:
            yield Threat(
                "selection", "Selected on the target", f"checkpoint rule {rule}",
                "It takes in each language the checkpoint that scores best there.",
                "Show it as an upper bound, never as a result.", DECIDES if number == 0 else QUALIFIES,
            )  # fmt: skip
        elif rule == BEST_DEV and number == 0:
            yield Threat(
                "selection", "Selected on English dev", f"checkpoint rule {rule}",
                "The checkpoint, and with it the length of training, is chosen by arm, on a score that is often "
                "unrelated to the target's.",
                "Make the last step primary, and report this beside it.", WEAKENS,
            )  # fmt: skip


def _cells(material: Material, target: Tested) -> list[Cell]:
    return [cell for cell in material.plan.cells if cell.task == target.label]


def _card(task: str) -> TaskCard | None:
    try:
        return card(task)
    except UserError:
        return None


def _scores(material: Material, cells: list[Cell]) -> Iterator[Mapping[str, Mapping[str, float]]]:
    return (material.scores[cell.evaluation]["languages"] for cell in cells if cell.evaluation in material.scores)


def floors(material: Material) -> Iterator[Threat]:
    """Targets whose scores stay near what guessing gives."""
    for target in targets(material.plan):
        floor = _floor(target.task)
        own = {}
        for system in material.systems:
            cells = [cell for cell in system.cells if cell.task == target.label]
            found = [
                float(each["score"])
                for run in _scores(material, cells)
                for code, each in run.items()
                if not is_english(code)
            ]
            if found:
                own[system.name] = fmean(found)
        near = {name: mean for name, mean in own.items() if mean < floor + HARDLY_LEARNING * (100 - floor)}
        if near:
            shown = ", ".join(f"{name} {mean:.1f}" for name, mean in near.items())
            yield Threat(
                "floor", "Scores near the floor", target.label,
                f"Guessing gives {floor:.1f}; means over languages: {shown}.",
                "Differences between such arms show nothing; say so, or train the target on more.",
                DECIDES if material.primary & set(near) and len(near) == len(own) else WEAKENS,
            )  # fmt: skip


def _floor(task: str) -> float:
    """What guessing gives: one in so many classes, one of two choices, else nothing."""
    found = _card(task)
    if found is None or found.metric != "accuracy":
        return 0.0
    if found.category == "choice":
        return 50.0
    return 100 / len(found.labels) if found.labels and found.category == "classification" else 0.0


def exposed(material: Material) -> Iterator[Threat]:
    """Encoders that saw labels, text or translations of what they are tested on, or trained on first."""
    for encoder in dict.fromkeys(cell.encoder for cell in material.plan.cells):
        own = [cell for cell in material.plan.cells if cell.encoder == encoder]
        first = dict.fromkeys(
            name.strip() for cell in own if cell.intermediate for name in cell.intermediate.split(",")
        )
        scored = dict.fromkeys(material.plan.stages[cell.evaluation].task for cell in own)
        said: dict[tuple[str, bool], list[str]] = {}
        for task in (*first, *scored):
            found = exposure(encoder, task)
            if found is not None and task not in said.setdefault(found, []):
                said[found].append(task)
        for (line, taught), tasks in said.items():
            before = [task for task in tasks if task in first and taught]
            more = f" With it no intermediate task is not none for {' and '.join(before)}." if before else ""
            yield Threat(
                "exposure", "Seen before", f"{named(encoder)} on {' and '.join(tasks)}",
                f"{line[:1].upper()}{line[1:].rstrip('.')}.{more}",
                "Call these cells not strictly zero-shot wherever they stand; confirm with an encoder that saw none."
                if taught
                else "Say so beside these cells.",
                WEAKENS if taught else QUALIFIES,
            )  # fmt: skip


def same_data(material: Material) -> Iterator[Threat]:
    """First stages whose training data is the target's."""
    found: dict[tuple[str, str], bool] = {}
    for cell in material.plan.cells:
        if cell.stage1 is None:
            continue
        task = material.plan.stages[cell.target].task
        key = (cell.intermediate, task)
        if key not in found:
            found[key] = twice(*key) or bool(_files(material, cell.stage1) & _files(material, cell.target))
    for (first, task), same in found.items():
        if same:
            yield Threat(
                "same-data", "The same data twice", f"{first} before {task}",
                f"The English training set of {task} is, or is made of, what the first stage trained on.",
                "Report this target apart: its gain may be that of more epochs.", WEAKENS,
            )  # fmt: skip


def _files(material: Material, key: str) -> set[str]:
    """Digests of the files that a training reads; shorter texts are no digests."""
    told = material.plan.stages[key].data.values()
    digests = (each for one in told if isinstance(one, Mapping) for each in (one.get("files") or {}).values())
    return {str(each) for each in digests if len(str(each)) == 64 and len(set(str(each))) > 1}


def tiny(material: Material) -> Iterator[Threat]:
    """Languages with few items, and limits."""
    for target in targets(material.plan):
        cells = _cells(material, target)
        run = next(_scores(material, cells), None)
        few = sorted(code for code, each in (run or {}).items() if int(each["items"]) <= TINY)
        if few:
            yield Threat(
                "tiny", "Tiny test sets", target.label,
                f"{len(few)} of {len(run or {})} languages have {TINY} items or fewer: {', '.join(few[:12])}"
                f"{' ...' if len(few) > 12 else ''}; at 50 percent that is a standard error of 5 points or more.",
                "Read no single one of these languages; means over seeds do not make the test set larger.",
                WEAKENS if run and len(few) * 2 > len(run) else QUALIFIES,
            )  # fmt: skip
        limit = material.plan.stages[cells[0].evaluation].config.get("limit")
        if limit is not None and limit < SHORT:
            yield Threat(
                "tiny", "A limit", target.label, f"The first {limit} items of each language are scored, not all.",
                "Score everything before publishing: scoring costs one pass.", QUALIFIES,
            )  # fmt: skip


def missing_languages(material: Material) -> Iterator[Threat]:
    """Languages of a task that are not scored, low-resource ones by name; and those that some run lacks."""
    for target in targets(material.plan):
        found = _card(target.task)
        cells = _cells(material, target)
        if found is not None and found.languages and target.languages and not target.generalized:
            lost = [code for code in found.languages if code not in target.languages and not is_english(code)]
            poor = [code for code in lost if _low(code)]
            if lost:
                named_poor = f", low-resource ones among them: {', '.join(poor)}" if poor else ""
                yield Threat(
                    "languages", "Languages left out", target.label,
                    f"{len(lost)} of the task's {len(found.languages)} languages are not scored: {', '.join(lost[:12])}"
                    f"{' ...' if len(lost) > 12 else ''}{named_poor}.",
                    "Score them, or name the mean after the languages that it is over.", WEAKENS if poor else QUALIFIES,
                )  # fmt: skip
        runs = list(_scores(material, cells))
        every = {code for run in runs for code in run}
        some = sorted(code for code in every if any(code not in run for run in runs))
        if some:
            yield Threat(
                "languages", "Languages that some runs lack", target.label, f"{', '.join(some)}.",
                "They are left out of every comparison; score them in all runs.", WEAKENS,
            )  # fmt: skip


def _low(code: str) -> bool:
    try:
        return PAIR not in code and low_resource(code)
    except UserError:
        return False

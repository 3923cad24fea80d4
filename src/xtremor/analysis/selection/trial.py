"""The study that trains what was chosen, beside random sets of sources and English alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xtremor.errors import UserError

# Random sets of each size: two, because every one is trained with every seed.
RANDOM_ARMS = 2
SEEDS = 5
ENGLISH, ALONE = "English", ("en",)


def study_text(
    result: Mapping[str, Any], task: str, encoder: str, data: str | None, languages: Sequence[str] | None
) -> str:
    """A study file: an arm for English alone, for every chosen set and for random ones of its size.

    Sets that several distances chose are one arm, named by all of them. Chosen sets against English are the primary
    contrasts, against random sets of their size the secondary ones. A random set that was chosen is drawn again; where
    there are too few sets, there are fewer arms.

    Args:
        result: of `select.select`.
        task: that is trained and scored.
        encoder: its name, or a folder.
        data: folder of the task's files.
        languages: that are scored; None is all of the task.

    Raises:
        UserError: nothing but English alone was chosen.
    """
    sets: dict[tuple[str, ...], list[str]] = {}
    for choice in result["choices"]:
        sets.setdefault(tuple(sorted(choice["sources"])), []).append(f"{choice['distance']} {choice['k']}")
    english = sets.pop(ALONE, [])
    if not sets:
        raise UserError("--study: every distance chose English alone, so that there is nothing to hold against it")
    chosen = {" = ".join(names): key for key, names in sets.items()}
    drawn = _random(result["sources"], list(sets), result["settings"])
    lines = [
        'name = "sources"',
        f"about = {_quoted(_about(result, task))}",
        "# Random sets were drawn once, a set that had been chosen was drawn again. A language that any arm is trained",
        "# on is in no arm's average.",
        *(f"# {name}: English alone." for name in english),
        f"encoder = {_quoted(encoder)}",
        '# data = "DIR"            # or --data DIR' if data is None else f"data = {_quoted(data)}",
        f"seeds = {SEEDS}",
        "",
        "[stage2]",
        f"train-rows = {result['settings']['rows']}",
    ]
    for name, key in ({ENGLISH: ALONE} | chosen | drawn).items():
        lines += ["", "[[arms]]", f"name = {_quoted(name)}"]
        lines.append(f'stage2 = {{ method = "plain", sources = {_quoted(",".join(key))} }}')
    lines += [
        "",
        "[[targets]]",
        f"task = {_quoted(task)}",
        '# split = "dev"          # where test files have no labels',
    ]
    if languages is not None:
        lines.append(f"languages = {json.dumps(list(languages))}")
    for name, key in chosen.items():
        lines += ["", "[[contrasts]]", f"treatment = {_quoted(name)}", f"control = {_quoted(ENGLISH)}"]
        for other, members in drawn.items():
            if len(members) == len(key):
                lines += ["", "[[contrasts]]", f"treatment = {_quoted(name)}", f"control = {_quoted(other)}"]
                lines.append('role = "secondary"')
    return "\n".join([*lines, ""])


def _about(result: Mapping[str, Any], task: str) -> str:
    names = list(dict.fromkeys(choice["distance"] for choice in result["choices"]))
    return (
        f"Source languages for {task} at {result['settings']['rows']} rows in total: chosen by {', '.join(names)}, at "
        "random, and English alone"
    )


def _random(
    sources: Sequence[str], chosen: Sequence[tuple[str, ...]], settings: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    """Name -> set, of every size that was chosen."""
    draw = np.random.default_rng(settings["seed"])
    taken, found = {ALONE, *chosen}, {}
    for k in sorted({len(key) for key in chosen}):
        there = math.comb(len(sources), k) - sum(len(key) == k and set(key) <= set(sources) for key in taken)
        for number in range(1, min(RANDOM_ARMS, there) + 1):
            key = chosen[0]
            while key in taken:
                key = tuple(sorted(draw.choice(list(sources), k, replace=False).tolist()))
            taken.add(key)
            found[f"random {k} draw {number}"] = key
    return found


def _quoted(text: str) -> str:
    # A basic string of TOML has the escapes of JSON.
    return json.dumps(text, ensure_ascii=False)

"""Run folders with invented scores, in the form that training and evaluation write.

``write_grid`` makes a whole comparison (arms x seeds and a frozen baseline); ``write_run`` makes one run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xtremor.report.places import Place

# code: name, script, Joshi class, whether XLM-R saw it.
LOCALES: dict[str, tuple[str, str, int, bool]] = {
    "af": ("Afrikaans", "Latn", 3, True), "ar": ("Arabic", "Arab", 5, True), "bg": ("Bulgarian", "Cyrl", 3, True),
    "bn": ("Bengali", "Beng", 3, True), "ca": ("Catalan", "Latn", 4, True), "cs": ("Czech", "Latn", 4, True),
    "da": ("Danish", "Latn", 3, True), "de": ("German", "Latn", 5, True), "de-CH": ("German", "Latn", 5, True),
    "el": ("Greek", "Grek", 3, True), "en": ("English", "Latn", 5, True), "es": ("Spanish", "Latn", 5, True),
    "et": ("Estonian", "Latn", 3, True), "eu": ("Basque", "Latn", 4, True), "fa": ("Persian", "Arab", 4, True),
    "fi": ("Finnish", "Latn", 4, True), "fr": ("French", "Latn", 5, True), "gl": ("Galician", "Latn", 3, True),
    "he": ("Hebrew", "Hebr", 3, True), "hi": ("Hindi", "Deva", 4, True), "hr": ("Croatian", "Latn", 4, True),
    "hu": ("Hungarian", "Latn", 4, True), "id": ("Indonesian", "Latn", 3, True), "is": ("Icelandic", "Latn", 2, True),
    "it": ("Italian", "Latn", 4, True), "ka": ("Georgian", "Geor", 3, True), "kn": ("Kannada", "Knda", 1, True),
    "ko": ("Korean", "Hang", 4, True), "lb": ("Luxembourgish", "Latn", 1, False),
    "lt": ("Lithuanian", "Latn", 3, True), "lv": ("Latvian", "Latn", 3, True), "ml": ("Malayalam", "Mlym", 1, True),
    "nb": ("Norwegian Bokmål", "Latn", 1, True), "nl": ("Dutch", "Latn", 4, True), "pl": ("Polish", "Latn", 4, True),
    "pt": ("Portuguese", "Latn", 4, True),
    "pt-BR": ("Portuguese", "Latn", 4, True), "ro": ("Romanian", "Latn", 3, True), "ru": ("Russian", "Cyrl", 4, True),
    "sk": ("Slovak", "Latn", 3, True), "sl": ("Slovenian", "Latn", 3, True), "sr": ("Serbian", "Cyrl", 4, True),
    "sv": ("Swedish", "Latn", 4, True), "sw": ("Swahili", "Latn", 2, True), "te": ("Telugu", "Telu", 1, True),
    "tr": ("Turkish", "Latn", 4, True), "uk": ("Ukrainian", "Cyrl", 3, True), "vi": ("Vietnamese", "Latn", 4, True),
    "zh-HK": ("Cantonese", "Hant", 1, False),
}  # fmt: skip
XNLI = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
METHODS: dict[str, dict[str, Any]] = {
    "plain": {"name": "plain"},
    "noise": {"name": "noise", "radius": 0.01, "draws": 1},
    "noise-k2": {"name": "noise-k", "radius": 0.01, "steps": 2},
    "pgd-1": {"name": "pgd", "radius": 0.01, "steps": 1},
    "freelb-2": {"name": "freelb", "radius": 0.01, "steps": 2},
    "centroid": {"name": "centroid"},
}
PASSES = {"plain": (1, 1, 1), "noise": (1, 1, 1), "noise-k2": (2, 2, 2), "pgd-1": (2, 2, 1), "freelb-2": (2, 2, 2)}


def place(code: str) -> Place:
    """Invented stand-in for the language table."""
    name, script, joshi, seen = LOCALES.get(code, (code, "Latn", 3, True))
    return Place(code, name, script, "", joshi, seen)


def write_grid(
    folder: Path,
    arms: Sequence[str] = ("plain", "noise", "pgd-1", "freelb-2"),
    seeds: Sequence[int] = (1, 2, 3),
    codes: Sequence[str] = tuple(LOCALES),
    gains: Mapping[str, Sequence[float] | float] | None = None,
    baseline: bool = True,
    **facts: Any,
) -> list[Path]:
    """Write ``folder/ARM-seedN`` for every arm and seed (and ``folder/centroid``); return the run folders.

    Args:
        folder: parent of the run folders.
        arms: keys of ``METHODS``.
        seeds: training seeds, the same for every arm.
        codes: languages.
        gains: arm -> points above plain on every language but English: one number, or one per seed.
        baseline: also write the frozen nearest-centroid run.
        facts: passed on to `write_run`.
    """
    dice = random.Random(7)
    english = 95.0
    level = {code: english if code == "en" else dice.uniform(15, 60) for code in codes}
    folders = []
    for arm in arms:
        for index, seed in enumerate(seeds):
            gain = (gains or {}).get(arm, 0.0)
            gain = gain if isinstance(gain, int | float) else gain[index]
            shared = random.Random(seed).uniform(-1, 1)
            own = random.Random(f"{arm}{seed}")
            # Without stated gains an arm scatters; with them its mean is exact.
            noise = {code: 0.0 if gains is not None else own.gauss(0, 2.0) for code in codes}
            scores = {code: level[code] + shared + noise[code] + (gain if code != "en" else 0) for code in codes}
            folders.append(write_run(folder / f"{arm}-seed{seed}", arm, seed, scores, **facts))
    if baseline:
        scores = {code: 0.9 * level[code] + (0 if code == "en" else dice.uniform(-4, 4)) for code in codes}
        folders.append(write_run(folder / "centroid", "centroid", 0, scores, **facts))
    return folders


def write_run(
    folder: Path, arm: str, seed: int, scores: Mapping[str, float], evaluated: bool = True, **facts: Any
) -> Path:
    """Write one run folder.

    Args:
        folder: to create.
        arm: key of ``METHODS``.
        seed: training seed.
        scores: language -> score in percent.
        evaluated: write scores.json too.
        facts: ``task``, ``items``, or any key of run.json to replace.
    """
    task, items = facts.pop("task", "intents"), facts.pop("items", 120)
    folder.mkdir(parents=True)
    info = {**_info(task, arm, seed), **facts}
    (folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    if evaluated:
        (folder / "scores.json").write_text(json.dumps(_scores(task, arm, seed, scores, items)), encoding="utf-8")
    return folder


def _info(task: str, arm: str, seed: int) -> dict[str, Any]:
    updates = 375
    passes = PASSES.get(arm)
    names = ("forward", "backward_activations", "backward_weights")
    counts = {} if passes is None else dict(zip(names, (updates * each for each in passes), strict=True))
    beside = {"ratio": 1.0, "updates": 0} if arm == "plain" else {"ratio": 1.234, "updates": 7}
    command = f"xtremor train --task {task} --method {arm} --seed {seed} --output runs/{arm}-seed{seed} --evaluate"
    return {
        "format": 1,
        "task": task,
        "arm": arm,
        "method": METHODS[arm],
        "seed": 0 if passes is None else seed,
        "encoder": {
            "name": "starter",
            "resolved": "cache/starter-e5-small",
            "architecture": "BertModel",
            "parameters": 117_650_000,
            "fingerprint": "f" * 16,
        },
        "training": {"rows": 4000, "max_length": 64}
        if passes is None
        else {
            "rows": 4000,
            "epochs": 3.0,
            "batch_size": 32,
            "learning_rate": 1e-4,
            "head_learning_rate": 1e-3,
            "max_length": 64,
            "seed": seed,
            "method": METHODS[arm],
        },
        "data": {
            "source": "home-assistant-intents 2026.1",
            "files": {"test/de": {"sha256": "0" * 64, "rows": 120, "dropped": 0, "why": ""}},
            "notes": ["Sentences are generated from templates with a fixed seed."],
        },
        "command": "xtremor baseline --output runs/centroid" if passes is None else command,
        "created": "2030-01-01T12:00:00+00:00",
        "versions": {"xtremor": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "transformers": "5.23.0"},
        "machine": {
            "platform": "Linux x86_64",
            "processor": "Some processor",
            "cores": 2,
            "threads": 1,
            "memory_gib": 8.0,
            "device": "cpu",
        },
        "time_beside_plain": beside,
        "counts": {"updates": updates, "examples": 12000, "tokens": 150_000, **counts} if counts else {},
        "seconds": {"training": 0.0 if passes is None else 12.0 * sum(passes) + seed, "evaluation": 20.0},
        "peak_memory_mb": 1850.5,
        "warnings": [],
        "english_dev": None if passes is None else {"score": 96.0, "items": 500},
        "final_training_loss": None if passes is None else 0.05,
    }


def _scores(task: str, arm: str, seed: int, scores: Mapping[str, float], items: int) -> dict[str, Any]:
    return {
        "format": 1,
        "task": task,
        "split": "test",
        "metric": "accuracy",
        "unit": "percent",
        "arm": arm,
        "seed": 0 if arm == "centroid" else seed,
        "languages": {code: {"score": score, "items": items} for code, score in scores.items()},
        "average": sum(scores.values()) / len(scores),
        "average_without_english": None,
        "command": "xtremor evaluate",
        "versions": {},
        "created": "2030-01-01T12:05:00+00:00",
    }

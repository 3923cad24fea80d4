"""What an encoder saw before, and what a chain of stages sees twice; from the cards."""

from __future__ import annotations

from pathlib import Path

from xtremor.errors import UserError

# Cards of tasks name encoders by family. Card of an encoder -> how the tasks' cards call it.
_FAMILY = {
    "starter": "multilingual-e5", "e5-small": "multilingual-e5", "e5-base": "multilingual-e5",
    "e5-large": "multilingual-e5", "mbert": "mBERT", "xlm-r-base": "XLM-R", "xlm-r-large": "XLM-R",
}  # fmt: skip
# Families that were trained on labels or translations: what they saw is what a claim of zero-shot transfer excludes.
_TAUGHT = ("multilingual-e5",)
# Words of a card by which a line says that nothing of the task was seen.
_CLEAN = ("no tags seen", "not among the sets")
# Intermediate task -> targets whose English training set it is, or is made of.
TWICE = {
    "mnli": ("xnli",), "xnli": ("xnli",), "squad": ("xquad", "mlqa", "lareqa"), "squad2": ("xquad", "mlqa", "lareqa"),
    "qnli": ("xquad", "mlqa", "lareqa"), "siqa": ("xcopa",), "xquad": ("xquad", "mlqa"), "mlqa": ("xquad", "mlqa"),
    "pawsx": ("pawsx",), "panx": ("panx",), "udpos": ("udpos",), "tydiqa": ("tydiqa",), "xcopa": ("xcopa",),
}  # fmt: skip


def exposure(encoder: str, task: str) -> tuple[str, bool] | None:
    """What a card says of an encoder and a task, and whether that takes a zero-shot claim away.

    None where nothing bears on it; of an unknown encoder it is said that it is unknown.
    """
    from xtremor.encoders.cards import known_card
    from xtremor.tasks.cards import card

    try:
        lines = card(task).exposure
    except UserError:
        return None
    found = known_card(encoder)
    if found is None:
        return f"nothing is known of what {named(encoder)} was trained on", False
    family = _FAMILY.get(found.name)
    if family is None:
        taught = "task labels were seen" in found.exposure or "translation pairs, " in found.exposure
        return f"{found.name}: {found.exposure}", taught
    line = next((line for line in lines if line.startswith(f"{family}:")), None)
    if line is None:
        return None
    if family in _TAUGHT:
        return line, not any(word in line for word in _CLEAN)
    # That copies may lie on the web is so of every task; that the very text was read is a caveat.
    return (line, False) if "so it can have read" in line else None


def twice(intermediate: str, task: str) -> bool:
    """Whether the first stage trains on what the target trains on."""
    return any(task in TWICE.get(name.strip(), ()) for name in intermediate.split(","))


def named(encoder: str) -> str:
    """An encoder for people: of a folder its own name."""
    return Path(encoder).name if Path(encoder).is_absolute() else encoder

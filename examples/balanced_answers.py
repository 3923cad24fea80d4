"""Is a gain a better space, or a better balance of the answers? Accuracy as it is, and balanced on English.

    python examples/balanced_answers.py runs/plain runs/freelb ...

Each folder holds ``predictions.parquet`` (a run, or an evaluation in a study's ``store/stages``) of a task whose
classes are equally frequent, such as XNLI. One number a class is added to the logits of a run, such that its answers
to the English rows are spread evenly over the classes. English labels are not looked at; the numbers are the same for
all languages.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from xtremor.languages import is_english
from xtremor.scoring.predictions import read_predictions


def offsets(logits: np.ndarray, rounds: int = 4000) -> np.ndarray:
    """(rows, classes) -> one number a class that spreads the answers evenly, as far as so many rows can."""
    classes = logits.shape[1]
    found, best, least = np.zeros(classes), np.zeros(classes), np.inf
    step = logits.std()
    for each in range(rounds):
        share = np.bincount((logits + found).argmax(1), minlength=classes) / len(logits)
        if (off := np.abs(share - 1 / classes).max()) < least:
            best, least = found.copy(), off
        found += step / (1 + each / 50) * (1 / classes - share)
    return best


def main(folders: list[str]) -> None:
    """Print a line for each run."""
    print("run\tanswers, %\tEnglish\tone language\ttwo languages\tbalanced: English\tone language\ttwo languages")
    for folder in folders:
        table, told = read_predictions(Path(folder) / "predictions.parquet")
        labels = list(told["labels"])
        logits, language = np.array(table["logits"].to_list()), table["language"].to_numpy()
        gold = np.array([labels.index(label) for label in table["gold"]])
        english = np.array([is_english(code) for code in language])
        if not english.any():
            sys.exit(f"error: {folder} has no English rows to balance on; evaluate it in English too")
        parts = np.array([len(set(code.split("+"))) for code in language])
        groups = {"English": english, "one": ~english & (parts == 1), "two": parts == 2}
        shares = np.bincount(logits.argmax(1), minlength=len(labels)) / len(logits)
        shown = [" ".join(f"{label} {100 * share:.0f}" for label, share in zip(labels, shares, strict=True))]
        for added in (0.0, offsets(logits[english])):
            right = (logits + added).argmax(1) == gold
            shown += [f"{100 * right[rows].mean():.1f}" if rows.any() else "" for rows in groups.values()]
        print(f"{told['arm']}, seed {told['seed']}", *shown, sep="\t")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Accuracy as the XTREME evaluator computes it."""

from __future__ import annotations

from collections.abc import Sequence

from xtremor.errors import UserError


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of rows whose predicted class is the gold class, in percent, unrounded and unweighted.

    Like the official evaluator, white space around a label does not count, case does, and a class outside the
    task's is simply wrong. It refuses files of different lengths; so do we.

    Raises:
        UserError: the two differ in length, or there is no row.
    """
    if len(gold) != len(predicted):
        raise UserError(
            f"there are {len(gold):,} gold labels but {len(predicted):,} predictions; "
            "expected one prediction for each row, in the same order"
        )
    if not gold:
        raise UserError("there are no rows to score; expected at least one prediction")
    right = sum(a.strip() == b.strip() for a, b in zip(gold, predicted, strict=True))
    return right / len(gold) * 100

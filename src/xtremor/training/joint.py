"""What a run on several tasks is called, which settings it reads, and where it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.tasks.base import Defaults, TaskCard
from xtremor.training.config import TrainSettings

CATEGORY = "several"
# Of an encoder that was fine-tuned on translations (`alignment.realign`).
ALIGNED = "alignment"
# Settings that a run on several tasks reads; any other is refused rather than ignored.
READ = frozenset(
    {
        "task", "encoder", "method", "seed", "epochs", "batch_size", "accumulate", "learning_rate",
        "head_learning_rate", "max_length", "train_rows", "rows_seed", "warmup", "weight_decay", "clip",
        "freeze_embeddings", "precision", "packing", "gradient_checkpointing", "fresh_pooler",
        "decay_embeddings", "batch_tokens",
    }
)  # fmt: skip


def joint_card(cards: Sequence[TaskCard]) -> TaskCard:
    """A card whose name, category and defaults are those of a run on all of ``cards``; its other fields mean nothing.

    The defaults are the longest of the inputs, and of all other settings the smallest: what suits every task, if
    not best. All rows are trained on.
    """
    each = [card.defaults for card in cards]
    defaults = Defaults(
        epochs=min(one.epochs for one in each),
        batch_size=min(one.batch_size for one in each),
        learning_rate=min(one.learning_rate for one in each),
        head_learning_rate=min(one.head_learning_rate for one in each),
        max_length=max(one.max_length for one in each),
    )
    return replace(cards[0], name=",".join(card.name for card in cards), category=CATEGORY, defaults=defaults)


def check_read(settings: TrainSettings) -> None:
    """Raise UserError where a setting that is not in `READ` is other than its default, or the method rewrites texts."""
    if settings.method.substitution is not None:
        raise UserError("--method rsda is for a run on one task; name one --task, or another --method")
    for field in fields(settings):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if field.name not in READ and getattr(settings, field.name) != default:
            option = next(iter(settings.controls.as_dict())) if field.name == "controls" else field.name
            option = option.replace("_", "-")
            raise UserError(f"--{option} is for a run on one task; leave it out, or name one --task")


def refuse_several(record: dict[str, Any], folder: Path) -> None:
    """Raise UserError for a run on several tasks, or on none, where one task is needed."""
    if record.get("category") == ALIGNED:
        raise UserError(
            f"{folder} is an encoder that was aligned with parallel text and has no task to score; train the task that "
            f"you want from it: xtremor train --task TASK --encoder {folder}"
        )
    if record.get("category") == CATEGORY:
        raise UserError(
            f"{folder} was trained on several tasks at once ({record['task']}) and has no single task to score; train "
            f"the task that you want from its encoder: xtremor train --task TASK --encoder {folder / 'model'}"
        )

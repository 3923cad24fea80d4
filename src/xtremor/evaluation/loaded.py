"""A trained run back in memory, ready to answer its task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.tasks.category import category
from xtremor.training.folder import RunFolder

if TYPE_CHECKING:
    import torch
    from torch import nn


def check_model(folder: RunFolder) -> None:
    """Raise UserError for a run that keeps no model."""
    if not folder.model.is_dir():
        raise UserError(
            f"{folder.path} keeps no model (it was trained with --no-keep-model); train it again without that option"
        )


def load_run(run: Path, card: TaskCard, source: Source, device: torch.device) -> tuple[nn.Module, Any, list[str]]:
    """The model of ``RUN/model``, its tokenizer, and its labels in the order of the logits.

    Raises:
        UserError: weights are missing, or the model answers other classes than the task's.
    """
    from xtremor.encoders.load import load_task_model, load_tokenizer

    folder, kind = RunFolder(run), category(card.category)
    tokenizer = load_tokenizer(str(folder.model))
    model, report = load_task_model(str(folder.model), kind.AUTO_CLASS)
    if report.missing:
        raise UserError(f"{folder.model} lacks the weights of {', '.join(report.missing[:3])}; train the run again")
    model.to(device)
    labels = list(source.labels())
    if "id2label" in kind.head_config(labels):
        config: Any = model.config
        labels = [config.id2label[index] for index in range(config.num_labels)]
    if set(labels) != set(source.labels()):
        raise UserError(
            f"{run} answers {', '.join(labels[:5])}, but {card.name} asks for {', '.join(source.labels()[:5])}"
        )
    return model, tokenizer, labels

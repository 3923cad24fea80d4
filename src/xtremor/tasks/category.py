"""What a category of tasks (classification, tagging, ...) must provide, and finding it by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from xtremor.errors import UserError
from xtremor.tasks.base import TaskCard

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import Tensor, nn

    from xtremor.tasks.features import Features
    from xtremor.tasks.losses import TargetLoss


class Category(Protocol):
    """Functions of a module in ``xtremor.tasks``; the module itself is the object, or its ``CATEGORY``.

    Retrieval has neither `predict`, `constants` nor `unit_losses`: its answers depend on the candidates
    (`evaluation.ranking`).
    """

    AUTO_CLASS: str
    # The best of `constants`, in words.
    CONSTANT: str

    def head_config(self, labels: Sequence[str]) -> dict[str, Any]:
        """Settings of the model's configuration that make the head."""
        ...

    def featurize(self, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], max_length: int) -> Features:
        """Tokenise what is trained on."""
        ...

    def model_inputs(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Padded rows (B, L) in the shape in which the head takes them."""
        ...

    def loss(self, outputs: Any, targets: Tensor) -> Tensor:
        """Mean loss over the targets that count, float32; per-token targets come padded, (B, L)."""
        ...

    def distributions(self, outputs: Any, targets: Tensor) -> list[Tensor]:
        """Logits (N, C) of each kind of decision that the loss is about, for divergences between predictions."""
        ...

    def unit_losses(self, outputs: Any, targets: Tensor, each: TargetLoss) -> Tensor:
        """(U,): the loss of each unit of a batch (a text, a choice item, a window), for what ascends it.

        ``targets`` as in `loss`; ``each`` says how far one target is missed. Retrieval has none: the loss of a query
        depends on its batch.
        """
        ...

    def predict(
        self,
        model: nn.Module,
        tokenizer: Any,
        examples: Sequence[Any],
        labels: Sequence[str],
        max_length: int,
        device: torch.device,
        on_share: Callable[[float], None] | None = None,
    ) -> pl.DataFrame:
        """One row an item with identity, gold and predicted answer; ``on_share`` is told each share of work done."""
        ...

    def constants(self, gold: Sequence[Any]) -> list[list[Any]]:
        """Predictions for ``gold`` that need no model, the best of which a run must beat; as the scorer takes them."""
        ...

    def guess_loss(self, features: Features) -> float:
        """The loss of the best constant answer: what a run that learnt nothing reaches."""
        ...


# Tasks without a training set, which an encoder answers as it is.
UNTRAINABLE = ("tatoeba", "bucc2018")


def trainable(card: TaskCard) -> bool:
    """Whether a model can be trained on the task."""
    return card.name not in UNTRAINABLE


def check_trainable(card: TaskCard) -> None:
    """Raise UserError for a task that has no training set."""
    if not trainable(card):
        raise UserError(
            f"{card.name} has no training set: an encoder answers it as it is; score one with "
            f"`xtremor baseline --task {card.name}`, also a run that was trained on another task (--encoder RUN)"
        )


def category(name: str) -> Category:
    """The category of that name: the module ``xtremor.tasks.<name>``, or its ``CATEGORY``."""
    module = importlib.import_module(f"xtremor.tasks.{name}")
    return cast(Category, getattr(module, "CATEGORY", module))

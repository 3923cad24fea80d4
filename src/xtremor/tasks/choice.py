"""Multiple choice: the context and the question against each choice, one input a choice, as XTREME-R has it.

The heads of transformers take (items, choices, length) and run items x choices inputs through the encoder, each
alone. All inputs of a batch are therefore given as the choices of one item, and scores are told apart afterwards:
items may have different numbers of choices, and none is padded with inputs that do not exist.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.tasks.base import ChoiceExample
from xtremor.tasks.features import Features
from xtremor.tasks.losses import TargetLoss, upcast
from xtremor.tasks.texts import tokenise

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import Tensor, nn

AUTO_CLASS = "AutoModelForMultipleChoice"
CONSTANT = "always answering the most frequent place"


def head_config(labels: Sequence[str]) -> dict[str, Any]:
    """Nothing: the head gives an input one number, whatever the choices are called."""
    return {}


def featurize(examples: Sequence[ChoiceExample], tokenizer: Any, labels: Sequence[str], max_length: int) -> Features:
    """Inputs of each item, one a choice; targets (I, 2) are the right choice (-1 where unknown) and their number.

    An input is a pair as the encoder's own tokenizer joins it: the context with the question behind it, and the
    choice; the longer one is cut first.
    """
    asked = [text for example in examples for text in [_asked(example)] * len(example.choices)]
    choices = [choice for example in examples for choice in example.choices]
    rows, truncated = tokenise(tokenizer, max_length, asked, choices)
    sizes = np.array([len(example.choices) for example in examples], dtype=np.int64)
    right = np.array([-1 if example.label is None else int(example.label) for example in examples], dtype=np.int64)
    groups = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Features(rows, np.stack([right, sizes], axis=1), truncated, groups=groups)


def _asked(example: ChoiceExample) -> str:
    return f"{example.context} {example.question}" if example.question else example.context


def model_inputs(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """(B, L) -> (1, B, L): all inputs as the choices of one item."""
    return {name: value.unsqueeze(0) for name, value in inputs.items()}


def loss(outputs: Any, targets: Tensor) -> Tensor:
    """Cross-entropy over the choices of each item, mean over items, in float32.

    Args:
        outputs: logits of all inputs, in any shape; the choices of an item stand one after another.
        targets: (I, 2), the right choice and the number of choices.
    """
    from torch.nn.functional import cross_entropy

    right, sizes = targets.unbind(1)
    return cross_entropy(_by_item(outputs.logits.float(), sizes), right)


def unit_losses(outputs: Any, targets: Tensor, each: TargetLoss) -> Tensor:
    """(I,): the loss of each item; see `loss` for the arguments."""
    right, sizes = targets.unbind(1)
    return each(_by_item(upcast(outputs.logits), sizes), right)


def distributions(outputs: Any, targets: Tensor) -> list[Tensor]:
    """The choices of each item."""
    from xtremor.robust.divergence import ABSENT

    return [_by_item(outputs.logits.float(), targets[:, 1], ABSENT)]


def _by_item(logits: Tensor, sizes: Tensor, empty: float = float("-inf")) -> Tensor:
    """Logits of all inputs, in any shape -> (I, C), ``empty`` where an item has fewer choices than another."""
    import torch

    from xtremor.robust.segments import Segments

    scores, shape = logits.flatten(), (len(sizes), int(sizes.max()))
    absent = torch.full((shape[0] * shape[1],), empty, dtype=scores.dtype, device=scores.device)
    return absent.index_copy(0, Segments(sizes).positions(shape[1]), scores).view(shape)


def predict(
    model: nn.Module,
    tokenizer: Any,
    examples: Sequence[ChoiceExample],
    labels: Sequence[str],
    max_length: int,
    device: torch.device,
    on_share: Callable[[float], None] | None = None,
) -> pl.DataFrame:
    """The number of the choice with the largest logit; ties go to the first. Logits are kept, one a choice."""
    from xtremor.evaluation.predict import shares
    from xtremor.scoring.predictions import answers_table, check_finite

    features = featurize(examples, tokenizer, labels, max_length)
    items = scores(model, features, tokenizer, device, shares(features.rows, on_share))
    check_finite(examples, [bool(np.isfinite(item).all()) for item in items])
    return answers_table(
        examples, [example.label for example in examples], [str(int(item.argmax())) for item in items], items
    )


def scores(
    model: nn.Module,
    features: Features,
    tokenizer: Any,
    device: torch.device,
    on_batch: Callable[[int], None] | None = None,
) -> list[np.ndarray]:
    """The logits of each item, one a choice; ``on_batch`` is told the tokens of every batch that is done."""
    from xtremor.evaluation.predict import forward_rows
    from xtremor.training.model import pad_of

    groups = features.groups
    assert groups is not None

    def read(outputs: Any, mask: Tensor) -> Tensor:
        logits: Tensor = outputs.logits
        return logits.flatten()

    found = forward_rows(
        model, features.rows, pad_of(tokenizer), device, read, on_batch, model_inputs=model_inputs, head_alone=True
    )
    return np.split(found.reshape(-1), groups[1:])[: len(groups) - 1]


def constants(gold: Sequence[str]) -> list[list[str]]:
    """The most frequent place for every item."""
    return [[place] * len(gold) for place, _ in Counter(gold).most_common(1)]


def guess_loss(features: Features) -> float:
    """Mean logarithm of the number of choices: no place is better than another to a model that sees one at a time."""
    return float(np.log(features.targets[:, 1]).mean())

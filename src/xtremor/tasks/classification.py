"""Classification of one text or of a pair: features, loss and answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.tasks.base import TextExample
from xtremor.tasks.features import Features, as_rows, entropy
from xtremor.tasks.losses import TargetLoss, upcast
from xtremor.tasks.texts import tokenise

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import Tensor, nn

AUTO_CLASS = "AutoModelForSequenceClassification"
CONSTANT = "always answering the largest class"
model_inputs = as_rows


def head_config(labels: Sequence[str]) -> dict[str, Any]:
    """Number and names of the classes."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
        "problem_type": "single_label_classification",
    }


def featurize(examples: Sequence[TextExample], tokenizer: Any, labels: Sequence[str], max_length: int) -> Features:
    """Tokenise texts or pairs as the encoder's own tokenizer joins them; the longer text of a pair is cut first."""
    index = {label: number for number, label in enumerate(labels)}
    texts = len(examples[0].texts) if examples else 1
    columns = [[example.texts[column] for example in examples] for column in range(texts)]
    rows, truncated = tokenise(tokenizer, max_length, *columns)
    targets = np.array([index.get(example.label or "", -1) for example in examples], dtype=np.int64)
    return Features(rows, targets, truncated)


def loss(outputs: Any, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (B, C) and classes (B,), mean over rows, in float32."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs.logits.float(), targets)


def distributions(outputs: Any, targets: Tensor) -> list[Tensor]:
    """The classes of each row."""
    return [outputs.logits]


def unit_losses(outputs: Any, targets: Tensor, each: TargetLoss) -> Tensor:
    """(B,): the loss of each row."""
    return each(upcast(outputs.logits), targets)


def predict(
    model: nn.Module,
    tokenizer: Any,
    examples: Sequence[TextExample],
    labels: Sequence[str],
    max_length: int,
    device: torch.device,
    on_share: Callable[[float], None] | None = None,
) -> pl.DataFrame:
    """The class of the largest logit; ties go to the first."""
    from xtremor.evaluation.predict import forward_rows, logits, shares
    from xtremor.scoring.predictions import predictions_table
    from xtremor.training.model import pad_of

    rows = featurize(examples, tokenizer, labels, max_length).rows
    found = forward_rows(model, rows, pad_of(tokenizer), device, logits, shares(rows, on_share), head_alone=True)
    return predictions_table(examples, found, labels)


def constants(gold: Sequence[str]) -> list[list[str]]:
    """The largest class for every row."""
    return [[largest] * len(gold) for largest, _ in Counter(gold).most_common(1)]


def guess_loss(features: Features) -> float:
    """Entropy of the class shares, in nats."""
    return entropy(features.targets)

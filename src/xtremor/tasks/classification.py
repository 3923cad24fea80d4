"""Classification of one text or of a pair: features, loss and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.tasks.base import TextExample
from xtremor.tasks.category import Features
from xtremor.training.ragged import Ragged

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

AUTO_CLASS = "AutoModelForSequenceClassification"

# Tokenise in chunks: the tokenizer's own result takes many times the memory of the ids.
CHUNK = 4096


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
    rows: list[Ragged] = []
    truncated = 0
    for start in range(0, len(examples), CHUNK):
        part = examples[start : start + CHUNK]
        columns = [[example.texts[column] for example in part] for column in range(len(part[0].texts))]
        encoded = tokenizer(*columns, truncation="longest_first", max_length=max_length, return_attention_mask=False)
        ids, types = encoded["input_ids"], encoded.get("token_type_ids")
        rows.append(Ragged.from_rows(ids, types))
        truncated += sum(bool(each.overflowing) for each in encoded.encodings) if encoded.encodings else 0
    targets = np.array([index.get(example.label or "", -1) for example in examples], dtype=np.int64)
    return Features(_join(rows), targets, truncated)


def _join(parts: Sequence[Ragged]) -> Ragged:
    if len(parts) == 1:
        return parts[0]
    lengths = np.concatenate([part.lengths for part in parts])
    types = None if parts[0].types is None else np.concatenate([part.types for part in parts if part.types is not None])
    return Ragged(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        types,
    )


def loss(outputs: Any, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (B, C) and classes (B,), mean over rows, in float32."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs.logits.float(), targets)


def predictions(examples: Sequence[TextExample], logits: np.ndarray, labels: Sequence[str]) -> pl.DataFrame:
    """(N, C) -> the class of the largest logit; ties go to the first."""
    from xtremor.scoring.predictions import predictions_table

    return predictions_table(examples, logits, labels)


def guess_loss(targets: np.ndarray) -> float:
    """Entropy of the class shares, in nats."""
    shares = np.bincount(targets[targets >= 0]) / max(1, (targets >= 0).sum())
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())

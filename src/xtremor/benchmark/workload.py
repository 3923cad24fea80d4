"""What the benchmark works on: an encoder, or the shape of one, and rows of XNLI's lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.errors import UserError, unknown

if TYPE_CHECKING:
    from torch import nn

    from xtremor.tasks.features import Features
    from xtremor.training.ragged import Ragged

# Lengths of XNLI's pairs in subwords, about log-normal.
MEAN, SIGMA, LONGEST = 45.0, 0.5, 128
CLASSES = 3
LANGUAGES = 15
# Rows whose word pieces a compact table holds, and how many of them a text of that size has.
TRAINING_ROWS, PIECES = 4_000, 12_000

# Hidden size, layers, heads, inner size of encoders with XLM-R's vocabulary, for random weights.
SHAPES: dict[str, tuple[int, int, int, int]] = {
    "xlm-r-base": (768, 12, 12, 3072),
    "xlm-r-large": (1024, 24, 16, 4096),
}
VOCABULARY = 250_002


@dataclass(frozen=True)
class Workload:
    """What is trained on and scored.

    Attributes:
        encoder: its name, or that of a shape with random weights.
        make: gives a fresh classifier of three classes.
        pad_token: of its vocabulary.
        features: of the training rows, at most 128 tokens each.
        scored: language -> rows.
        rows_from: in words.
    """

    encoder: str
    make: Callable[[], nn.Module]
    pad_token: int
    features: Features
    scored: dict[str, Ragged]
    rows_from: str

    def as_dict(self) -> dict[str, Any]:
        """Encoder, rows and their lengths."""
        lengths = self.features.lengths
        return {
            "encoder": self.encoder,
            "rows": self.rows_from,
            "training_rows": len(lengths),
            "mean_length": float(lengths.mean()),
            "longest": int(lengths.max()),
            "word_pieces": int(np.unique(self.features.rows.tokens).size),
            "languages": len(self.scored),
            "scored_rows": sum(map(len, self.scored.values())),
            "scored_mean_length": float(np.concatenate([rows.lengths for rows in self.scored.values()]).mean()),
        }


def make_workload(encoder: str, shape: str | None, data: Path | None, scored: int) -> Workload:
    """A workload; ``scored`` rows of each language.

    Args:
        encoder: as ``--encoder`` of training.
        shape: one of `SHAPES`, with random weights in place of an encoder.
        data: folder with ``xnli/``; None draws lengths and ids of their distribution.

    Raises:
        UserError: no such shape or encoder, files that are missing, a shape together with data.
    """
    if shape is not None:
        if shape not in SHAPES:
            raise unknown("shape", shape, SHAPES)
        if data is not None:
            raise UserError("--shape has random weights and no tokenizer for --data; leave one of the two out")
        drawn = drawn_features(TRAINING_ROWS, VOCABULARY)
        return Workload(f"{shape} (random)", lambda: of_shape(shape), 1, drawn, drawn_languages(scored), _drawn())
    from xtremor.encoders.load import load_tokenizer
    from xtremor.training.model import pad_of

    tokenizer = load_tokenizer(encoder)
    pad_token = pad_of(tokenizer)

    def make() -> nn.Module:
        from xtremor.encoders.load import load_task_model

        return load_task_model(encoder, "AutoModelForSequenceClassification", num_labels=CLASSES)[0]

    if data is None:
        size = len(tokenizer)
        drawn = drawn_features(TRAINING_ROWS, size)
        return Workload(encoder, make, pad_token, drawn, drawn_languages(scored, size), _drawn())
    features, languages = read_rows(data, tokenizer, scored)
    return Workload(encoder, make, pad_token, features, languages, "XNLI")


def of_shape(name: str) -> nn.Module:
    """A classifier with random weights."""
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    hidden, layers, heads, inner = SHAPES[name]
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    config.num_labels = CLASSES
    return XLMRobertaForSequenceClassification(config)


def _drawn() -> str:
    return f"drawn, log-normal around {MEAN:.0f} tokens"


def drawn_lengths(rows: int, draw: np.random.Generator) -> np.ndarray:
    """(rows,) int64: log-normal with mean `MEAN`, at most `LONGEST`."""
    drawn = draw.lognormal(np.log(MEAN) - SIGMA**2 / 2, SIGMA, rows)
    return np.clip(drawn.round(), 4, LONGEST).astype(np.int64)


def drawn_rows(rows: int, vocabulary: int, draw: np.random.Generator, lengths: np.ndarray | None = None) -> Ragged:
    """Rows of ids that are as unequally common as words (Zipf), of `PIECES` at most."""
    from xtremor.training.ragged import Ragged

    first = min(5, vocabulary - 1)
    pieces = min(PIECES, vocabulary - first)
    lengths = drawn_lengths(rows, draw) if lengths is None else lengths
    shares = 1 / np.arange(1, pieces + 1)
    places = draw.choice(pieces, int(lengths.sum()), p=shares / shares.sum())
    # Spread over the whole table, as real pieces are.
    ids = first + places * (vocabulary - first) // pieces
    return Ragged(ids.astype(np.int32), np.concatenate([[0], np.cumsum(lengths)]))


def drawn_features(rows: int, vocabulary: int) -> Features:
    """Training rows, drawn with a fixed seed."""
    from xtremor.tasks.features import Features

    draw = np.random.default_rng(0)
    return Features(drawn_rows(rows, vocabulary, draw), draw.integers(0, CLASSES, rows), 0)


def drawn_languages(rows: int, vocabulary: int = VOCABULARY) -> dict[str, Ragged]:
    """Rows of fifteen languages; some split words into more pieces than others."""
    draw = np.random.default_rng(1)
    found = {}
    for number in range(LANGUAGES):
        longer = 0.8 + 0.4 * number / (LANGUAGES - 1)
        lengths = np.clip((drawn_lengths(rows, draw) * longer).round(), 4, LONGEST).astype(np.int64)
        found[f"language {number + 1}"] = drawn_rows(rows, vocabulary, draw, lengths)
    return found


def read_rows(data: Path, tokenizer: Any, scored: int) -> tuple[Features, dict[str, Ragged]]:
    """Training rows and the first rows of each language's test of real XNLI files, tokenised."""
    from xtremor.evaluation.selection import EvaluationSettings, read_examples
    from xtremor.sources import open_source
    from xtremor.sources.base import training_examples
    from xtremor.tasks import classification
    from xtremor.tasks.cards import card
    from xtremor.training.sources import draw

    xnli = card("xnli")
    source = open_source(xnli, data)
    examples = draw(training_examples(source), TRAINING_ROWS, 0)
    features = classification.featurize(examples, tokenizer, source.labels(), LONGEST)
    _, languages = read_examples(xnli, source, EvaluationSettings(limit=scored))
    return features, {
        language: classification.featurize(rows, tokenizer, source.labels(), LONGEST).rows
        for language, rows in languages.items()
    }

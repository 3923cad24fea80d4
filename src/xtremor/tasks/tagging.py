"""Tagging: one tag a token of a sentence, on the token's first subword, as XTREME's scripts do it.

A sentence is a list of tokens. Each token is tokenised alone and keeps its subwords together; one without any
(a character that the tokenizer drops) becomes the unknown token, so that every token has a tag. A sentence that is
longer than an input is split between tokens into several inputs without overlap, and its tags are joined again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.errors import UserError
from xtremor.tasks import classification
from xtremor.tasks.base import TaggingExample
from xtremor.tasks.features import IGNORED, Features, as_rows, entropy
from xtremor.tasks.framing import frame
from xtremor.tasks.losses import TargetLoss, upcast
from xtremor.training.ragged import Ragged
from xtremor.training.token_cache import Arrays, kept

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import Tensor, nn

    from xtremor.training.ragged import PaddedView

AUTO_CLASS = "AutoModelForTokenClassification"
CONSTANT = "the best constant tag"
model_inputs = as_rows

# Sentences at a time: lists of ids take many times the memory of the arrays that they become.
CHUNK = 4096
# Loss of a token, margin or cross-entropy, beyond which an attack gains nothing more from it.
ENOUGH = 5.0


@dataclass(frozen=True)
class Inputs:
    """Sentences as inputs.

    Attributes:
        rows: N inputs; a sentence without tokens has none.
        first: (W,) int64, the first subword of every token of every sentence, as an index into ``rows.tokens``.
        cut: tokens that alone are longer than an input and lost subwords.
    """

    rows: Ragged
    first: np.ndarray
    cut: int


def head_config(labels: Sequence[str]) -> dict[str, Any]:
    """Number and names of the tags."""
    return {key: value for key, value in classification.head_config(labels).items() if key != "problem_type"}


def featurize(examples: Sequence[TaggingExample], tokenizer: Any, labels: Sequence[str], max_length: int) -> Features:
    """Inputs, with the tag's number at the first subword of each token and IGNORED elsewhere."""
    inputs = encode([example.tokens for example in examples], tokenizer, max_length)
    index = {label: number for number, label in enumerate(labels)}
    targets = np.full(len(inputs.rows.tokens), IGNORED, dtype=np.int64)
    # Tags are there: sources hand out no bare sentences for training.
    targets[inputs.first] = [index[tag] for example in examples for tag in example.tags or ()]
    return Features(inputs.rows, targets, inputs.cut, per_token=True)


def encode(sentences: Sequence[Sequence[str]], tokenizer: Any, max_length: int) -> Inputs:
    """Tokenise and split.

    Args:
        sentences: tokens of each.
        tokenizer: of transformers.
        max_length: longest input in subwords, special tokens included.

    Raises:
        UserError: a token without subwords, and a tokenizer that has no unknown token.
    """

    def make() -> Arrays:
        inputs = _encode(sentences, tokenizer, max_length)
        return {**inputs.rows.arrays(), "first": inputs.first, "cut": np.array([inputs.cut])}

    # The number of a sentence's tokens tells where the next one begins.
    texts = (text for tokens in sentences for text in (str(len(tokens)), *tokens))
    found = kept(tokenizer, {"inputs": "tagging", "max_length": max_length}, texts, make)
    return Inputs(Ragged.of_arrays(found), found["first"], int(found["cut"][0]))


def _encode(sentences: Sequence[Sequence[str]], tokenizer: Any, max_length: int) -> Inputs:
    subwords = Subwords(tokenizer)
    room = max_length - len(subwords.before) - len(subwords.after)
    parts: list[Ragged] = []
    first: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    start = cut = 0
    for at in range(0, len(sentences), CHUNK):
        rows: list[list[int]] = []
        starts: list[int] = []
        for words in subwords.of(sentences[at : at + CHUNK]):
            cut += sum(len(word) > room for word in words)
            for inside in windows(words, room):
                row = list(subwords.before)
                for word in inside:
                    starts.append(start + len(row))
                    row += word[:room]
                row += subwords.after
                start += len(row)
                rows.append(row)
        types = [[0] * len(row) for row in rows] if subwords.typed else None
        parts.append(Ragged.from_rows(rows, types))
        first.append(np.array(starts, dtype=np.int64))
    return Inputs(Ragged.join(parts), np.concatenate(first), cut)


def windows(words: Sequence[Sequence[int]], room: int) -> Iterator[Sequence[Sequence[int]]]:
    """Split words between each other into parts of at most ``room`` subwords, each as long as it can be."""
    begin = length = 0
    for end, word in enumerate(words):
        size = min(len(word), room)
        if length + size > room:
            yield words[begin:end]
            begin, length = end, 0
        length += size
    if words:
        yield words[begin:]


class Subwords:
    """The ids of tokens, each tokenised alone; a token that repeats is tokenised once.

    Attributes:
        before, after: ids of the special tokens around an input.
        typed: whether the encoder has token types.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.known: dict[str, list[int]] = {}
        around = frame(tokenizer, 1)
        self.before, self.after = around.ids
        self.typed = around.types is not None
        # Tokenizers that have spaces inside their pieces must see the one before a word.
        self.spaced = self._ids([" a"]) != self._ids(["a"])

    def of(self, sentences: Sequence[Sequence[str]]) -> Iterator[list[list[int]]]:
        """The ids of each token of each sentence, never none."""
        texts = [[self._text(token, place) for place, token in enumerate(tokens)] for tokens in sentences]
        new = list(dict.fromkeys(text for row in texts for text in row if text not in self.known))
        if new:
            for text, ids in zip(new, self._ids(new), strict=True):
                self.known[text] = ids or [self._unknown(text)]
        for row in texts:
            yield [self.known[text] for text in row]

    def _text(self, token: str, place: int) -> str:
        return f" {token}" if self.spaced and place else token

    def _ids(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False)[
            "input_ids"
        ]
        return found

    def _unknown(self, text: str) -> int:
        if self.tokenizer.unk_token_id is None:
            raise UserError(f"the encoder's tokenizer gives nothing for the token {text!r} and has no unknown token")
        return int(self.tokenizer.unk_token_id)


def loss(outputs: Any, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (B, L, C) and tags (B, L), mean over the tokens that have one, in float32."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs.logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def distributions(outputs: Any, targets: Tensor) -> list[Tensor]:
    """The tags of each token that has one."""
    return [outputs.logits[targets != IGNORED]]


def unit_losses(outputs: Any, targets: Tensor, each: TargetLoss) -> Tensor:
    """(B,): the mean loss over the tokens of each row that have a tag, 0 where none has.

    A token that is missed by more than `ENOUGH` counts no further, so that what ascends this goes on to others.
    """
    logits, counted = upcast(outputs.logits), targets != IGNORED
    found = each(logits.flatten(0, 1), targets.clamp_min(0).flatten()).view_as(targets)
    return (found.clamp_max(ENOUGH) * counted).sum(1) / counted.sum(1).clamp_min(1)


def predict(
    model: nn.Module,
    tokenizer: Any,
    examples: Sequence[TaggingExample],
    labels: Sequence[str],
    max_length: int,
    device: torch.device,
    on_share: Callable[[float], None] | None = None,
) -> pl.DataFrame:
    """The tag of the largest logit at each token's first subword; ties go to the first."""
    from xtremor.evaluation.predict import forward_batches, shares
    from xtremor.scoring.predictions import answers_table, check_finite
    from xtremor.training.model import pad_of

    inputs = encode([example.tokens for example in examples], tokenizer, max_length)
    best = np.zeros(len(inputs.rows.tokens), dtype=np.int32)

    def take(batch: np.ndarray, view: PaddedView, outputs: Any) -> None:
        logits = view.segments.unpad(outputs.logits.float())
        tags = logits.argmax(-1).masked_fill_(~logits.isfinite().all(-1), -1).cpu().numpy()
        at = 0
        for row in batch:
            start, end = inputs.rows.offsets[row : row + 2]
            best[start:end] = tags[at : at + end - start]
            at += end - start

    forward_batches(model, inputs.rows, pad_of(tokenizer), device, take, shares(inputs.rows, on_share))
    ends = np.cumsum([len(example.tokens) for example in examples])
    found = np.split(best[inputs.first], ends)[: len(examples)]
    check_finite(examples, [bool((tags >= 0).all()) for tags in found])
    gold = [None if example.tags is None else " ".join(example.tags) for example in examples]
    return answers_table(examples, gold, [" ".join(labels[tag] for tag in tags) for tags in found])


def constants(gold: Sequence[Sequence[str]]) -> list[list[list[str]]]:
    """Each tag for every token."""
    return [[[tag] * len(tags) for tags in gold] for tag in sorted({tag for tags in gold for tag in tags})]


def guess_loss(features: Features) -> float:
    """Entropy of the tags' shares, in nats."""
    return entropy(features.targets)

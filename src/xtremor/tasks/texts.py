"""Texts, and pairs of texts, as inputs of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from xtremor.training.ragged import Ragged
from xtremor.training.token_cache import Arrays, kept

# Inputs at a time: the tokenizer's own result takes many times the memory of the ids.
CHUNK = 4096


def tokenise(tokenizer: Any, max_length: int, *columns: Sequence[str]) -> tuple[Ragged, int]:
    """Inputs as the encoder's own tokenizer frames and joins them, and how many of them were cut.

    Args:
        tokenizer: of transformers.
        max_length: longest input in tokens, special tokens included; the longer text of a pair is cut first.
        columns: N first texts and, where inputs are pairs, N second ones.
    """

    def make() -> Arrays:
        rows, truncated = _tokenise(tokenizer, max_length, *columns)
        return {**rows.arrays(), "truncated": np.array([truncated])}

    settings = {"inputs": "texts", "max_length": max_length, "columns": len(columns)}
    found = kept(tokenizer, settings, chain.from_iterable(columns), make)
    return Ragged.of_arrays(found), int(found["truncated"][0])


def _tokenise(tokenizer: Any, max_length: int, *columns: Sequence[str]) -> tuple[Ragged, int]:
    parts: list[Ragged] = []
    truncated = 0
    for start in range(0, len(columns[0]), CHUNK):
        texts = [column[start : start + CHUNK] for column in columns]
        encoded = tokenizer(*texts, truncation="longest_first", max_length=max_length, return_attention_mask=False)
        parts.append(Ragged.from_rows(encoded["input_ids"], encoded.get("token_type_ids")))
        truncated += sum(bool(each.overflowing) for each in encoded.encodings) if encoded.encodings else 0
    return Ragged.join(parts), truncated

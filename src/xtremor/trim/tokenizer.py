"""A tokenizer with part of its vocabulary: the same steps before and after, fewer tokens in between."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremor.errors import UserError
from xtremor.trim.vocabulary import kept_tokens, trimmed_model, vocabulary_of

# Pad ids below this belong to encoders that may count positions from it, so that it must not move.
LOW = 16
CHUNK = 10000


@dataclass(frozen=True)
class Trimmed:
    """A smaller tokenizer.

    Attributes:
        core: of the library tokenizers.
        rows: (V',) int64, ascending: the old id of every new one.
    """

    core: Any
    rows: np.ndarray

    def new_id(self, old: int | None) -> int | None:
        """Where an id of the old vocabulary went; None where there is none."""
        if old is None:
            return None
        place = int(np.searchsorted(self.rows, old))
        return place if place < len(self.rows) and self.rows[place] == old else None


def core_of(tokenizer: Any) -> Any:
    """The tokenizer of the library tokenizers behind one of transformers; raises UserError where there is none."""
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is None:
        raise UserError("the encoder's tokenizer is a slow one, of which no part can be taken; use another encoder")
    return core


def trim_tokenizer(tokenizer: Any, lines: Sequence[str], least: int = 1) -> Trimmed:
    """Keep what ``lines`` need, special tokens, and letters and bytes to spell other words with.

    Args:
        tokenizer: of transformers.
        lines: text; a line all of whose tokens stay is split as before.
        least: how often a token must occur to stay.

    Raises:
        UserError: the tokenizer is of a kind that cannot be trimmed.
    """
    core = core_of(tokenizer)
    told = json.loads(core.to_str())
    vocabulary = vocabulary_of(told["model"])
    used, failed = _used(core, tokenizer.unk_token, lines, least)
    tokens = kept_tokens(told["model"], used, lines, failed)
    added = {entry["content"]: entry["id"] for entry in told["added_tokens"]}
    pad = tokenizer.pad_token_id
    low = range(pad + 1) if pad is not None and pad < LOW else ()
    unknown = tokenizer.unk_token
    tokens |= {token for token, number in vocabulary.items() if token in added or token == unknown or number in low}
    kept = sorted(tokens, key=vocabulary.__getitem__)
    numbered = {token: number for number, token in enumerate(kept)}
    # Added tokens may stand behind the model's own vocabulary.
    for token in sorted(added, key=added.__getitem__):
        numbered.setdefault(token, len(numbered))
    told["model"] = trimmed_model(told["model"], kept)
    for entry in told["added_tokens"]:
        entry["id"] = numbered[entry["content"]]
    told["added_tokens"].sort(key=lambda entry: entry["id"])
    old = vocabulary | added
    _renumber(told, {old[token]: number for token, number in numbered.items()})
    from tokenizers import Tokenizer

    rows = np.array([old[token] for token in numbered], dtype=np.int64)
    if (np.diff(rows) <= 0).any():
        raise UserError(
            "the encoder's added tokens stand before its vocabulary, which cannot be trimmed; use another encoder"
        )
    found = Trimmed(Tokenizer.from_str(json.dumps(told, ensure_ascii=False)), rows)
    _check(core, found, lines)
    return found


def _used(core: Any, unknown: str | None, lines: Sequence[str], least: int) -> tuple[set[str], set[str]]:
    """The tokens of the text, and the words of lines in which one was unknown, as the model is given them."""
    used: Counter[int] = Counter()
    failed: set[str] = set()
    lost = None if unknown is None else core.token_to_id(unknown)
    for start in range(0, len(lines), CHUNK):
        part = list(lines[start : start + CHUNK])
        for line, encoding in zip(part, core.encode_batch_fast(part, add_special_tokens=False), strict=True):
            used.update(encoding.ids)
            if lost is not None and lost in encoding.ids:
                failed.update(_words(core, line))
    return {core.id_to_token(number) for number, count in used.items() if count >= least}, failed


def _words(core: Any, line: str) -> list[str]:
    text = core.normalizer.normalize_str(line) if core.normalizer is not None else line
    if core.pre_tokenizer is None:
        return [text]
    return [word for word, _ in core.pre_tokenizer.pre_tokenize_str(text)]


def _renumber(told: dict[str, Any], ids: dict[int, int]) -> None:
    """Ids outside the vocabulary: of padding, and of the special tokens that are put around a text."""
    padding = told.get("padding")
    if padding is not None:
        padding["pad_id"] = ids[padding["pad_id"]]

    def walk(step: dict[str, Any] | None) -> None:
        if step is None:
            return
        for inner in step.get("processors", ()):
            walk(inner)
        for end in ("sep", "cls"):
            if end in step:
                step[end] = [step[end][0], ids[step[end][1]]]
        if isinstance(step.get("special_tokens"), dict):
            for entry in step["special_tokens"].values():
                entry["ids"] = [ids[each] for each in entry["ids"]]

    walk(told.get("post_processor"))


def _check(core: Any, found: Trimmed, lines: Sequence[str]) -> None:
    """What the whole rests on: every line whose tokens are all there is split as before."""
    there = set(found.rows.tolist())
    for start in range(0, len(lines), CHUNK):
        part = list(lines[start : start + CHUNK])
        before, after = (each.encode_batch_fast(part) for each in (core, found.core))
        for line, one, two in zip(part, before, after, strict=True):
            if there.issuperset(one.ids) and [int(found.rows[number]) for number in two.ids] != one.ids:
                raise UserError(
                    f"with part of its vocabulary the encoder's tokenizer splits '{line[:60]}' in another way, so that "
                    "it cannot be trimmed; use another encoder"
                )

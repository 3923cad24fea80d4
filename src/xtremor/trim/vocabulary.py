"""Which tokens of a vocabulary are kept, so that the text that was seen is split as before."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from xtremor.errors import UserError

# A script counts as one of the languages' own from this share of their letters on.
OWN_SCRIPT = 0.001
BYTE = re.compile(r"<0x[0-9A-F]{2}>")
KINDS = ("Unigram", "WordPiece", "BPE", "WordLevel")
# A word that begins or goes on is marked in one of these ways.
MARKS = ("▁", "##", "Ġ")


def vocabulary_of(model: Mapping[str, Any]) -> dict[str, int]:
    """Token -> id of a model as ``tokenizer.json`` has it.

    Raises:
        UserError: a kind of model, or a setting of it, that cannot be trimmed.
    """
    kind = _kind(model)
    if kind == "BPE" and (model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")):
        raise UserError("BPE tokenizers that mark the ends of words cannot be trimmed; use another encoder")
    if kind == "Unigram":
        return {token: number for number, (token, _) in enumerate(model["vocab"])}
    return dict(model["vocab"])


def _kind(model: Mapping[str, Any]) -> str:
    kind = model.get("type") or ("Unigram" if "unk_id" in model else None)
    if kind not in KINDS:
        raise UserError(f"tokenizers of kind {kind} cannot be trimmed, only {', '.join(KINDS)}; use another encoder")
    return str(kind)


def kept_tokens(model: Mapping[str, Any], used: Iterable[str], text: Iterable[str], failed: Iterable[str]) -> set[str]:
    """Tokens that must stay.

    Beside those that occur: the letters of the scripts that the text is written in, and single bytes, so that other
    words can be spelt; and whatever the way in which the text is split depends on.

    Args:
        model: as ``tokenizer.json`` has it.
        used: tokens that the text is split into.
        text: the text.
        failed: words that WordPiece could not split.
    """
    kind, vocabulary = _kind(model), vocabulary_of(model)
    kept = set(used) & set(vocabulary)
    own = own_scripts(text)
    for token in vocabulary:
        bare = _bare(token)
        if BYTE.fullmatch(token) or (len(bare) == 1 and (not bare.isalpha() or script(bare) in own)):
            kept.add(token)
    if kind == "Unigram":
        # A character that is unknown costs 10 more than the rarest piece: that piece decides where it is worth it.
        kept.add(min(model["vocab"], key=lambda entry: entry[1])[0])
    elif kind == "WordPiece":
        prefix = model.get("continuing_subword_prefix", "##")
        for word in failed:
            kept |= wordpiece_begin(word, vocabulary, prefix)
    elif kind == "BPE":
        ranks = merge_ranks(model)
        for token in list(kept):
            kept |= {part for merge in applied_merges(token, ranks) for part in (*merge, "".join(merge))}
        # Bytes as letters (GPT-2): those are its whole alphabet.
        kept |= {token for token in vocabulary if len(token) == 1} if _byte_level(vocabulary) else set()
    return kept


def _byte_level(vocabulary: Mapping[str, int]) -> bool:
    return "Ġ" in vocabulary and "Ċ" in vocabulary


def _bare(token: str) -> str:
    for mark in MARKS:
        if token != mark and token.startswith(mark):
            return token.removeprefix(mark)
    return token


def own_scripts(text: Iterable[str]) -> set[str]:
    """Scripts of at least `OWN_SCRIPT` of the letters."""
    letters = Counter(letter for line in text for letter in line if letter.isalpha())
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts[script(letter)] += count
    return {name for name, count in scripts.items() if count >= OWN_SCRIPT * letters.total()}


@functools.cache
def script(letter: str) -> str:
    """The script of a letter as its Unicode name begins: LATIN, CYRILLIC, CJK, ..."""
    return unicodedata.name(letter, "UNNAMED").split(" ")[0].split("-")[0]


def wordpiece_begin(word: str, vocabulary: Mapping[str, int], prefix: str) -> set[str]:
    """The pieces that WordPiece finds in a word before it gives up: without them it would go on another way."""
    found, start = set(), 0
    while start < len(word):
        lead = prefix if start else ""
        end = next((end for end in range(len(word), start, -1) if lead + word[start:end] in vocabulary), None)
        if end is None:
            break
        found.add(lead + word[start:end])
        start = end
    return found


def merge_ranks(model: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """The merges of a BPE model, first to last."""
    pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
    return {(left, right): rank for rank, (left, right) in enumerate(pairs)}


def applied_merges(token: str, ranks: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    """The merges that make a token of its letters.

    They are those that make it within any text: as long as a token stands in the result, no merge crossed its borders.
    """
    parts: list[str] = list(token)
    found: list[tuple[str, str]] = []
    while len(parts) > 1:
        rank, place = min((ranks.get(pair, len(ranks)), at) for at, pair in enumerate(pairwise(parts)))
        if rank == len(ranks):
            break
        found.append((parts[place], parts[place + 1]))
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return found


def trimmed_model(model: Mapping[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    """The model with the tokens ``kept`` alone, in that order, which is that of their old ids."""
    ids = {token: number for number, token in enumerate(kept)}
    made = dict(model)
    if _kind(model) == "Unigram":
        scores = dict(map(tuple, model["vocab"]))
        unknown = model.get("unk_id")
        made["vocab"] = [[token, scores[token]] for token in kept]
        made["unk_id"] = None if unknown is None else ids[model["vocab"][unknown][0]]
        return made
    made["vocab"] = ids
    if _kind(model) == "BPE":
        ranks = merge_ranks(model)
        used = {merge for token in kept for merge in applied_merges(token, ranks)}
        made["merges"] = [list(merge) for merge in ranks if merge in used and {*merge, "".join(merge)} <= set(ids)]
    return made

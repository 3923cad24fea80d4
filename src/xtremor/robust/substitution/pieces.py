"""Neighbours from an encoder's own word embeddings: the whole-word pieces nearest by cosine.

The table of a multilingual encoder is a dictionary as well: without a filter most neighbours of an English word are
its translations. Nearest in it means used alike, antonyms and other members of a class included; the published
neighbours come from vectors from which that was trained away.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.paths import atomic_file, cache_folder
from xtremor.robust.substitution import english
from xtremor.robust.substitution.neighbours import Neighbours
from xtremor.robust.substitution.settings import MOST

if TYPE_CHECKING:
    from torch import Tensor

# Changes whenever the same input would give other neighbours.
VERSION = 1
# Words whose similarities to all pieces are held at once: (512, 250,000) floats are 512 MB.
CHUNK = 512
_ASCII = re.compile(r"[A-Za-z]{2,}")


def encoder_neighbours(encoder: str, words: Iterable[str], min_similarity: float, english_only: bool) -> Neighbours:
    """Neighbours of ``words`` (lower case) in the table of an encoder; kept in the user's cache folder.

    With ``english_only`` pieces that are not common English words are left out before neighbours are looked for, so
    that the nearest English ones take the place of translations.

    Raises:
        UserError: the encoder cannot be loaded, its tokenizer has no whole words of English, or none has a neighbour.
    """
    from xtremor.encoders.load import fingerprint, load_encoder, load_tokenizer

    asked = sorted(words)
    filtered = english.version() if english_only else None
    key = json.dumps([VERSION, MOST, fingerprint(encoder), min_similarity, filtered, asked])
    path = cache_folder() / "neighbours" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    if not english_only:
        say(
            "note: the nearest words in the table of a multilingual encoder are translations; --english-only drops them"
        )
    kept = _cached(path)
    if kept is not None:
        return kept
    pieces = whole_words(load_tokenizer(encoder).get_vocab())
    keep = (lambda word: english.english(word, english.COMMON)) if english_only else None
    say(f"looking up neighbours of {sum(word in pieces for word in asked):,} words among the encoder's own")
    table = load_encoder(encoder)[0].get_input_embeddings().weight.detach()  # type: ignore[operator]
    found = nearest(table, pieces, asked, min_similarity, keep)
    if not found.words:
        raise UserError(
            f"the word embeddings of '{encoder}' give no word of the training text a neighbour of cosine "
            f"{min_similarity:g}; lower --min-similarity, or name a file with --neighbours FILE"
        )
    with atomic_file(path) as temporary:
        content = {"dropped": found.dropped, "words": dict(found.words)}
        temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return found


def _cached(path: Path) -> Neighbours | None:
    """What was found before; None where it is not there, or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        words = {str(word): tuple(map(str, found)) for word, found in content["words"].items()}
        return Neighbours(words, int(content["dropped"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def whole_words(vocabulary: Mapping[str, int]) -> dict[str, int]:
    """Lower-case words of two and more ASCII letters that are one piece -> its id; lower case is preferred.

    How a vocabulary marks the beginning of a word (SentencePiece, byte-level), its end (XLM) or its continuation
    (WordPiece) is told by the mark that most pieces have.
    """
    # The first wins a tie: a vocabulary without any mark is one of whole words.
    marks: dict[str, Callable[[str], str | None]] = {
        "##": lambda piece: None if piece.startswith("##") else piece,
        "▁": lambda piece: piece[1:] if piece.startswith("▁") else None,
        "Ġ": lambda piece: piece[1:] if piece.startswith("Ġ") else None,
        "</w>": lambda piece: piece[:-4] if piece.endswith("</w>") else None,
    }
    counts = {mark: sum(mark in piece for piece in vocabulary) for mark in marks}
    best = max(counts, key=lambda mark: counts[mark])
    found: dict[str, tuple[tuple[bool, str], int]] = {}
    for piece, number in vocabulary.items():
        word = marks[best](piece)
        if word is None or not _ASCII.fullmatch(word):
            continue
        rank = (not word.islower(), word)
        if word.lower() not in found or rank < found[word.lower()][0]:
            found[word.lower()] = (rank, number)
    return {word: number for word, (_, number) in found.items()}


def nearest(
    table: Tensor,
    pieces: Mapping[str, int],
    words: Iterable[str],
    min_similarity: float,
    keep: Callable[[str], bool] | None = None,
) -> Neighbours:
    """Up to `MOST` nearest pieces of each word by cosine, nearest first; words without any are left out.

    Exact: every word is compared with every piece, `CHUNK` words at a time. Of neighbours that ``keep`` refuses, those
    count as dropped that were among the nearest; the next ones take their places.

    Args:
        table: (V, H) word embeddings.
        pieces: word -> its row.
        words: whose neighbours are asked for; those that are no piece have none.
        min_similarity: least cosine.
        keep: which pieces may be neighbours; None is all.
    """
    import torch
    from torch.nn.functional import normalize

    names = sorted(pieces)
    place = {name: number for number, name in enumerate(names)}
    known = [word for word in words if word in pieces]
    refused = torch.tensor([keep is not None and not keep(name) for name in names], dtype=torch.bool)
    every = normalize(table[[pieces[name] for name in names]].float(), dim=1) if names else table[:0]
    found: dict[str, tuple[str, ...]] = {}
    dropped = 0
    for start in range(0, len(known), CHUNK):
        part = [place[word] for word in known[start : start + CHUNK]]
        cosines = every[part] @ every.T
        cosines[torch.arange(len(part)), part] = -torch.inf
        if keep is not None:
            values, columns = cosines.topk(min(MOST, len(names)), dim=1)
            dropped += int((refused[columns] & (values >= min_similarity)).sum())
            cosines[:, refused] = -torch.inf
        values, columns = cosines.topk(min(MOST, len(names)), dim=1)
        for word, near, numbers in zip(part, values.tolist(), columns.tolist(), strict=True):
            listed = tuple(names[n] for value, n in zip(near, numbers, strict=True) if value >= min_similarity)
            if listed:
                found[names[word]] = listed
    return Neighbours(found, dropped)

"""How far translations lie from their English originals, at every layer, beside how far unrelated rows lie.

For the pooled vectors e_i of English rows and t_i of their translations, the displacement of a layer is the mean of
|t_i - e_i|, and relative to the mean of |t_u(i) - e_i| over unrelated rows u(i) of one fixed, seeded derangement
(`unrelated.order`). 0: translations fall on their originals. 1: they are as far as any other text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xtremor.analysis.moments import Moments
from xtremor.analysis.parallel import ParallelRows
from xtremor.analysis.unrelated import Order, order, ratio
from xtremor.scoring.nearest import nearest
from xtremor.tasks.base import TextExample

# Rows of each side whose vectors are held at a time, all layers.
CHUNK = 512
# Rows that retrieval is tried on: as many as Tatoeba has, so that languages and tasks compare.
CANDIDATES = 1000

# Rows -> (N, K, H) float32 vectors at K layers.
Vectors = Callable[[Sequence[TextExample]], np.ndarray]


@dataclass(frozen=True)
class Settings:
    """What `displacement` depends on beside the rows.

    Attributes:
        seed: of the derangement.
        candidates: rows that retrieval is tried on.
        chunk: rows held at a time; changes no figure but for rounding.
    """

    seed: int = 0
    candidates: int = CANDIDATES
    chunk: int = CHUNK


@dataclass(frozen=True)
class Displaced:
    """One language: a dictionary of figures a layer, and (N, K) of rows in their own order.

    Attributes:
        layers: figures, from layer 0 on; see `displacement`.
        own: distances of translations.
        unrelated: distances of unrelated rows.
        partners: (N,) the unrelated row of each.
    """

    layers: list[dict[str, Any]]
    own: np.ndarray
    unrelated: np.ndarray
    partners: np.ndarray


def displacement(
    rows: ParallelRows,
    vectors: Vectors,
    settings: Settings = Settings(),
    told: Callable[[int], None] | None = None,
) -> Displaced:
    """Measure one language at every layer, in one pass over its rows; memory does not grow with them.

    Each layer's figures: ``distance``, ``unrelated`` (means), ``relative`` with ``relative_se`` (`unrelated.ratio`),
    ``cosine`` and ``cosine_unrelated``, ``to_english`` and ``from_english`` (percent of rows whose nearest row by
    cosine is the translation), ``cka``, ``anisotropy`` and ``anisotropy_english``.

    Args:
        rows: N of them.
        vectors: of texts, at K layers.
        settings: seed, candidates, chunk.
        told: the numbers of rows that are done.

    Raises:
        UserError: too few rows, or nearly all share text.
    """
    drawn = order(rows.clusters, settings.seed)
    moments = Moments()
    distances: list[tuple[np.ndarray, ...]] = []
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    held = 0
    for english, own, other in _stream(rows, vectors, drawn, settings.chunk):
        moments.add(english, own)
        distances.append((*_apart(english, own), *_apart(english, other)))
        take = min(len(english), settings.candidates - held)
        if take > 0:
            kept.append((english[:take].copy(), own[:take].copy()))
            held += take
        if told is not None:
            told(len(english))
    own, own_cosine, unrelated, other_cosine = (np.concatenate(each) for each in zip(*distances, strict=True))
    back = np.empty_like(drawn.rows)
    back[drawn.rows] = np.arange(len(rows))
    own, unrelated, partners = own[back], unrelated[back], drawn.partners()
    cka, (anisotropy, anisotropy_other) = moments.cka(), moments.anisotropy()
    found = _found(rows, drawn.rows[:held], *(np.concatenate(each) for each in zip(*kept, strict=True)))
    layers = []
    for layer in range(own.shape[1]):
        relative = ratio(own[:, layer], unrelated[:, layer], rows.clusters, partners)
        layers.append(
            {
                "layer": layer,
                "distance": float(own[:, layer].mean()),
                "unrelated": float(unrelated[:, layer].mean()),
                "relative": relative.value,
                "relative_se": relative.error,
                "cosine": float(own_cosine[:, layer].mean()),
                "cosine_unrelated": float(other_cosine[:, layer].mean()),
                "to_english": found[layer][0],
                "from_english": found[layer][1],
                "cka": float(cka[layer]),
                "anisotropy_english": float(anisotropy[layer]),
                "anisotropy": float(anisotropy_other[layer]),
            }
        )
    return Displaced(layers, own, unrelated, partners)


def _apart(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, K): Euclidean distances and cosines."""
    one, two = one.astype(np.float64), two.astype(np.float64)
    lengths = np.linalg.norm(one, axis=2) * np.linalg.norm(two, axis=2)
    return np.linalg.norm(two - one, axis=2), np.einsum("bkh,bkh->bk", one, two) / np.maximum(lengths, 1e-300)


def _stream(
    rows: ParallelRows, vectors: Vectors, drawn: Order, chunk: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """English, own and unrelated vectors (B, K, H), in the order drawn; every text is passed once."""
    count, shift = len(rows), drawn.shift

    def translations(start: int, end: int) -> np.ndarray:
        return vectors([rows.other[row] for row in drawn.rows[start:end]])

    # The first ones come round again at the end.
    head = held = translations(0, shift)
    at = 0
    for start in range(0, count, chunk):
        end = min(start + chunk, count)
        have = at + len(held)
        if min(end + shift, count) > have:
            held = np.concatenate([held, translations(have, min(end + shift, count))])
        english = vectors([rows.english[row] for row in drawn.rows[start:end]])
        places = np.arange(start + shift, end + shift)
        other = np.concatenate([held[places[places < count] - at], head[places[places >= count] - count]])
        yield english, held[start - at : end - at], other
        held, at = held[end - at :], end


def _found(
    rows: ParallelRows, numbers: np.ndarray, english: np.ndarray, other: np.ndarray
) -> list[tuple[float, float]]:
    """Layer by layer, percent found: of translations their originals, and the other way; equal texts are right."""
    originals = [rows.english[row].texts for row in numbers]
    translations = [rows.other[row].texts for row in numbers]
    found = []
    for layer in range(english.shape[1]):
        shares = []
        for asked, among, texts in ((other, english, originals), (english, other, translations)):
            places, _ = nearest(asked[:, layer], among[:, layer], 1)
            right = [texts[place] == texts[row] for row, place in enumerate(places[:, 0])]
            shares.append(100 * float(np.mean(right)))
        found.append((shares[0], shares[1]))
    return found

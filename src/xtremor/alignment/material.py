"""What fine-tuning on translations trains on: pairs of sentences, links of their words, and both as inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtremor.alignment.procrustes import chosen_rows
from xtremor.alignment.rows import ParallelData
from xtremor.alignment.words import Links, kept_of, place_words, points_of, subwords_of
from xtremor.console import say
from xtremor.errors import UserError
from xtremor.tasks.embedding import POOLINGS
from xtremor.wording import number_of

if TYPE_CHECKING:
    from xtremor.alignment.objective import PairFeatures


@dataclass(frozen=True)
class RealignSettings:
    """What is aligned, and how.

    Attributes:
        rows: sentences of each language; None is all.
        seed: of their draw.
        pooling: ``mean`` or ``cls``, one vector a sentence; not read where there are links of words.
        weight: of the pull that holds English where it was.
    """

    rows: int | None = None
    seed: int = 0
    pooling: str = "mean"
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.rows is not None and self.rows < 1:
            raise UserError(f"--align-rows must be at least 1, not {self.rows}")
        if self.seed < 0:
            raise UserError(f"--align-seed must be at least 0, not {self.seed}")
        if self.pooling not in POOLINGS:
            raise UserError(f"--pooling must be one of {', '.join(POOLINGS)}, not '{self.pooling}'")
        if not 0 <= self.weight < float("inf"):
            raise UserError(f"--hold-english must be a number of at least 0, not {self.weight}")


@dataclass(frozen=True)
class Sentences:
    """Pairs of sentences of one language, and the links of their words where there are some."""

    english: list[str]
    other: list[str]
    links: list[Links] | None = None

    def __len__(self) -> int:
        return len(self.english)


def sentences(
    data: ParallelData, links: Mapping[str, list[Links]] | None, how: RealignSettings
) -> dict[str, Sentences]:
    """The pairs that are trained on, by language: of rows of two texts both are pairs of their own, each pair once.

    Raises:
        UserError: no row has a link.
    """
    found = {}
    for code, rows in data.languages.items():
        if links is None:
            texts = [pair for each in zip(rows.english, rows.other, strict=True) for pair in _texts(*each)]
            pairs = list(dict.fromkeys(texts))
            taken = chosen_rows(len(pairs), how.rows, how.seed)
            found[code] = Sentences([pairs[at][0] for at in taken], [pairs[at][1] for at in taken])
            continue
        linked = [number for number, each in enumerate(links[code]) if each]
        if not linked:
            raise UserError(f"--words: no row in {code} has a link; each line holds those of a row, such as 0-0 1-2")
        bare = [number for number in range(len(rows)) if number not in set(linked)]
        if bare:
            say(f"{code}: left out: {number_of(len(bare), 'rows')} without a link of words")
        taken = chosen_rows(len(rows), how.rows, how.seed, bare)
        one, two = ([side[at].texts[0] for at in taken] for side in (rows.english, rows.other))
        found[code] = Sentences(one, two, [links[code][at] for at in taken])
    return found


def _texts(english: Any, other: Any) -> list[tuple[str, str]]:
    return list(zip(english.texts, other.texts, strict=True))


def featurize(parts: Mapping[str, Sentences], tokenizer: Any, max_length: int, pooling: str) -> PairFeatures:
    """All languages one after the other; a row whose linked words were all cut off is left out.

    Raises:
        UserError: nothing is left.
    """
    from xtremor.alignment.objective import pair_features
    from xtremor.tasks.texts import tokenise
    from xtremor.training.ragged import Ragged

    english = [text for each in parts.values() for text in each.english]
    other = [text for each in parts.values() for text in each.other]
    linked = any(each.links is not None for each in parts.values())
    if not linked:
        sides = [tokenise(tokenizer, max_length, texts) for texts in (english, other)]
        return pair_features(sides[0][0], sides[1][0], sides[0][1] + sides[1][1], pooling)
    links = [link for each in parts.values() for link in each.links or ()]
    subwords = subwords_of(tokenizer)
    placed = [list(place_words(texts, subwords, max_length)) for texts in (english, other)]
    points = [points_of(*each) for each in zip(*placed, links, strict=True)]
    kept = [number for number, each in enumerate(points) if len(each)]
    if not kept:
        raise UserError(f"--max-length {max_length} leaves no linked words; name a larger one")
    cut = sum(len(each.places) < len(text.split()) for side, texts in zip(placed, (english, other), strict=True)
              for each, text in zip(side, texts, strict=True))  # fmt: skip
    rows = []
    for side in placed:
        ids = [side[number].ids for number in kept]
        rows.append(Ragged.from_rows(ids, [[0] * len(row) for row in ids] if subwords.typed else None))
    held = [kept_of(placed[0][number]) for number in kept]
    return pair_features(rows[0], rows[1], cut, None, [points[number] for number in kept], held)

"""Training on a new draw of the texts in every pass over the data (word substitution).

All draws are made and tokenised before training, so that the compact embedding table knows every token of theirs, a
run that is resumed makes the same ones, and a data digest speaks for what is trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.robust.substitution import english
from xtremor.robust.substitution.neighbours import Neighbours, read_neighbours
from xtremor.robust.substitution.protected import protected_words
from xtremor.robust.substitution.rewrite import Counts, Rewriter, texts_of
from xtremor.robust.substitution.settings import EMBEDDINGS, Substitution
from xtremor.robust.substitution.words import words_in
from xtremor.tasks.features import Features
from xtremor.training.batches import epoch_batches, updates_in
from xtremor.training.ragged import Ragged


@dataclass(frozen=True)
class Draws:
    """The features of all passes, one pass after the other.

    Attributes:
        features: of all of them.
        starts: (P + 1,) int64, pass p is the units ``starts[p]:starts[p + 1]``.
        passes: over the data; of a fraction the last one is cut short.
        record: what was substituted, for ``run.json``.
    """

    features: Features
    starts: np.ndarray
    passes: float
    record: dict[str, Any]

    def order(self, batch_size: int, seed: int) -> DrawnEpochs:
        """Which units every update takes."""
        return DrawnEpochs(self.features.lengths, self.starts, batch_size, seed, self.passes)


@dataclass(frozen=True)
class DrawnEpochs:
    """The order of a run whose passes have units of their own; with equal passes the batches of `batches.Epochs`.

    Attributes:
        lengths: (U,) tokens of the units of all passes.
        starts: (P + 1,) as in `Draws`.
        batch_size, seed: of the run.
        passes: over the data; of a fraction the last pass has as many batches.
    """

    lengths: np.ndarray
    starts: np.ndarray
    batch_size: int
    seed: int
    passes: float

    @property
    def updates(self) -> int:
        """Weight updates of the whole run."""
        whole = int(self.passes)
        sizes = np.diff(self.starts)
        done = sum(math.ceil(size / self.batch_size) for size in sizes[:whole].tolist())
        rest = self.passes - whole
        return done + (updates_in(int(sizes[whole]), self.batch_size, rest) if len(sizes) > whole else 0)

    def batches(self, done: int = 0) -> Iterator[np.ndarray]:
        """The units of update ``done``, ``done + 1``, ...: a function of the seed and the update."""
        at, updates = 0, self.updates
        for number, (start, end) in enumerate(pairwise(self.starts)):
            for batch in epoch_batches(self.lengths[start:end], self.batch_size, self.seed, number):
                if done <= at < updates:
                    yield batch + start
                at += 1

    def about(self, update: int) -> dict[str, Any]:
        """What the log says of a 0-based update beyond its figures."""
        return {}


def make_draws(
    substitution: Substitution,
    encoder: str,
    examples: Sequence[Any],
    epochs: float,
    seed: int,
    featurize: Callable[[Sequence[Any]], Features],
) -> Draws:
    """Rewrite and tokenise the training examples once for every pass over them.

    Args:
        substitution: settings of the method.
        encoder: whose word embeddings give neighbours, where no file does.
        examples: of the training set.
        epochs: of the run; there are ``copies`` passes in each.
        seed: of the run.
        featurize: examples -> features.

    Raises:
        UserError: neighbours or protected words cannot be read, or no word of the text has a neighbour.
    """
    protected = protected_words(substitution.protect)
    neighbours = find_neighbours(substitution, encoder, words_in(texts_of(examples)))
    rewriter = Rewriter(neighbours, protected, substitution.apart)
    parts, total = [], Counts()
    # 70 * 0.1 is a hair above 7, which must not make an eighth pass.
    passes = round(epochs * substitution.copies, 6)
    for draw in range(math.ceil(passes)):
        rewritten, counts = rewriter.rewrite(examples, draw, seed)
        parts.append(featurize(rewritten))
        total += counts
    share = total.as_dict()["changed_share"]
    say(
        f"word substitution: {share:.1%} of {total.words:,} words in {len(parts)} draws become another; "
        f"{len(neighbours.words):,} different words have neighbours, {neighbours.dropped:,} neighbours were dropped"
    )
    starts = np.concatenate([[0], np.cumsum([len(part.lengths) for part in parts])]).astype(np.int64)
    record = {
        "draws": len(parts),
        "words_with_neighbours": len(neighbours.words),
        "neighbours": neighbours.count,
        "neighbours_dropped": neighbours.dropped,
        "neighbours_sha256": neighbours.digest,
        "wordfreq": english.version() if substitution.english_only else None,
        **total.as_dict(),
    }
    return Draws(joined(parts), starts, passes, record)


def check_files(substitution: Substitution) -> None:
    """Raise UserError for what the settings name and cannot be used, before any row is read."""
    if substitution.english_only:
        english.check_installed()
    protected_words(substitution.protect)
    if substitution.neighbours != EMBEDDINGS:
        read_neighbours(Path(substitution.neighbours))


def find_neighbours(substitution: Substitution, encoder: str, words: set[str]) -> Neighbours:
    """The neighbours of the words of a training text, from where the settings say.

    Raises:
        UserError: the file cannot be read, or no word has a neighbour.
    """
    if substitution.min_similarity is not None:
        from xtremor.robust.substitution.pieces import encoder_neighbours

        return encoder_neighbours(encoder, words, substitution.min_similarity, substitution.english_only)
    found = read_neighbours(Path(substitution.neighbours)).among(words)
    if not found.count:
        raise UserError(
            f"{substitution.neighbours} has no word of the training text; expected English words in lower case, or "
            "write --neighbours embeddings"
        )
    return found.kept(english.english) if substitution.english_only else found


def joined(parts: Sequence[Features]) -> Features:
    """The features of all parts, one part after the other."""
    rows = Ragged.join([part.rows for part in parts])
    groups = None
    if parts[0].groups is not None:
        sizes = [np.diff(part.groups) for part in parts if part.groups is not None]
        groups = np.concatenate([[0], np.cumsum(np.concatenate(sizes))]).astype(np.int64)
    targets = np.concatenate([part.targets for part in parts])
    return Features(rows, targets, sum(part.truncated for part in parts), parts[0].per_token, groups)

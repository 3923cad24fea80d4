"""The rows of a run made ready: read, drawn, tokenised, with what else joins its updates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xtremor.console import say
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard, TextExample
from xtremor.tasks.category import Category, category
from xtremor.tasks.features import Features
from xtremor.training.batches import Epochs
from xtremor.training.config import TrainSettings
from xtremor.training.sources import training_rows
from xtremor.training.token_cache import keeping_tokens

if TYPE_CHECKING:
    from xtremor.training.adversary.step import AdversarialStep
    from xtremor.training.adversary.text import Opponent
    from xtremor.training.draws import Draws
    from xtremor.training.loop import Order
    from xtremor.training.step import BatchStep
    from xtremor.training.unlabelled import JoinedStep, UnlabelledText


@dataclass(frozen=True)
class Prepared:
    """Everything that a run needs before the first update.

    Attributes:
        card, category, labels, tokenizer, features: of the task and its training rows.
        examples: training rows.
        texts: 2 where rows are pairs, None where they are not texts with a class.
        draws: where every pass over the data has features of its own; ``features`` are then those of all passes.
        unlabelled: text without labels that joins every update.
        opponent: a discriminator of languages, with the text that it is shown.
    """

    card: TaskCard
    category: Category
    labels: tuple[str, ...]
    tokenizer: Any
    features: Features
    examples: int
    texts: int | None
    draws: Draws | None = None
    unlabelled: UnlabelledText | None = None
    opponent: Opponent | None = None

    @property
    def tokens(self) -> np.ndarray:
        """Ids of all that is trained on."""
        beside = (each for each in (self.unlabelled, self.opponent) if each is not None and each.trains)
        return np.concatenate([part.features.rows.tokens for part in (self, *beside)])

    @property
    def read_tokens(self) -> np.ndarray | None:
        """Ids that are looked up besides, of text from which nothing reaches the encoder; None where there is none."""
        return None if self.opponent is None else self.opponent.features.rows.tokens

    def order(self, settings: TrainSettings) -> Order:
        """Which units every update takes."""
        if self.draws is not None:
            return self.draws.order(settings.batch_size, settings.seed)
        return Epochs(self.features.lengths, settings.batch_size, settings.seed, settings.epochs)

    def joined(self, step: BatchStep, updates: int, pieces: int) -> JoinedStep | AdversarialStep | None:
        """``step`` with what unlabelled text is for beside it; None where there is none."""
        if self.unlabelled is None:
            return None
        from xtremor.training.unlabelled import JoinedStep

        joined = JoinedStep(step, self.unlabelled, pieces) if self.unlabelled.trains else None
        if self.opponent is None:
            return joined
        from xtremor.training.adversary.step import AdversarialStep

        return AdversarialStep(joined or step, step, self.opponent, self.unlabelled, updates, pieces)


def prepare(settings: TrainSettings, card: TaskCard, source: Source) -> Prepared:
    """Read, draw and tokenise the English training rows."""
    from xtremor.encoders.load import load_tokenizer

    substitution = settings.method.substitution
    if substitution is not None:
        from xtremor.training.draws import check_files, make_draws

        check_files(substitution)
    if settings.unlabelled is not None:
        from xtremor.sources.unlabelled import check_category

        check_category(card)
    tokenizer = load_tokenizer(settings.encoder)
    examples = training_rows(source, settings)
    kind, labels = category_of(card, settings), source.labels()

    def featurize(rows: Sequence[Any]) -> Features:
        return kind.featurize(rows, tokenizer, labels, settings.max_length)

    draws = None
    if substitution is not None:
        draws = make_draws(substitution, settings.encoder, examples, settings.epochs, settings.seed, featurize)
    with keeping_tokens():
        features = featurize(examples) if draws is None else draws.features
    lengths = features.rows.lengths
    trained_on = "English" if settings.sources is None else ", ".join(settings.sources)
    classes = f"{len(labels)} classes, " if labels else ""
    inputs = f"{len(lengths):,} inputs, " if len(lengths) != len(examples) else ""
    say(
        f"{card.name}: {len(examples):,} {trained_on} training rows, {classes}{inputs}"
        f"{lengths.mean():.1f} tokens {'an input' if inputs else 'a row'} (longest {lengths.max()}, "
        f"{features.truncated} cut at {settings.max_length})"
    )
    texts = len(examples[0].texts) if isinstance(examples[0], TextExample) else None
    unlabelled, opponent = None, None
    if settings.unlabelled is not None:
        from xtremor.training.unlabelled import make_unlabelled

        unlabelled = make_unlabelled(settings, card, source, texts, featurize)
        if settings.adversary is not None and unlabelled is not None:
            from xtremor.training.adversary.text import make_opponent

            opponent = make_opponent(settings.adversary, unlabelled, examples, settings.encoder, featurize)
    return Prepared(card, kind, labels, tokenizer, features, len(examples), texts, draws, unlabelled, opponent)


def category_of(card: TaskCard, settings: TrainSettings) -> Category:
    """The category of a task, with the settings of the run where it has some."""
    if settings.embedding is None:
        return category(card.category)
    from xtremor.tasks.retrieval import DualEncoder

    return cast(Category, DualEncoder(settings.embedding, settings.temperature, settings.batch_size))


def features_digest(features: Features) -> str:
    """sha256 over token ids, row offsets and classes: what a run was really trained on."""
    digest = hashlib.sha256()
    groups = () if features.groups is None else (features.groups,)
    for array in (features.rows.tokens, features.rows.offsets, features.targets, *groups):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

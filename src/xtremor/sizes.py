"""What a task asks of a run, found out before anything is trained: whether it can be, and how much work it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xtremor.cli.options import ScoringOptions, TaskOptions
from xtremor.cli.recipe import TrainOptions
from xtremor.errors import UserError
from xtremor.evaluation.selection import EvaluationSettings, count_examples
from xtremor.robust.methods.base import Method
from xtremor.robust.methods.plain import Plain
from xtremor.sources import ON_DISK
from xtremor.sources.base import Source
from xtremor.tasks.base import TaskCard
from xtremor.training.config import TrainSettings
from xtremor.training.folder import RunFolder, read_json

# Rows that are tokenised to know how long the rows of a task are.
SAMPLE = 200


@dataclass(frozen=True)
class Opened:
    """A task that can be trained on, and scored where it is to be.

    Attributes:
        card, options, source: of the task; as it is named to a command; its rows.
        scoring: what is scored, cut to the languages that the task has; None where nothing is.
        training_tokens: tokens that all epochs go over together, estimated.
        scored_tokens: tokens of the rows to be scored, estimated as if they were as long as the training rows.
        updates: weight updates, estimated.
        text_tokens: of unlabelled text beside all updates, estimated as if texts were as long as the training rows.
    """

    card: TaskCard
    options: TaskOptions
    source: Source
    scoring: ScoringOptions | None
    training_tokens: float
    scored_tokens: float
    updates: int
    text_tokens: float = 0.0

    @property
    def name(self) -> str:
        """Of the task."""
        return self.card.name

    def refuse_other_run(self, folder: Path, recipe: TrainOptions, method: Method, seed: int) -> None:
        """Raise UserError where ``folder`` holds something else than this run, finished or not."""
        from xtremor.encoders.load import fingerprint

        settings = recipe.settings(self.card, method, seed)
        there = RunFolder(folder)
        recorded = read_json(there.config) if there.config.exists() else {}
        stated: dict[str, Any] = {"settings": settings.as_dict()}
        if recorded:
            # An earlier stage that is still to be trained has none; that run is looked at again when it begins.
            with contextlib.suppress(UserError):
                stated["encoder"] = fingerprint(settings.encoder)
        there.check({**recorded, **stated})


def open_task(name: str, data: Path | None, recipe: TrainOptions, scoring: ScoringOptions | None) -> Opened:
    """As `open_options`, for a task by its name; ``data`` is for those that have files on disk."""
    from xtremor.tasks.cards import card as find_card

    # The starter's tasks come without a folder, and may go before or behind one that has it.
    return open_options(TaskOptions(name, data if find_card(name).source in ON_DISK else None), recipe, scoring)


def open_options(options: TaskOptions, recipe: TrainOptions, scoring: ScoringOptions | None) -> Opened:
    """Read what a run of the task would read, and refuse what it would refuse.

    Raises:
        UserError: the task, its files, a language, the encoder or an option of the recipe cannot be used.
    """
    from xtremor.encoders.load import load_tokenizer, skeleton
    from xtremor.training.batches import updates_in
    from xtremor.training.model import check_positions
    from xtremor.training.prepare import category_of
    from xtremor.training.sources import draw, training_rows

    card, source = options.open(to_train=True)
    # What text a method has a term for is the method's business; here it is read all the same.
    settings = (
        recipe.settings(card, Plain(), 1) if recipe.adversary() else recipe.without_text().settings(card, Plain(), 1)
    )
    kind = category_of(card, settings)
    check_positions(skeleton(settings.encoder, kind.AUTO_CLASS), settings.max_length)
    items = 0
    if scoring is not None:
        scoring = _for_task(scoring, card, source)
        chosen = EvaluationSettings(scoring.split, scoring.codes(), scoring.limit, settings.max_length)
        items = sum(count_examples(card, source, chosen)[1].values())
    rows = training_rows(source, settings)
    texts = _read_text(recipe, settings, card, source, rows)
    sample = draw(rows, SAMPLE, 0)
    # Decoding the starter, or fetching from the hub, happens here once and not in every worker.
    features = kind.featurize(sample, load_tokenizer(settings.encoder), source.labels(), settings.max_length)
    length = features.lengths.sum() / len(sample)
    units, epochs = round(len(rows) * len(features.lengths) / len(sample)), settings.all_epochs
    updates = updates_in(units, settings.batch_size, epochs)
    tokens = len(rows) * epochs * length
    return Opened(card, options, source, scoring, tokens, items * length, updates, updates * texts * length)


def _read_text(
    recipe: TrainOptions, settings: TrainSettings, card: TaskCard, source: Source, rows: Sequence[Any]
) -> int:
    """Read the unlabelled text of a run and refuse what it would refuse; how many texts an update takes."""
    text = recipe.text(settings.batch_size)
    if text is None:
        return 0
    from xtremor.sources.unlabelled import read_unlabelled

    found = read_unlabelled(text, card, source, None)
    if settings.adversary is not None:
        from xtremor.training.adversary.text import make_cast

        make_cast(settings.adversary, found, rows, None)
    return text.rows


def _for_task(scoring: ScoringOptions, card: TaskCard, source: Source) -> ScoringOptions:
    """The same with those of the languages that the task has: targets differ in them."""
    codes = scoring.codes()
    if codes is None:
        return scoring
    known = card.languages or tuple(source.languages(scoring.split or card.splits[0]))
    kept = [code for code in codes if code in known]
    if not kept:
        raise UserError(
            f"--languages names none of {card.name}'s, which `xtremor languages --task {card.name}` lists: "
            f"{', '.join(codes)}"
        )
    return replace(scoring, languages=",".join(kept))

"""Text without labels beside the labelled rows of every update (VAT, ALUM)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from xtremor.console import say
from xtremor.robust.methods.base import Runner
from xtremor.robust.methods.unlabelled import Unlabelled, for_unlabelled
from xtremor.sources.base import Source
from xtremor.sources.unlabelled import UnlabelledRows, UnlabelledSettings, read_unlabelled
from xtremor.tasks.base import TaskCard
from xtremor.tasks.features import Features
from xtremor.training.batches import epoch_batches
from xtremor.training.config import TrainSettings, derived_seed
from xtremor.training.step import BatchStep
from xtremor.training.step_beside import StepBeside
from xtremor.wording import number_of


@dataclass(frozen=True)
class UnlabelledText:
    """Texts as a model reads them.

    Attributes:
        features: without targets that mean anything; in tagging they say which tokens have a tag.
        languages: (U,) language of each unit.
        rows: what they were made of.
        settings: of the run.
        trains: whether the method has a term for it.
    """

    features: Features
    languages: np.ndarray
    rows: UnlabelledRows
    settings: UnlabelledSettings
    trains: bool = True

    @property
    def digest(self) -> str:
        """sha256 of what a model reads of them."""
        from xtremor.training.prepare import features_digest

        return features_digest(self.features)

    @property
    def warnings(self) -> list[str]:
        """What a reader of scores in other languages must know."""
        if not self.rows.foreign:
            return []
        named = ", ".join("a language not stated" if code == "und" else code for code in self.rows.foreign)
        scored = (
            f"; it is that of the rows of {self.settings.split}, so that scores on them are of text seen before"
            if self.settings.languages and self.settings.split != "dev"
            else ""
        )
        return [
            f"unlabelled text in {named} was trained on{scored}: scores there are zero-shot in the labels, not in the "
            "text, and do not compare with those of runs that saw English alone"
        ]


@dataclass(frozen=True)
class UnlabelledOrder:
    """Units in an order of their own, again and again: a function of the seed and the update.

    Attributes:
        lengths: (U,) tokens of each.
        size: units of an update; the last of a round over all may be fewer.
        seed: of the run.
    """

    lengths: np.ndarray
    size: int
    seed: int

    def batch(self, update: int) -> np.ndarray:
        """The units of a 0-based update."""
        rounds, place = divmod(update, -(-len(self.lengths) // self.size))
        return epoch_batches(self.lengths, self.size, derived_seed(self.seed, "unlabelled"), rounds)[place]


def make_unlabelled(
    settings: TrainSettings,
    card: TaskCard,
    source: Source,
    texts: int | None,
    featurize: Callable[[Sequence[Any]], Features],
) -> UnlabelledText | None:
    """Read and tokenise the text that joins the run; None where none does.

    Raises:
        UserError: as `read_unlabelled`.
    """
    wanted = settings.unlabelled
    if wanted is None:
        return None
    # A method's own term answers as the labelled rows are answered; a discriminator takes texts of any form.
    answered = isinstance(settings.method, Unlabelled)
    rows = read_unlabelled(wanted, card, source, texts if answered else None)
    labels = source.labels()
    # A tagger is asked about the first subword of each token: any tag says where that is.
    asked = rows.examples
    if card.category == "tagging":
        asked = [replace(each, tags=(labels[0],) * len(each.tokens)) for each in asked]
    parts = {code: featurize([each for each in asked if each.language == code]) for code in rows.languages}
    from xtremor.training.draws import joined

    features = joined(list(parts.values()))
    counts = [len(part.lengths) for part in parts.values()]
    found = ", ".join(f"{code} {count:,}" for code, count in rows.languages.items())
    say(f"unlabelled text: {number_of(len(rows.examples), 'rows')} ({found}), {wanted.rows} beside every update")
    return UnlabelledText(features, np.repeat(np.array(list(parts)), counts), rows, wanted, answered)


def text_record(text: UnlabelledText) -> dict[str, Any]:
    """What a record says of the text itself."""
    return {"files": text.rows.files, "languages": text.rows.languages, "cut": text.features.truncated}


class JoinedStep(StepBeside):
    """`BatchStep` with rows without a label beside the labelled ones of every update, as `training.loop.Step` has it.

    Labelled rows make their step as if alone; then the method's divergence is trained on the others, its mean over
    them added to the loss. Both come from one seed and one update number, so that nothing more need be saved.

    Args:
        step: of the labelled rows.
        text: the others.
        pieces: that the others are passed in, as the labelled rows are with ``accumulate``.

    Attributes:
        model, runner, counts, below: the labelled step's; passes of either kind are counted together.
    """

    step: BatchStep

    def __init__(self, step: BatchStep, text: UnlabelledText, pieces: int = 1) -> None:
        self.step, self.text, self.pieces = step, text, pieces
        self.order, self.method = (
            UnlabelledOrder(text.features.lengths, text.settings.rows, step.seed),
            for_unlabelled(step.settings),
        )
        self.model, self.runner, self.counts, self.below = step.model, step.runner, step.counts, step.below

    def run(
        self, units: np.ndarray, update: int, part: int, weight: float, method: Runner | None = None
    ) -> tuple[Tensor, int]:
        """As `BatchStep.run`; the rows without a label join the first part of an update.

        Another ``method`` (plain, in linear probing and in measurements beside) is given labelled rows alone.
        """
        loss, tokens = self.step.run(units, update, part, weight, method)
        if method is not None or part > 0:
            return loss, tokens
        chosen, features = self.order.batch(update), self.text.features
        total = max(1, int(features.weights[chosen].sum()))
        for number, piece in self.parts_of(chosen):
            share = int(features.weights[piece].sum()) / total
            draw = ("unlabelled", update, number)
            found, seen = self.step.over(features, piece, self.method.step_unlabelled, draw, share)
            # The caller multiplies the loss by this part's weight.
            loss = loss + found * (share / weight)
            tokens += seen
        return loss, tokens

    def enter(self, record: dict[str, Any], updates: int, others: int = 0) -> None:
        """Add to a run's record what it owes to the text, after ``updates`` of the schedule.

        ``others`` are counted tokens that neither the labelled rows nor these have.
        """
        batches = [self.order.batch(update) for update in range(updates)]
        chosen = np.concatenate(batches) if batches else np.zeros(0, dtype=np.int64)
        tokens = int(self.text.features.lengths[chosen].sum())
        record["unlabelled"] = {
            **text_record(self.text),
            "trained_on": {
                "rows": len(chosen),
                "languages": dict(sorted(Counter(self.text.languages[chosen].tolist()).items())),
                "tokens": tokens,
                "batches": sum(min(self.pieces, len(each)) for each in batches),
                "passes_of_a_batch": self._passes(),
            },
        }
        # Of the arm, so that runs on other texts do not pass for the same.
        record["training"]["unlabelled"] = {**record["training"]["unlabelled"], "sha256": self.text.digest}
        record["counts"]["passes_relative_to_plain"] = self._relative(tokens, record["counts"]["tokens"] - others)
        record["warnings"] += self.text.warnings

    def _passes(self) -> float:
        """Passes of a batch without labels; what lies below the site is passed as in plain training."""
        return 3.0 * self.below + self.method.cost_unlabelled() * (1.0 - self.below)

    def _relative(self, own: int, tokens: int) -> float:
        """Passes over plain's on the labelled rows alone, batches weighed by their tokens: ``own`` of ``tokens``."""
        labelled = max(1, tokens - own)
        return (self.step.settings.expected_passes(self.below) * labelled + self._passes() * own) / (3.0 * labelled)

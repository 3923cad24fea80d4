"""The items of a language as an attack sees them: inputs, a loss an item, and the answer that outputs stand for.

An item is a text, a choice item, a sentence or a question. It has one or more inputs: sentences and paragraphs that are
longer than an input have several windows, each of which is attacked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from xtremor.errors import UserError
from xtremor.scoring.predictions import decoders
from xtremor.scoring.registry import scorer
from xtremor.tasks.category import category
from xtremor.tasks.features import IGNORED, Features
from xtremor.tasks.losses import TargetLoss
from xtremor.training.model import pad_of
from xtremor.training.ragged import PaddedView, padded_view

if TYPE_CHECKING:
    from xtremor.tasks.base import TaskCard


@dataclass(frozen=True)
class Batch:
    """Some items, padded for the model.

    Attributes:
        items: (I,) their numbers.
        view: their inputs, those of an item one after another.
        targets: as the category's `unit_losses` takes them.
        item_of_unit: (U,) int64, the place in ``items`` of each unit of targets.
        item_of_token: (T,) int64, the place in ``items`` of each token.
    """

    items: np.ndarray
    view: PaddedView
    targets: Tensor
    item_of_unit: Tensor
    item_of_token: Tensor


class Items(ABC):
    """N items of one language with gold answers; a subclass for each category is in `categories`.

    Args:
        card: of the task.
        examples: the items.
        tokenizer, labels, max_length: as in `tasks.category.Category.predict`.

    Attributes:
        metric: name of the scorer whose figure is a mean over items or tokens.
        features: all inputs.
        units: (N + 1,) int64, item i is the units ``units[i]:units[i + 1]`` of the features.
        gold: gold answers as text, as predictions tables have them.
        decoded: the same as the scorer takes them, and ``decode`` makes that of a predicted text.
        figure: name of the scorer's figure that an item's own score is: F1 for questions, else its only one.

    Raises:
        UserError: an item has no gold answer.
    """

    # None takes the task's own metric.
    METRIC: str | None = "accuracy"
    features: Features
    units: np.ndarray

    def __init__(
        self, card: TaskCard, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], max_length: int
    ) -> None:
        self.examples, self.labels, self.pad_token = examples, labels, pad_of(tokenizer)
        self.category = category(card.category)
        self.metric = self.METRIC or card.metric
        self.scorer = scorer(self.metric, examples[0].language)
        self.figure = "f1" if "f1" in self.scorer.values else self.scorer.values[0]
        self.gold = [self.gold_of(example) for example in examples]
        for example, answer in zip(examples, self.gold, strict=True):
            if answer is None:
                raise UserError(
                    f"{example.file}, line {example.row + 1} has no gold answer; an attack needs labelled rows"
                )
        gold, self.decode = decoders(self.metric)
        self.decoded: list[Any] = [gold(answer or "") for answer in self.gold]
        self._known: dict[tuple[int, str], float] = {}
        self.features, self.units = self.prepare(tokenizer, max_length)

    @abstractmethod
    def gold_of(self, example: Any) -> str | None:
        """The gold answer as text; None where it is not known."""

    @abstractmethod
    def prepare(self, tokenizer: Any, max_length: int) -> tuple[Features, np.ndarray]:
        """Features of all items, and ``units``."""

    @abstractmethod
    def answers(self, batch: Batch, outputs: Any) -> tuple[list[str], list[Any]]:
        """What the outputs answer, item by item: texts, and logits (an empty list where they are not kept)."""

    def __len__(self) -> int:
        return len(self.examples)

    def units_of(self, items: np.ndarray) -> np.ndarray:
        """The units of features that items are made of, in the order of the items."""
        parts = [np.arange(self.units[item], self.units[item + 1]) for item in items]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])

    def rows_of(self, items: np.ndarray) -> np.ndarray:
        """The inputs of items, in their order."""
        units = self.units_of(items)
        return self.features.rows_of(units) if len(units) else units

    def tokens_of(self, item: int) -> int:
        """Tokens of an item."""
        return int(self.features.lengths[self.units[item] : self.units[item + 1]].sum())

    def batches(self, items: np.ndarray, budget: int) -> Iterator[np.ndarray]:
        """Split items into batches of like length whose padded size is at most ``budget`` tokens, longest first.

        An item that is larger is alone; items without inputs (sentences without tokens) are left out.
        """
        rows = [self.features.rows.lengths[self.rows_of(np.array([item]))] for item in items]
        longest = np.array([max(each, default=0) for each in rows])
        held: list[int] = []
        width = inputs = 0
        for place in np.argsort(-longest, kind="stable"):
            if not len(rows[place]):
                continue
            if held and (inputs + len(rows[place])) * width > budget:
                yield np.array(held)
                held, inputs = [], 0
            width = width if held else int(longest[place])
            inputs += len(rows[place])
            held.append(int(items[place]))
        if held:
            yield np.array(held)

    def batch(self, items: np.ndarray, device: torch.device) -> Batch:
        """Pad some items."""
        units = self.units_of(items)
        view = padded_view(self.features.rows.take(self.features.rows_of(units)), self.pad_token, device)
        targets = torch.from_numpy(self.features.targets_of(units)).to(device)
        if self.features.per_token:
            shape = view.inputs["input_ids"].shape
            padded = torch.full((shape.numel(),), IGNORED, device=device)
            targets = padded.index_copy_(0, view.segments.positions(shape[1]), targets).view(shape)
        places = np.repeat(np.arange(len(items)), np.diff(self.units)[items])
        of_token = np.repeat(places, self.features.lengths[units])
        return Batch(items, view, targets, *(torch.from_numpy(each).to(device) for each in (places, of_token)))

    def losses(self, batch: Batch, outputs: Any, each: TargetLoss) -> Tensor:
        """(I,): the loss of each item, the sum of its units'."""
        units = self.category.unit_losses(outputs, batch.targets, each)
        return units.new_zeros(len(batch.items)).index_add(0, batch.item_of_unit, units)

    def scores(self, items: Sequence[int] | np.ndarray, answers: Sequence[str]) -> np.ndarray:
        """(I,) float64, 0 to 1: right or wrong, the share of right tags, the F1 of a question's answer."""
        return np.array([self._score(int(item), answer) for item, answer in zip(items, answers, strict=True)])

    def _score(self, item: int, answer: str) -> float:
        # An ascent gives the same few answers at most of its steps.
        if (item, answer) not in self._known:
            parts = self.scorer.statistics([self.decoded[item]], [self.decode(answer)])[0]
            value = float(self.scorer.figures(parts)[self.figure]) / 100
            # A sentence without tokens has nothing to lose.
            self._known[item, answer] = value if np.isfinite(value) else 0.0
        return self._known[item, answer]

"""The items of each category: how they become inputs, and how their answers are read from outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremor.errors import UserError
from xtremor.evaluation.attack.items import Batch, Items
from xtremor.tasks import choice, classification, spans, tagging
from xtremor.tasks.features import IGNORED, Features
from xtremor.tasks.windows import encode

if TYPE_CHECKING:
    from xtremor.tasks.base import TaskCard


class Texts(Items):
    """Texts, or pairs, with a class."""

    def gold_of(self, example: Any) -> str | None:
        """The class."""
        label: str | None = example.label
        if label is not None and label not in self.labels:
            raise UserError(f"{example.file}, line {example.row + 1}: the model knows no class '{label}'")
        return label

    def prepare(self, tokenizer: Any, max_length: int) -> tuple[Features, np.ndarray]:
        """An input each."""
        features = classification.featurize(self.examples, tokenizer, self.labels, max_length)
        return features, np.arange(len(self) + 1)

    def answers(self, batch: Batch, outputs: Any) -> tuple[list[str], list[Any]]:
        """The class of the largest logit; ties go to the first."""
        logits = outputs.logits.detach().float().cpu().numpy()
        return [self.labels[index] for index in logits.argmax(1)], list(logits)


class Choices(Items):
    """Multiple choice."""

    def gold_of(self, example: Any) -> str | None:
        """The number of the right choice."""
        label: str | None = example.label
        return label

    def prepare(self, tokenizer: Any, max_length: int) -> tuple[Features, np.ndarray]:
        """An input a choice; a unit is an item."""
        features = choice.featurize(self.examples, tokenizer, self.labels, max_length)
        return features, np.arange(len(self) + 1)

    def answers(self, batch: Batch, outputs: Any) -> tuple[list[str], list[Any]]:
        """The choice with the largest logit; ties go to the first."""
        logits = outputs.logits.detach().float().flatten().cpu().numpy()
        items = np.split(logits, np.cumsum(batch.targets[:, 1].cpu().numpy())[:-1])
        return [str(int(item.argmax())) for item in items], items


class Sentences(Items):
    """Sentences with a tag a token."""

    METRIC = "token_accuracy"

    def gold_of(self, example: Any) -> str | None:
        """The tags, spaces between them."""
        return None if example.tags is None else " ".join(example.tags)

    def prepare(self, tokenizer: Any, max_length: int) -> tuple[Features, np.ndarray]:
        """One or more inputs each."""
        inputs = tagging.encode([example.tokens for example in self.examples], tokenizer, max_length)
        index = {label: number for number, label in enumerate(self.labels)}
        targets = np.full(len(inputs.rows.tokens), IGNORED, dtype=np.int64)
        # A tag that the model does not know is missed anyway: there is nothing to ascend.
        targets[inputs.first] = [index.get(tag, IGNORED) for each in self.examples for tag in each.tags]
        self._first = inputs.first
        self._words = np.concatenate([[0], np.cumsum([len(example.tokens) for example in self.examples])])
        row_of_word = np.searchsorted(inputs.rows.offsets, inputs.first, side="right") - 1
        # An item begins where its first word stands; one without words begins and ends where the next begins.
        units = np.append(row_of_word, len(inputs.rows))[self._words]
        return Features(inputs.rows, targets, inputs.cut, per_token=True), units.astype(np.int64)

    def answers(self, batch: Batch, outputs: Any) -> tuple[list[str], list[Any]]:
        """The tag of the largest logit at each token's first subword."""
        tags = batch.view.segments.unpad(outputs.logits.detach()).argmax(-1).cpu().numpy()
        found, at = [], 0
        for item in batch.items:
            # The windows of a sentence stand one after another, in the features as in the batch.
            begin = self.features.rows.offsets[self.units[item]]
            words = self._first[self._words[item] : self._words[item + 1]] - begin
            found.append(" ".join(self.labels[tag] for tag in tags[at + words]))
            at += self.tokens_of(item)
        return found, []


class Questions(Items):
    """Questions about paragraphs; every window of a paragraph is attacked, by its own loss."""

    METRIC = None

    def gold_of(self, example: Any) -> str | None:
        """The right answers as JSON; a question must have one where its task says so."""
        return None if example.answerable and not example.answers else spans.gold_text(example)

    def prepare(self, tokenizer: Any, max_length: int) -> tuple[Features, np.ndarray]:
        """One or more windows each."""
        inputs = encode(self.examples, tokenizer, max_length)
        self._read = spans.Readings(inputs)
        targets = np.column_stack([inputs.answers, inputs.rows.lengths])
        units = np.searchsorted(inputs.items, np.arange(len(self) + 1))
        return Features(inputs.rows, targets, inputs.cut), units

    def answers(self, batch: Batch, outputs: Any) -> tuple[list[str], list[Any]]:
        """The text of the best span of each question's windows."""
        self._read.take(self.rows_of(batch.items), batch.view, outputs)
        windows = [range(self.units[item], self.units[item + 1]) for item in batch.items]
        asked = [self.examples[item] for item in batch.items]
        return [self._read.answer(*each) for each in zip(asked, windows, strict=True)], []


KINDS: dict[str, type[Items]] = {
    "classification": Texts,
    "choice": Choices,
    "tagging": Sentences,
    "spans": Questions,
}


def check_category(run: Path, record: dict[str, Any], card: TaskCard | None) -> None:
    """Raise UserError for a run that cannot be attacked, or that cannot answer ``card`` where one is named."""
    category = record.get("category", "classification")
    if category not in KINDS:
        raise UserError(
            f"{run}: {record['task']} is {category}, where an answer depends on all candidates; `xtremor attack` takes "
            "runs on classification, multiple choice, tagging and question answering"
        )
    if card is not None and card.category != category:
        raise UserError(
            f"{run} was trained on {record['task']} ({category}) and cannot answer {card.name} ({card.category})"
        )


def open_items(
    card: TaskCard, examples: Sequence[Any], tokenizer: Any, labels: Sequence[str], max_length: int
) -> Items:
    """The items of one language; see `Items` for arguments and errors."""
    return KINDS[card.category](card, examples, tokenizer, labels, max_length)

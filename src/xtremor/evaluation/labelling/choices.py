"""Choose one of the choices of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtremor.errors import UserError
from xtremor.evaluation.labelling.tables import Rows, answers, probability_columns
from xtremor.evaluation.labelling.texts import softmax
from xtremor.evaluation.labelling.trained import Trained, TrainedFolder, load_trained
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.kinds.choice import check_columns
from xtremor.sources.own.table import Table
from xtremor.tasks.base import ChoiceExample

if TYPE_CHECKING:
    from xtremor.evaluation.labelling import LabelSettings


@dataclass(frozen=True)
class ChoiceLabeller:
    """See `tables.RowLabeller`.

    Attributes:
        trained: the model.
        named: columns of context, question and choices.
        labels: what the choices are called in answers.
        every: add a column for each choice.
        added: columns of the answers.
    """

    trained: Trained
    named: Columns
    labels: tuple[str, ...]
    every: bool
    added: list[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are read."""
        return (*self.named.texts, *self.named.choices)

    @property
    def found(self) -> str:
        """Where the context and the choices are."""
        return f"context in '{self.named.text}', choices in {', '.join(self.named.choices)}"

    @property
    def max_length(self) -> int:
        """Tokens that a context with a choice is cut at."""
        return self.trained.max_length

    def label(self, rows: Rows) -> tuple[list[dict[str, Any]], int]:
        """The choices of rows."""
        import numpy as np

        from xtremor.tasks.choice import featurize, scores

        question = self.named.text_pair
        examples = [
            ChoiceExample(
                "", "", number, "", "", context=row[self.named.text], question=row[question] if question else "",
                choices=tuple(row[column] for column in self.named.choices), label=None,
            )
            for number, row in enumerate(rows)
        ]  # fmt: skip
        features = featurize(examples, self.trained.tokenizer, self.labels, self.max_length)
        found = scores(self.trained.model, features, self.trained.tokenizer, self.trained.device)
        return answers(softmax(np.stack(found).astype(np.float64)), self.labels, self.every), features.truncated


def choice_labeller(folder: TrainedFolder, table: Table, settings: LabelSettings) -> ChoiceLabeller:
    """Take the columns that were named, else those of training, and load the model.

    Answers are what the training file called the choices: columns, or numbers from 0.

    Raises:
        UserError: a column that is neither, or is not there.
    """
    settings.refuse(folder.category, "batch_size")
    known = folder.task.columns if folder.task is not None else None
    text, pair = settings.text or (known and known.text), settings.text_pair or (known and known.text_pair)
    choices = settings.choices or (known.choices if known else ())
    if not text or not choices:
        raise UserError(
            "the model chooses one of several texts; name the context with --text and the columns of the choices with "
            f"--choices a,b (columns of {table.name}: {', '.join(table.columns)})"
        )
    if len(choices) < 2 or (folder.task is not None and len(choices) != len(folder.task.labels)):
        wanted = f"{len(folder.task.labels)}, as in training" if folder.task is not None else "two or more"
        raise UserError(f"--choices names {len(choices)} columns; expected {wanted}")
    named = Columns(text, pair or None, None, tuple(choices))
    check_columns(table.name, named, table.columns)
    labels = tuple(map(str, range(len(choices))))
    if folder.task is not None and known is not None and folder.task.labels == known.choices:
        labels = named.choices
    every = probability_columns(labels) if settings.probabilities else []
    trained = load_trained(folder, settings.max_length)
    return ChoiceLabeller(trained, named, labels, settings.probabilities, ["predicted", "confidence", *every])

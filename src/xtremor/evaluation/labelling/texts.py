"""Give each row's text, or pair of texts, a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtremor.console import warn
from xtremor.errors import UserError
from xtremor.evaluation.labelling.tables import Rows, answers, probability_columns
from xtremor.evaluation.labelling.trained import Trained, TrainedFolder, load_trained
from xtremor.sources.own.infer import check_named
from xtremor.sources.own.table import Table
from xtremor.sources.own.tables import text_column
from xtremor.tasks.base import TextExample

if TYPE_CHECKING:
    import numpy as np

    from xtremor.evaluation.labelling import LabelSettings


@dataclass(frozen=True)
class Classifier(Trained):
    """A classifier in memory.

    Attributes:
        batch_size: rows in a forward pass; None lets their length decide.
    """

    batch_size: int | None = None

    def probabilities(self, texts: Sequence[tuple[str, ...]]) -> tuple[np.ndarray, int]:
        """((N, C) float64: softmax of the logits, number of rows that were cut).

        Raises:
            UserError: logits that are not finite.
        """
        import numpy as np

        from xtremor.evaluation.predict import forward_rows, logits
        from xtremor.tasks.classification import featurize
        from xtremor.training.model import pad_of

        examples = [TextExample("", "", row, "", "", each, None) for row, each in enumerate(texts)]
        features = featurize(examples, self.tokenizer, self.labels, self.max_length)
        pad, size = pad_of(self.tokenizer), self.batch_size
        found = forward_rows(
            self.model, features.rows, pad, self.device, logits, batch_size=size, head_alone=True
        ).astype(np.float64)
        return softmax(found), features.truncated


@dataclass(frozen=True)
class TextLabeller:
    """See `tables.RowLabeller`; ``every`` adds a column for each class."""

    classifier: Classifier
    columns: tuple[str, ...]
    added: list[str]
    every: bool

    @property
    def found(self) -> str:
        """The text columns."""
        return f"text in column{'s' * (len(self.columns) - 1)} " + " and ".join(f"'{each}'" for each in self.columns)

    @property
    def max_length(self) -> int:
        """Tokens that texts are cut at."""
        return self.classifier.max_length

    def label(self, rows: Rows) -> tuple[list[dict[str, Any]], int]:
        """Classes of rows."""
        texts = [tuple(row[column] for column in self.columns) for row in rows]
        found, cut = self.classifier.probabilities(texts)
        return answers(found, self.classifier.labels, self.every), cut


def text_labeller(folder: TrainedFolder, table: Table, settings: LabelSettings) -> TextLabeller:
    """Choose the columns and load the classifier.

    Raises:
        UserError: as `choose_texts`; the folder holds no classifier of single labels.
    """
    settings.refuse(folder.category, "choices")
    columns = choose_texts(table, folder, settings)
    loaded = load_trained(folder, settings.max_length)
    config: Any = loaded.model.config
    if config.num_labels < 2 or config.problem_type in ("regression", "multi_label_classification"):
        kind = config.problem_type or "regression (it has one output)"
        raise UserError(f"{folder.model} is a model for {kind}; xtremor predict labels with one class of several")
    if len(set(loaded.labels)) < len(loaded.labels):
        warn(f"{folder.model}: several classes share a name, so that answers cannot be told apart")
    classifier = Classifier(**vars(loaded), batch_size=settings.batch_size)
    every = probability_columns(classifier.labels) if settings.probabilities else []
    return TextLabeller(classifier, columns, ["predicted", "confidence", *every], settings.probabilities)


def choose_texts(table: Table, folder: TrainedFolder, settings: LabelSettings) -> tuple[str, ...]:
    """The text column or columns: those named, else those of training, else ``text``, else the one that reads so.

    Raises:
        UserError: a column that is absent, none or several that could be meant, one text where pairs are needed.
    """
    trained = folder.task.columns if folder.task is not None else None
    text, pair = settings.text, settings.text_pair
    if text is None and trained is not None and trained.text in table.columns:
        text = trained.text
    if pair is None and trained is not None and trained.text_pair in table.columns:
        pair = trained.text_pair
    if folder.texts == 1 and pair is not None:
        raise UserError(f"the model was trained on single texts; leave out --text-pair {pair}")
    if folder.texts == 2 and (text is None or pair is None):
        raise UserError(
            "the model was trained on pairs of texts; name both columns with --text and --text-pair "
            f"(columns of {table.name}: {', '.join(table.columns)})"
        )
    text = text or text_column(table, pair)
    check_named(table.name, {"--text": text, "--text-pair": pair}, table.columns)
    return (text,) if pair is None else (text, pair)


def softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) float64 logits -> probabilities; raises UserError where one is not finite."""
    import numpy as np

    if not np.isfinite(logits).all():
        raise UserError("the model gives logits that are not finite: it diverged in training, so train it again")
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return found

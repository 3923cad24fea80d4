"""Label the rows of a file with a trained model of any category: all of them or none, tables and sentences streaming.

A file is read twice: first everything in it is checked, so that a bad row is said at once and not after hours, then it
is labelled a chunk at a time. Rows from standard input are checked as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xtremor.errors import UserError
from xtremor.evaluation.labelling.running import refuse_same
from xtremor.evaluation.labelling.trained import find_trained

__all__ = ["LabelSettings", "label_file"]


@dataclass(frozen=True)
class LabelSettings:
    """How rows are labelled.

    Attributes:
        text, text_pair: columns; None takes those of training, or infers the text.
        choices: columns of multiple choice; None takes those of training.
        batch_size: rows in a forward pass of a classifier; None lets their length decide.
        max_length: longest input in tokens; None is that of training.
        probabilities: add a column for every class or choice.
    """

    text: str | None = None
    text_pair: str | None = None
    choices: tuple[str, ...] | None = None
    batch_size: int | None = None
    max_length: int | None = None
    probabilities: bool = False

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise UserError(f"--batch-size must be at least 1, not {self.batch_size}")
        if self.max_length is not None and self.max_length < 8:
            raise UserError(f"--max-length must be at least 8 tokens, not {self.max_length}")

    def refuse(self, category: str, *names: str) -> None:
        """Raise UserError where a setting was given that labelling for tasks of ``category`` does not read."""
        for name in names:
            if getattr(self, name) not in (None, False):
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} means nothing for a model of the category {category}; leave it out")


def label_file(run: Path, file: str, output: Path | None, settings: LabelSettings) -> int:
    """Label every row of ``file``; return how many.

    Classes and choices are columns added to a table, tags a last field added to CoNLL, answers a JSON object by the
    questions' ids. The output appears whole or not at all; on standard output rows appear as they are done.

    Args:
        run: a run folder, its ``model``, or a Hugging Face folder of a task model.
        file: what to label; ``-`` is JSON lines on standard input, for tables.
        output: the file to write, or None or ``-`` for standard output.
        settings: how.

    Raises:
        UserError: no such model, an unusable row (before anything is labelled, but for a stream), a column that
            must be named or that is there already, an output that cannot hold the answers.
    """
    trained = find_trained(run)
    refuse_same(file, output)
    if trained.category == "tagging":
        from xtremor.evaluation.labelling.tags import label_sentences

        return label_sentences(trained, file, output, settings)
    if trained.category == "spans":
        from xtremor.evaluation.labelling.questions import answer_questions

        return answer_questions(trained, file, output, settings)
    from xtremor.evaluation.labelling.tables import label_table

    return label_table(trained, file, output, settings)

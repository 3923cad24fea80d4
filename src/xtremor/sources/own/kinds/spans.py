"""Question answering: SQuAD's JSON, the answer a span of the paragraph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.official.clusters import numbered
from xtremor.sources.own.infer import Columns
from xtremor.sources.own.kinds.base import ENGLISH, Description, English, FileType, Named
from xtremor.sources.own.squad_json import SUFFIX, Question, read_squad
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.tasks.base import Defaults, SpanExample
from xtremor.wording import number_of

FILES = FileType((SUFFIX,), ("sw.json", "swh.json", "sr-Latn.json", "zho_Hant.json"), "SQuAD file with answers")
DEFAULTS = Defaults(epochs=2, batch_size=16, learning_rate=1e-4, head_learning_rate=1e-3, max_length=384)


def read_english(name: str, path: Path, named: Named) -> English:
    """Read questions with their answers; raises UserError at the first that cannot be used, or for a named column."""
    named.refuse(f"{path} is SQuAD JSON")
    questions, sha256 = read_squad(path)
    examples = _examples(path, questions, name, path.name, ENGLISH)
    task = OwnTask(name, None, (), FileFacts(path.name, sha256, len(examples)), category="spans")
    paragraphs = len({question.context for question in questions})
    without = sum(not question.answers for question in questions)
    note = (
        f"{without:,} of {len(questions):,} questions of {path.name} have no answer: the model learns to point at the "
        "first token for them, and answers every question all the same"
    )
    sentence = (
        f"{path}: {number_of(len(questions), 'questions')} about {number_of(paragraphs, 'paragraphs')}, none dropped"
    )
    return English(task, examples, sentence, (note,) if without else ())


def read_language(
    task: OwnTask, path: Path, language: str, file: str, columns: Columns | None
) -> tuple[list[SpanExample], FileFacts]:
    """All questions of a file with answers; see `Kind`."""
    FILES.check(path)
    questions, sha256 = read_squad(path)
    return _examples(path, questions, task.name, file, language), FileFacts(file, sha256, len(questions))


def describe(task: OwnTask) -> Description:
    """F1 and exact match as SQuAD has them."""
    note = "Scored by SQuAD's rules in every language: English articles and ASCII punctuation are dropped."
    return Description("own data, the answer to a question in its paragraph", "squad", DEFAULTS, (note,))


def content(example: SpanExample) -> tuple[str, str]:
    """Paragraph and question."""
    return example.context, example.question


def answers(example: SpanExample) -> Sequence[str]:
    """The texts of the answers."""
    return [answer.text for answer in example.answers or ()]


def _examples(path: Path, questions: Sequence[Question], task: str, file: str, language: str) -> list[SpanExample]:
    """Questions about equal paragraphs share a cluster."""
    if not any(question.answers for question in questions):
        raise UserError(f"{path}: no question has an answer; xtremor predict answers questions without any")
    clusters = numbered((question.context for question in questions), f"{task}/{file}")
    return [
        SpanExample(task, file, row, cluster, language, each.id, each.context, each.question, each.answers)
        for row, (cluster, each) in enumerate(zip(clusters, questions, strict=True))
    ]

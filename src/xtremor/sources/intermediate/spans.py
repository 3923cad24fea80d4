"""Questions about paragraphs: ``squad`` (1.1) and ``squad2`` (2.0), whose questions may have no answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from xtremor.errors import UserError
from xtremor.sources.intermediate.files import EnglishSource
from xtremor.sources.json_text import member
from xtremor.sources.official.clusters import numbered
from xtremor.sources.official.squad import Question, paragraphs, read_questions
from xtremor.sources.text import TextFile
from xtremor.tasks.base import SpanExample


class EnglishSpanSource(EnglishSource):
    """Questions of ``squad`` or ``squad2``; those about equal paragraphs share a cluster."""

    def examples(self, split: str, language: str) -> list[SpanExample]:
        """All questions of a split in file order; raises UserError at a missing file or an unusable question."""
        ((name, file),) = self._files_of(split, language)
        may_lack = self.card.name == "squad2"
        questions = _read_second(file) if may_lack else _read_first(file)
        self._read(name, file, len(questions), Counter())
        clusters = numbered((each.context for each in questions), f"{self.card.name}/{split}")
        return [
            SpanExample(
                self.card.name, name, row, cluster, language, each.id, each.context, each.question, each.answers,
                answerable=not may_lack,
            )
            for row, (cluster, each) in enumerate(zip(clusters, questions, strict=True))
        ]  # fmt: skip


def _read_first(file: TextFile) -> list[Question]:
    """Questions of version 1.1, each with an answer."""
    questions, bare = read_questions(file)
    if bare:
        raise UserError(f"{file.name} has no answers; expected SQuAD 1.1 with them, so download it again")
    return questions


def _read_second(file: TextFile) -> list[Question]:
    """Questions of version 2.0; answers are empty where the file says ``is_impossible``.

    ``plausible_answers``, what a reader might take for the answer, are none.
    """
    found: list[Question] = []
    for number, (paragraph, questions) in enumerate(paragraphs(file), start=1):
        for place, (raw, question) in enumerate(zip(paragraph["qas"], questions, strict=True), start=1):
            where = f"{file.name}, paragraph {number}, question {place}"
            lacking = not raw["answers"]
            if member(raw, "is_impossible", bool, where) != lacking:
                said = "has no answer" if lacking else "has an answer"
                raise UserError(f"{where}: it {said}, but 'is_impossible' says otherwise; download the file again")
            if not lacking and not all(answer.text for answer in question.answers):
                raise UserError(f"{where}: an answer is empty; expected a text, or none and 'is_impossible'")
            found.append(replace(question, answers=()) if lacking else question)
    return found

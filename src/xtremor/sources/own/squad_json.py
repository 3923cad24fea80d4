"""Questions about paragraphs in SQuAD's JSON, versions 1.1 and 2.0 (data, paragraphs, qas, answers)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.json_stream import JsonStream
from xtremor.sources.json_text import member
from xtremor.tasks.base import Answer

SUFFIX = ".json"
# A file without a paragraph; no column of a table is a list.
_BEGINNING = re.compile(rb'\s*\{\s*("version"\s*:\s*"[^"]*"\s*,\s*)?"data"\s*:\s*\[')


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a paragraph.

    Attributes:
        id: as in the file; it may repeat.
        context, question: texts.
        answers: all equally right, none where the paragraph has none (2.0); None where answers were not read.
    """

    id: str
    context: str
    question: str
    answers: tuple[Answer, ...] | None


def is_squad(path: Path) -> bool:
    """Whether a .json file begins like SQuAD and not like JSON lines; a cheap look, not a check."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(65_536)
    return b'"paragraphs"' in head or _BEGINNING.match(head) is not None


def read_squad(path: Path, answered: bool = True) -> tuple[list[Question], str]:
    """All questions in file order, and the digest of the file; see `stream_squad`."""
    with JsonStream(path) as stream:
        return list(stream_squad(stream, answered)), stream.sha256


def stream_squad(stream: JsonStream, answered: bool = True) -> Iterator[Question]:
    """The questions in file order, a paragraph in memory at a time.

    Args:
        stream: the file, from its start.
        answered: read the answers too; otherwise it does not matter what they are.

    Raises:
        UserError: no JSON of this form, or, with its place in the file, the first question that cannot be used.
    """
    path, found = stream.name, False
    for key in stream.members("data", path):
        if key != "data":
            stream.value()
            continue
        for article in stream.elements(f"{path}, 'data'"):
            for question in _article(stream, f"{path}, article {article}", answered):
                found = True
                yield question
    stream.end()
    if not found:
        raise UserError(f"{path} holds no question")


def _article(stream: JsonStream, place: str, answered: bool) -> Iterator[Question]:
    for key in stream.members("paragraphs", place):
        if key != "paragraphs":
            stream.value()
            continue
        for number in stream.elements(f"{place}, 'paragraphs'"):
            where, paragraph = f"{place}, paragraph {number}", stream.value()
            context = member(paragraph, "context", str, where)
            for question in member(paragraph, "qas", list, where):
                yield _question(question, context, where, answered)


def _question(question: Any, context: str, where: str, answered: bool) -> Question:
    name = member(question, "id", str, where)
    where = f"{where}, question {name}"
    text = member(question, "question", str, where)
    if not text.strip() or not context.strip():
        raise UserError(f"{where}: the {'question' if context.strip() else 'context'} is empty")
    if answered:
        return Question(name, context, text, _answers(question, context, where))
    # Not needed, but a bracket that is lost in it would hide the questions that follow.
    if question.get("answers") is not None:
        for answer in member(question, "answers", list, where):
            member(answer, "text", str, f"{where}, answers")
    return Question(name, context, text, None)


def _answers(question: dict[str, Any], context: str, where: str) -> tuple[Answer, ...]:
    pointer = "; xtremor predict answers questions without any"
    if "answers" not in question:
        raise UserError(f"{where} has no answers; expected a list of them{pointer}")
    answers = tuple(_answer(each, context, where) for each in member(question, "answers", list, where))
    if not answers and question.get("is_impossible") is not True:
        raise UserError(f"{where} has no answers; SQuAD 2.0 marks those that have none with is_impossible{pointer}")
    return answers


def _answer(answer: Any, context: str, where: str) -> Answer:
    text, start = member(answer, "text", str, where), member(answer, "answer_start", int, where)
    if not text or start < 0 or context[start : start + len(text)] != text:
        raise UserError(f"{where}: its answer '{text[:40]}' does not stand at character {start} of the context")
    return Answer(text, start)

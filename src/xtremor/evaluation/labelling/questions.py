"""Answer the questions of a SQuAD file: a JSON object of answers by the questions' ids, as submissions have it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.labelling.running import counted, standard, stoppable
from xtremor.evaluation.labelling.trained import TrainedFolder, load_trained
from xtremor.paths import atomic_file
from xtremor.sources.own.squad_json import SUFFIX, Question, read_squad
from xtremor.tasks.base import SpanExample

if TYPE_CHECKING:
    from xtremor.evaluation.labelling import LabelSettings

# Questions at a time: their windows take far more memory than the file.
CHUNK = 512


def answer_questions(folder: TrainedFolder, file: str, output: Path | None, settings: LabelSettings) -> int:
    """Write ``{id: answer}``, and return how many; see `labelling.label_file`. Answers in the file are not looked at.

    Raises:
        UserError: a file that is no SQuAD JSON, an id that repeats, an output of another format.
    """
    settings.refuse("spans", "text", "text_pair", "choices", "batch_size", "probabilities")
    questions = _read(Path(file))
    if output is not None and not standard(output) and (output.suffix.lower() != SUFFIX or output.is_dir()):
        raise UserError(f"--output {output}: answers are written as one JSON object; name a {SUFFIX} file")
    say(f"{file}: {len(questions):,} questions about {len({each.context for each in questions}):,} paragraphs")
    from xtremor.tasks.spans import predict

    trained = load_trained(folder, settings.max_length)
    answers: dict[str, str] = {}
    with stoppable(output):
        with counted(file, len(questions), "questions") as advance:
            for start in range(0, len(questions), CHUNK):
                part = questions[start : start + CHUNK]
                examples = [
                    SpanExample("", file, start + row, "", "", each.id, each.context, each.question, None)
                    for row, each in enumerate(part)
                ]
                table = predict(trained.model, trained.tokenizer, examples, (), trained.max_length, trained.device)
                answers |= zip((each.id for each in part), table["predicted"], strict=True)
                advance(len(part))
        _write(answers, output)
    empty = sum(not answer for answer in answers.values())
    without = f" ({empty:,} of them empty)" if empty else ""
    say(f"{len(answers):,} questions answered{'' if standard(output) else f' in {output}'}{without}")
    return len(answers)


def _read(path: Path) -> list[Question]:
    """The questions, each with an id of its own."""
    if not path.is_file() or path.suffix.lower() != SUFFIX:
        what = "is none" if path.is_file() else "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {what}; the model answers questions about paragraphs: name a SQuAD {SUFFIX} file")
    questions, _ = read_squad(path, answered=False)
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise UserError(
                f"{path}: the id '{question.id[:60]}' stands twice, and answers are keyed by it; make ids unique"
            )
        seen.add(question.id)
    return questions


def _write(answers: dict[str, str], output: Path | None) -> None:
    text = json.dumps(answers, ensure_ascii=False, indent=0) + "\n"
    if output is None or standard(output):
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    with atomic_file(output) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")

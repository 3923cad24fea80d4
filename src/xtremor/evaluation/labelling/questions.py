"""Answer the questions of a SQuAD file: a JSON object of answers by the questions' ids, as submissions have it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.labelling.running import counted, standard, stoppable
from xtremor.evaluation.labelling.trained import TrainedFolder, load_trained
from xtremor.paths import atomic_file
from xtremor.sources.json_stream import JsonStream
from xtremor.sources.own.squad_json import SUFFIX, stream_squad
from xtremor.tasks.base import SpanExample
from xtremor.wording import number_of

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
    path = Path(file)
    total, sha256 = _look_through(path)
    if output is not None and not standard(output) and (output.suffix.lower() != SUFFIX or output.is_dir()):
        raise UserError(f"--output {output}: answers are written as one JSON object; name a {SUFFIX} file")
    say(f"{file}: {number_of(total, 'questions')}")
    from xtremor.tasks.spans import predict

    trained = load_trained(folder, settings.max_length)
    done = empty = 0
    with (
        stoppable(output), _opened(output) as write, counted(file, total, "questions") as advance,
        JsonStream(path) as stream,
    ):  # fmt: skip
        questions = stream_squad(stream, answered=False)
        while part := list(islice(questions, CHUNK)):
            examples = [
                SpanExample("", file, done + row, "", "", each.id, each.context, each.question, None)
                for row, each in enumerate(part)
            ]
            table = predict(trained.model, trained.tokenizer, examples, (), trained.max_length, trained.device)
            for question, answer in zip(part, table["predicted"], strict=True):
                write(question.id, answer)
                done, empty = done + 1, empty + (not answer)
            advance(len(part))
        if stream.sha256 != sha256:
            raise UserError(f"{path} was changed while its questions were answered; run the command again")
    without = f" ({empty:,} of them empty)" if empty else ""
    say(f"{number_of(done, 'questions')} answered{'' if standard(output) else f' in {output}'}{without}")
    return done


def _look_through(path: Path) -> tuple[int, str]:
    """Number of questions and digest of the file, all of which was read: nothing may fail once answering has begun."""
    if not path.is_file() or path.suffix.lower() != SUFFIX:
        what = "is none" if path.is_file() else "is a folder" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {what}; the model answers questions about paragraphs: name a SQuAD {SUFFIX} file")
    # Digests, because ids may be of any length: all that grows with the file is these.
    seen: set[bytes] = set()
    with JsonStream(path) as stream:
        for question in stream_squad(stream, answered=False):
            digest = hashlib.blake2b(question.id.encode(), digest_size=16).digest()
            if digest in seen:
                raise UserError(
                    f"{path}: the id '{question.id[:60]}' stands twice, and answers are keyed by it; make ids unique"
                )
            seen.add(digest)
        return len(seen), stream.sha256


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[Callable[[str, str], None]]:
    """Take answers into one JSON object, a line each; a file appears when the block ends well."""
    with contextlib.ExitStack() as stack:
        if output is None or standard(output):
            out: IO[bytes] = sys.stdout.buffer
        else:
            out = stack.enter_context(stack.enter_context(atomic_file(output)).open("wb"))
        between = b"{\n"

        def write(name: str, answer: str) -> None:
            nonlocal between
            text = f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(answer, ensure_ascii=False)}"
            out.write(between + text.encode())
            between = b",\n"

        yield write
        out.write(b"\n}\n")
        out.flush()

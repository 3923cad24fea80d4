"""Tag every token of sentences, streaming: CoNLL in, CoNLL out, the predicted tag the last field of a line.

Of CoNLL only the first field is looked at, the token: other fields, a tag among them, are kept, so that the output
holds both tags, as conlleval reads them. CoNLL-U has no room for a field more: there the predicted tag becomes UPOS.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from xtremor.console import say
from xtremor.errors import UserError
from xtremor.evaluation.labelling.running import counted, shares, standard, stoppable
from xtremor.evaluation.labelling.trained import Trained, TrainedFolder, load_trained
from xtremor.paths import atomic_file, explained
from xtremor.sources.own.conll import SUFFIXES, UNIVERSAL, UPOS, Line, Sentence, words
from xtremor.sources.own.sentences import sentence_reader
from xtremor.tasks.base import TaggingExample
from xtremor.wording import number_of

if TYPE_CHECKING:
    from xtremor.evaluation.labelling import LabelSettings

# Tokens in memory at a time, and a sentence more.
CHUNK_TOKENS = 50_000

Format = Callable[[Line, str], str]


def label_sentences(folder: TrainedFolder, file: str, output: Path | None, settings: LabelSettings) -> int:
    """Write the sentences of ``file`` with their tags, and return how many there are; see `labelling.label_file`.

    Raises:
        UserError: a file that is neither CoNLL nor plain text, a line that cannot be used, an output of another format.
    """
    settings.refuse("tagging", "text", "text_pair", "choices", "batch_size", "probabilities")
    read = sentence_reader(Path(file))
    written = _format(Path(file), output)
    sentences = tokens = 0
    for sentence in read():
        sentences += any(line.fields for line in sentence)
        tokens += len(words(sentence))
    say(f"{file}: {number_of(sentences, 'sentences')} with {number_of(tokens, 'tokens')}")
    trained = load_trained(folder, settings.max_length)
    spaced = next((label for label in trained.labels if len(label.split()) != 1), None)
    if spaced is not None:
        raise UserError(f"{folder.model} has a tag '{spaced}', which is no one word, so that CoNLL cannot hold it")
    counts: Counter[str] = Counter()
    with stoppable(output), _opened(output) as target, counted(file, tokens, "tokens") as advance:
        for chunk in _chunks(read()):
            done = 0
            for sentence, tags in zip(chunk, _tags(trained, chunk), strict=True):
                target.write(_text(sentence, tags, written).encode())
                counts.update(tags)
                done += len(tags)
            target.flush()
            advance(done)
    say(f"{number_of(sentences, 'sentences')} tagged{'' if standard(output) else f' in {output}'}: {shares(counts)}")
    return sentences


def _format(file: Path, output: Path | None) -> Format:
    """How a line with a token is written."""
    given = file.suffix.lower()
    wanted = given if output is None or standard(output) else output.suffix.lower()
    if output is not None and not standard(output):
        if wanted not in SUFFIXES or (wanted == UNIVERSAL and given != UNIVERSAL):
            expected = SUFFIXES if given == UNIVERSAL else [suffix for suffix in SUFFIXES if suffix != UNIVERSAL]
            raise UserError(
                f"--output {output}: tagged sentences of a {given} file are written as {' or '.join(expected)}"
            )
        if output.is_dir():
            raise UserError(f"--output {output} is a folder; name a file in it")
    if wanted == UNIVERSAL:
        return lambda line, tag: "\t".join([*line.fields[:UPOS], tag, *line.fields[UPOS + 1 :]])
    if given == UNIVERSAL:
        return lambda line, tag: f"{line.token}\t{tag}"
    return _appended


def _appended(line: Line, tag: str) -> str:
    """Behind the fields that are there, parted as they are."""
    if len(line.fields) == 1:
        return f"{line.token}\t{tag}"
    return line.text + ("\t" if "\t" in line.text else " ") + tag


def _text(sentence: Sentence, tags: tuple[str, ...], written: Format) -> str:
    """The lines of a sentence; what holds no token stays as it is."""
    remaining = iter(tags)
    return "".join(f"{written(line, next(remaining)) if line.fields else line.text}\n" for line in sentence)


def _chunks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    chunk: list[Sentence] = []
    tokens = 0
    for sentence in sentences:
        chunk.append(sentence)
        tokens += len(sentence)
        if tokens >= CHUNK_TOKENS:
            yield chunk
            chunk, tokens = [], 0
    if chunk:
        yield chunk


def _tags(trained: Trained, chunk: list[Sentence]) -> list[tuple[str, ...]]:
    from xtremor.tasks.tagging import predict

    examples = [
        TaggingExample("", "the file", sentence[0].number - 1, "", "", words(sentence), None) for sentence in chunk
    ]
    held = [example for example in examples if example.tokens]
    if not held:
        return [() for _ in chunk]
    length, device = trained.max_length, trained.device
    table = predict(trained.model, trained.tokenizer, held, trained.labels, length, device)
    found = (tuple(tags.split()) for tags in table["predicted"])
    return [next(found) if example.tokens else () for example in examples]


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """The output, which appears when the block ends well; or standard output."""
    if output is None or standard(output):
        yield sys.stdout.buffer
        return
    with atomic_file(output) as temporary, explained(output), temporary.open("wb") as file:
        yield file

"""Tagging: sentences in CoNLL or CoNLL-U files, every token with its tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.official.clusters import numbered
from xtremor.sources.own.conll import SUFFIXES, Conll, words
from xtremor.sources.own.infer import Columns, shares
from xtremor.sources.own.kinds.base import ENGLISH, Description, English, FileType, Named
from xtremor.sources.own.loaded import none_of_training
from xtremor.sources.own.task import FileFacts, OwnTask
from xtremor.tasks.base import Defaults, TaggingExample
from xtremor.wording import number_of

FILES = FileType(SUFFIXES, ("sw.conll", "swh.bio", "sr-Latn.iob", "zho_Hant.conllu"), "CoNLL file with tags")
DEFAULTS = Defaults(epochs=5, batch_size=32, learning_rate=1e-4, head_learning_rate=1e-3, max_length=128)
# More different tags than this are words or lemmas.
MOST_TAGS = 1000
OUTSIDE = "O"
# Prefixes that the official scorer of chunks knows; of BIO and of IOBES.
_CHUNK = re.compile(r"[BIES]-.+")


def read_english(name: str, path: Path, named: Named) -> English:
    """Read tagged sentences; the tags that there are become the task's.

    Raises:
        UserError: a line that is none of the format, a named column, values that are no tags.
    """
    named.refuse(f"{path} is CoNLL")
    examples, sha256 = _read(path, None, name, path.name, ENGLISH)
    tags = list(chain.from_iterable(example.tags or () for example in examples))
    labels = tag_set(path, tags)
    task = OwnTask(name, None, labels, FileFacts(path.name, sha256, len(examples)), category="tagging")
    scored = "chunk F1, as tags of chunks are" if _chunked(labels) else "token accuracy"
    sentence = (
        f"{path}: {len(examples):,} sentences with {len(tags):,} tokens, none dropped; {len(labels):,} tags "
        f"({shares(tags, labels)}), scored by {scored}"
    )
    return English(task, examples, sentence)


def read_language(
    task: OwnTask, path: Path, language: str, file: str, columns: Columns | None
) -> tuple[list[TaggingExample], FileFacts]:
    """All sentences of a tagged file; see `Kind`. A tag that training lacks is refused with its line."""
    FILES.check(path)
    examples, sha256 = _read(path, task.labels, task.name, file, language)
    return examples, FileFacts(file, sha256, len(examples))


def describe(task: OwnTask) -> Description:
    """Chunk F1 where tags are of chunks, as for WikiANN; else token accuracy."""
    title = f"own data, one of {number_of(len(task.labels), 'tags')} for each token"
    if _chunked(task.labels):
        return Description(title, "chunk_f1", DEFAULTS)
    note = "The score is token accuracy, not the F1 that is official for UD-POS, in which neighbours of one tag merge."
    return Description(title, "token_accuracy", DEFAULTS, (note,))


def content(example: TaggingExample) -> tuple[str, ...]:
    """The tokens."""
    return example.tokens


def answers(example: TaggingExample) -> Sequence[str]:
    """The tags."""
    return example.tags or ()


def tag_set(path: Path, tags: Iterable[str]) -> tuple[str, ...]:
    """The different tags: O first, those of a type side by side.

    Raises:
        UserError: one tag only, or so many that they are none.
    """
    found = set(tags)
    if len(found) == 1:
        raise UserError(f"{path} has one tag only ('{found.pop()}'); a tagger needs two")
    if len(found) > MOST_TAGS:
        raise UserError(
            f"{path} has {len(found):,} different tags, too many to be tags; the last field of a line is its tag "
            "(of .conllu the fourth, UPOS)"
        )
    if not _chunked(found):
        return tuple(sorted(found))
    return tuple(sorted(found, key=lambda tag: (tag != OUTSIDE, tag[2:], tag)))


def _chunked(tags: Iterable[str]) -> bool:
    return all(tag == OUTSIDE or _CHUNK.fullmatch(tag) for tag in tags)


def _read(
    path: Path, known: Sequence[str] | None, task: str, file: str, language: str
) -> tuple[list[TaggingExample], str]:
    """Sentences, equal ones in one cluster, and the digest of the file; ``known`` tags alone are taken, None is any."""
    reader = Conll(path)
    # One string a tag, however many tokens.
    same = {tag: tag for tag in known or ()}
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for sentence in reader.sentences():
        lines = [line for line in sentence if line.fields]
        for line in lines:
            if known is not None and line.tag not in same:
                raise UserError(f"{reader.name}, line {line.number}: {none_of_training(line.tag, known, 'tag')}")
        if lines:
            found.append((words(sentence), tuple(same.setdefault(line.tag, line.tag) for line in lines)))
    clusters = numbered((tokens for tokens, _ in found), f"{task}/{file}")
    return [
        TaggingExample(task, file, row, cluster, language, tokens, tags)
        for row, (cluster, (tokens, tags)) in enumerate(zip(clusters, found, strict=True))
    ], reader.sha256

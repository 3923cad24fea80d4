"""Sentences without tags: CoNLL, of which only the tokens are looked at, or one sentence a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from xtremor.errors import UserError
from xtremor.sources.own.conll import SUFFIXES, Conll, Line, Sentence
from xtremor.sources.text import TextFile

PLAIN = ".txt"


def plain_sentences(path: Path) -> Iterator[Sentence]:
    """Sentences of a text file of one a line, tokens between white space; raises UserError at an empty line."""
    for number, text in TextFile(path).lines():
        tokens = text.split()
        if not tokens:
            raise UserError(f"{path}, line {number} is empty; expected a sentence, its tokens between spaces")
        yield [*(Line(number, token, (token,), token) for token in tokens), Line(number, "")]


def sentence_reader(path: Path) -> Callable[[], Iterator[Sentence]]:
    """What reads the sentences of a file, as often as it is called; raises UserError for a file that holds none."""
    if path.suffix.lower() not in (*SUFFIXES, PLAIN):
        raise UserError(
            f"{path}: the model tags tokens; name a file of one token a line ({', '.join(SUFFIXES)}) or of one "
            f"sentence a line with spaces between its tokens ({PLAIN})"
        )
    if not path.is_file():
        raise UserError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; name a file of sentences")
    if path.suffix.lower() == PLAIN:
        return lambda: plain_sentences(path)
    reader = Conll(path, tagged=False)
    return reader.sentences

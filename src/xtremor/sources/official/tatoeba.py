"""Translation pairs: ``tatoeba``.

The original files, ``tatoeba.XXX-eng.XXX`` and ``tatoeba.XXX-eng.eng`` with ISO 639-3 codes, are row-aligned. The
official script copies the first and sorts the second by code point (``XX-en.XX``, ``XX-en.en``), so that the
order gives no answer away: a query is a line of the sorted English file, its answer the number of its
translation's line. From the original files the same queries, in the same order, are made with their answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from xtremor.errors import UserError
from xtremor.languages import lookup
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.sources.text import TextFile
from xtremor.tasks.base import RetrievalExample, TaskCard


class TatoebaSource(OfficialSource):
    """English queries and candidates in another language.

    ``examples`` gives the queries in the order of the official prediction files; ``row`` is the line of the file
    that was read, ``gold`` the 0-based line of the translation as text, which is the candidate's id. A pair is a
    cluster.
    """

    shared_candidates = False

    @classmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """The English file: the original's name, then the official script's."""
        if split != "test" or language == ENGLISH:
            return ()
        code = lookup(language).tatoeba_code if language != "XX" else "XXX"
        return (f"{card.name}/tatoeba.{code}-eng.eng", f"{card.name}/{language}-en.en")

    @classmethod
    def parts(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """The English file and that of its translations."""
        first = cls.names(card, split, language)[:1]
        return [part for name in first for part in (name, _translations(name, language))]

    def examples(self, split: str, language: str) -> list[RetrievalExample]:
        """The English sentences, sorted as the official script sorts them."""
        name, file = self._open(split, language)
        lines = self._read(name, file)
        other = self._other(name, language)[1]
        if len(other) != len(lines):
            raise UserError(
                f"{self._place(name)} has {len(lines):,} lines, but the file of its translations {len(other):,}; "
                "expected as many, so download the task again"
            )
        sorted_already = name.endswith("-en.en")
        if sorted_already:
            self._check_bare(name, "it is sorted, so that its lines and their translations do not correspond")
        order = sorted(range(len(lines)), key=lambda row: lines[row].strip())
        prefix = f"{self.card.name}/{split}/{language}"
        return [
            RetrievalExample(
                self.card.name, name, row, f"{prefix}/{row}", language, f"en-{row}", lines[row], "",
                None if sorted_already else (str(row),),
            )
            for row in (range(len(lines)) if sorted_already else order)
        ]  # fmt: skip

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        """The sentences of the language in file order; the id is the 0-based line."""
        name, _ = self._open(split, language)
        other, texts = self._other(name, language)
        prefix = f"{self.card.name}/{split}/{language}"
        return [
            RetrievalExample(self.card.name, other, row, f"{prefix}/{row}", language, str(row), text, "", ())
            for row, text in enumerate(texts)
        ]

    def _other(self, name: str, language: str) -> tuple[str, list[str]]:
        """Name and lines of the other file of a pair."""
        other = _translations(name, language)
        return other, self._read(other, TextFile(self._place(other)))

    def _read(self, name: str, file: TextFile) -> list[str]:
        lines = []
        for number, line in file.lines():
            if not line.strip():
                raise UserError(f"{file.name}, line {number} is empty; expected a sentence on every line")
            lines.append(line)
        self._record(name, file, len(lines))
        return lines


def _translations(english: str, language: str) -> str:
    """Name of the file that lies beside an English one."""
    ending = lookup(language).tatoeba_code if english.endswith(".eng") else language
    return f"{english.rpartition('.')[0]}.{ending}"

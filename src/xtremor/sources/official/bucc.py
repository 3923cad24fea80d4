"""Translation pairs hidden in two texts: ``bucc2018``.

``bucc2018/XX-en.{dev,test}.{XX,en}`` hold an id, a tab and a sentence on a line, ``XX-en.{dev,test}.gold`` the ids
of a pair. The official script deletes the gold of the test.
"""

from __future__ import annotations

from collections.abc import Sequence

from xtremor.errors import UserError
from xtremor.sources.official.clusters import numbered
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.sources.text import TextFile
from xtremor.tasks.base import RetrievalExample, TaskCard


class BuccSource(OfficialSource):
    """Sentences of a language as queries, English ones as candidates; most queries have no translation.

    ``gold`` holds the ids of a query's translations and is empty where there is none. Equal sentences are a cluster.
    """

    shared_candidates = False

    @classmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """The file of the language that is not English."""
        if split == "train" or language == ENGLISH:
            return ()
        return (f"{card.name}/{language}-en.{split}.{language}",)

    def examples(self, split: str, language: str) -> list[RetrievalExample]:
        """The sentences of the language in file order."""
        name, file = self._open(split, language)
        sentences = self._read(name, file)
        english = f"{name.rpartition('.')[0]}.en"
        known = self._read(english, TextFile(self._place(english)))
        gold = self._gold(f"{name.rpartition('.')[0]}.gold", sentences, known)
        return self._rows(name, split, language, sentences, gold)

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        """The English sentences beside those of the language, in file order."""
        name = f"{self._open(split, language)[0].rpartition('.')[0]}.en"
        sentences = self._read(name, TextFile(self._place(name)))
        return self._rows(name, split, ENGLISH, sentences, dict.fromkeys(sentences, ()))

    def _rows(
        self,
        name: str,
        split: str,
        language: str,
        sentences: dict[str, str],
        gold: dict[str, tuple[str, ...]] | None,
    ) -> list[RetrievalExample]:
        clusters = numbered(sentences.values(), f"{self.card.name}/{split}/{language}")
        return [
            RetrievalExample(
                self.card.name, name, row, cluster, language, identity, text, "",
                None if gold is None else gold.get(identity, ()),
            )
            for row, (cluster, (identity, text)) in enumerate(zip(clusters, sentences.items(), strict=True))
        ]  # fmt: skip

    def _read(self, name: str, file: TextFile) -> dict[str, str]:
        """Id -> sentence in file order."""
        found: dict[str, str] = {}
        for number, (identity, text) in file.rows(("id", "sentence")):
            if not identity.strip() or not text.strip():
                raise UserError(f"{file.name}, line {number} has an empty id or sentence; restore or remove the row")
            if identity in found:
                raise UserError(f"{file.name}, line {number}: the id '{identity}' stands twice; expected each once")
            found[identity] = text
        self._record(name, file, len(found))
        return found

    def _gold(self, name: str, sentences: dict[str, str], english: dict[str, str]) -> dict[str, tuple[str, ...]] | None:
        """Id -> ids of its translations; None where the file is not there and need not be."""
        file = TextFile(self._place(name))
        if not file.path.is_file():
            self._check_bare(name, "the file is not there")
            return None
        found: dict[str, tuple[str, ...]] = {}
        for number, (source, target) in file.rows(("id", "English id")):
            if source not in sentences or target not in english:
                lost = source if source not in sentences else target
                raise UserError(f"{file.name}, line {number}: no sentence has the id '{lost}'; expected a pair of ids")
            if target in found.get(source, ()):
                raise UserError(f"{file.name}, line {number}: this pair stands twice; expected each once")
            found[source] = (*found.get(source, ()), target)
        self._record(name, file, file.count)
        return found

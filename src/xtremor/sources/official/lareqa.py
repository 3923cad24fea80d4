"""Questions and the sentences that answer them, in all languages at once: ``lareqa`` (XQuAD-R).

``lareqa/xquad-r/XX.json`` is SQuAD's JSON whose paragraphs also have ``sentence_breaks``: (start, end) of each
sentence. Every sentence of every language is a candidate for every question; right are those that hold the
answer's first character, and sentences of the same paragraph that read the same.

XTREME-R trains on SQuAD 1.1 (``squad/train-v1.1.json`` beside the task's folder): a question, and the sentence that
holds its first answer together with its paragraph. The file has no sentences; ``sentences`` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.json_text import member, typed
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.sources.official.sentences import sentence_spans
from xtremor.sources.official.squad import Question, paragraphs
from xtremor.sources.text import TextFile
from xtremor.tasks.base import RetrievalExample, TaskCard

_SQUAD = "squad/train-v1.1.json"


class LareqaSource(OfficialSource):
    """Questions with their golds over all languages of the card; a paragraph and its translations are a cluster.

    A question's id is ``<SQuAD id>_<language>``, a candidate's ``<language>_<paragraph from 1>_<sentence from 0>``,
    as the official evaluator writes them.
    """

    shared_candidates = True

    def __init__(self, card: TaskCard, folder: Path, unlabelled: bool = False) -> None:
        super().__init__(card, folder, unlabelled)
        self._queries: dict[str, list[RetrievalExample]] = {}
        self._candidates: list[RetrievalExample] = []
        self._pairs: tuple[list[RetrievalExample], list[RetrievalExample]] | None = None

    @classmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """``lareqa/xquad-r/XX.json``, which is the test; SQuAD's training set."""
        if split == "train":
            return (_SQUAD,) if language == ENGLISH else ()
        return (f"{card.name}/xquad-r/{language}.json",) if split == "test" else ()

    def examples(self, split: str, language: str) -> list[RetrievalExample]:
        """The questions in one language; of the test every language's file is needed, since it has right answers."""
        self.require(split, [language])
        if split == "train":
            return list(self._training()[0])
        self._load(split)
        return list(self._queries[language])

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        """All sentences of all languages, the same for every ``language``; of the training set those that answer."""
        self.require(split, [language])
        if split == "train":
            return list(self._training()[1])
        self._load(split)
        return list(self._candidates)

    def _training(self) -> tuple[list[RetrievalExample], list[RetrievalExample]]:
        """Questions of SQuAD and the sentences that answer them, read once; a paragraph is a cluster."""
        if self._pairs is None:
            file = TextFile(self._place(_SQUAD))
            queries: list[RetrievalExample] = []
            answers: dict[str, RetrievalExample] = {}
            for number, (paragraph, questions) in enumerate(paragraphs(file)):
                cluster, context = f"{self.card.name}/train/{number}", member(paragraph, "context", str, file.name)
                spans = sentence_spans(context)
                for asked in questions:
                    if not asked.answers[0].text.strip():
                        raise UserError(f"{file.name}: question '{asked.id}' has no answer; download the file again")
                    start = asked.answers[0].start
                    place = max(at for at, span in enumerate(spans) if at == 0 or span[0] <= start)
                    identity, text = f"{ENGLISH}_{number + 1}_{place}", context[slice(*spans[place])]
                    common = (self.card.name, _SQUAD, len(queries), cluster, ENGLISH)
                    answers.setdefault(identity, RetrievalExample(*common, identity, text, context, ()))
                    queries.append(RetrievalExample(*common, asked.id, asked.question, "", (identity,)))
            if not queries:
                raise UserError(f"{file.name} holds no question; expected SQuAD's JSON with at least one")
            self._record(_SQUAD, file, len(queries))
            self._note(_SQUAD, "its sentences were found by a rule of xtremor, not by XTREME-R's splitter")
            self._pairs = queries, list(answers.values())
        return self._pairs

    def _load(self, split: str) -> None:
        """Read every language once."""
        if self._queries:
            return
        there = self.languages(split)
        missing = [code for code in self.card.languages if code not in there]
        if missing:
            names = ", ".join(f"{code}.json" for code in missing)
            raise UserError(
                f"{self.folder}/xquad-r lacks {names}; questions are ranked against the sentences of all "
                f"{len(self.card.languages)} languages, so add what is missing"
            )
        golds: dict[str, list[str]] = {}
        queries, candidates = {}, []
        for language in self.card.languages:
            queries[language], found = self._read(split, language, golds)
            candidates += found
            if len(queries[language]) != len(golds):
                raise UserError(
                    f"{self.folder}/xquad-r: the questions of {language}.json are not those of the languages before "
                    f"it ({', '.join(queries)}); expected the same ids in every file, so download them again"
                )
        self._candidates = candidates
        self._queries = {
            language: [replace(each, gold=tuple(golds[each.id.rpartition("_")[0]])) for each in asked]
            for language, asked in queries.items()
        }

    def _read(
        self, split: str, language: str, golds: dict[str, list[str]]
    ) -> tuple[list[RetrievalExample], list[RetrievalExample]]:
        """Questions (without golds) and candidates of one file; the file's golds are added to ``golds``."""
        name, file = self._open(split, language)
        queries: list[RetrievalExample] = []
        candidates: list[RetrievalExample] = []
        seen: set[str] = set()
        for number, (paragraph, questions) in enumerate(paragraphs(file), start=1):
            where, cluster = f"{file.name}, paragraph {number}", f"{self.card.name}/{split}/{number - 1}"
            context = member(paragraph, "context", str, where)
            breaks = _breaks(paragraph, context, where)
            texts = [context[start:end] for start, end in breaks]
            ids = [f"{language}_{number}_{place}" for place in range(len(breaks))]
            candidates += [
                RetrievalExample(self.card.name, name, len(candidates) + at, cluster, language, each, text, context, ())
                for at, (each, text) in enumerate(zip(ids, texts, strict=True))
            ]
            for asked in questions:
                if asked.id in seen:
                    raise UserError(f"{where}: the question id '{asked.id}' stands twice; expected each once")
                seen.add(asked.id)
                answer = texts[_sentence(asked, breaks, where)]
                golds.setdefault(asked.id, []).extend(i for i, text in zip(ids, texts, strict=True) if text == answer)
                identity = f"{asked.id}_{language}"
                queries.append(
                    RetrievalExample(
                        self.card.name, name, len(queries), cluster, language, identity, asked.question, "", None
                    )
                )
        if not queries:
            raise UserError(f"{file.name} holds no question; expected SQuAD's JSON with sentence_breaks")
        self._record(name, file, len(queries))
        return queries, candidates


def _breaks(paragraph: dict[str, Any], context: str, where: str) -> list[tuple[int, int]]:
    """Checked (start, end) of each sentence."""
    found = []
    for each in member(paragraph, "sentence_breaks", list, where):
        ends = typed(each, list, f"{where}, 'sentence_breaks'")
        if len(ends) != 2:
            raise UserError(f"{where}, 'sentence_breaks': expected (start, end), found {len(ends)} values")
        start, end = (typed(value, int, f"{where}, 'sentence_breaks'") for value in ends)
        if not 0 <= start < end <= len(context):
            raise UserError(
                f"{where}, 'sentence_breaks': {start} to {end} is no span of a text of {len(context):,} characters"
            )
        found.append((start, end))
    return found


def _sentence(asked: Question, breaks: list[tuple[int, int]], where: str) -> int:
    """Which sentence holds the first character of the answer."""
    first = asked.answers[0]
    if len(asked.answers) != 1 or not first.text:
        raise UserError(f"{where}: question '{asked.id}' has no single answer; expected the published XQuAD-R files")
    for place, (start, end) in enumerate(breaks):
        if start <= first.start < end:
            return place
    raise UserError(f"{where}: no sentence of 'sentence_breaks' holds the answer of question '{asked.id}'")

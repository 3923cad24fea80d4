"""Mentions in news texts and the entities that they name: ``mewslix`` (Mewsli-X).

``mewslix/wikinews_mentions-{dev,test}.jsonl`` holds a context with its mentions on a line, all languages in one
file; ``candidate_set_entities.jsonl`` an entity on a line; ``wikipedia_pairs-train.jsonl`` a mention and its entity.
Fields as in the schema that is published with the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from xtremor.errors import UserError
from xtremor.sources.json_text import member, read_json_lines
from xtremor.sources.official.folder import ENGLISH, OfficialSource
from xtremor.sources.text import TextFile
from xtremor.tasks.base import RetrievalExample, TaskCard

_ENTITIES = "mewslix/candidate_set_entities.jsonl"


class MewslixSource(OfficialSource):
    """Mentions as queries, entities as candidates; mentions of one document are a cluster.

    A query's text is the mention, a colon and its sentence with the mention between braces, as the
    benchmark's baseline has it; a candidate's text the entity's description.
    """

    shared_candidates = True

    def __init__(self, card: TaskCard, folder: Path, unlabelled: bool = False) -> None:
        super().__init__(card, folder, unlabelled)
        self._mentions: dict[str, dict[str, list[RetrievalExample]]] = {}

    @classmethod
    def names(cls, card: TaskCard, split: str, language: str) -> Sequence[str]:
        """One file for all languages; the training set is English."""
        if split == "train":
            return (f"{card.name}/wikipedia_pairs-train.jsonl",) if language == ENGLISH else ()
        return (f"{card.name}/wikinews_mentions-{split}.jsonl",)

    def languages(self, split: str) -> list[str]:
        """Codes that the split's file has mentions in, in the card's order."""
        found = super().languages(split)
        return [code for code in found if code in self._load(split)]

    def examples(self, split: str, language: str) -> list[RetrievalExample]:
        """The mentions of one language in file order."""
        self.require(split, [language])
        mentions = self._load(split)
        if split != "train":
            self._scored[split] = None
        if language not in mentions:
            raise UserError(f"{self._place(self._name(split, language))} holds no mention in {language}")
        return list(mentions[language])

    def candidates(self, split: str, language: str) -> list[RetrievalExample]:
        """All entities in file order, the same for every language; of the training set, its own entities."""
        name = self._name(split, language) if split == "train" else _ENTITIES
        file = TextFile(self._place(name))
        found: dict[str, RetrievalExample] = {}
        for row, (where, line) in enumerate(read_json_lines(file)):
            entity = member(line, "entity", dict, where) if split == "train" else line
            identity = member(entity, "entity_id", str, where)
            if identity in found:
                if split != "train":
                    raise UserError(f"{where}: the entity '{identity}' stands twice; expected each once")
                continue
            code = member(entity, "description_language", str, where)
            text = _joined(entity, "description", where)
            cluster = f"{self.card.name}/entity/{identity}"
            found[identity] = RetrievalExample(self.card.name, name, row, cluster, code, identity, text, "", ())
        self._record(name, file, file.count)
        return list(found.values())

    def _load(self, split: str) -> dict[str, list[RetrievalExample]]:
        """Mentions of a split's file by language, read once."""
        if split not in self._mentions:
            name = self._name(split, ENGLISH)
            file = TextFile(self._place(name))
            seen: set[str] = set()
            found: dict[str, list[RetrievalExample]] = {}
            rows = 0
            for where, line in read_json_lines(file):
                for example in self._examples(name, rows, line, where):
                    if example.id in seen:
                        raise UserError(f"{where}: the example_id '{example.id}' stands twice; expected each once")
                    seen.add(example.id)
                    found.setdefault(example.language, []).append(example)
                    rows += 1
            self._record(name, file, rows)
            further = sorted(code for code in found if code not in self.card.languages)
            if further:
                self._note(name, f"languages outside the benchmark, not scored: {', '.join(further)}")
            self._mentions[split] = found
        return self._mentions[split]

    def _examples(self, name: str, row: int, line: dict[str, Any], where: str) -> Iterator[RetrievalExample]:
        """The mentions of one line: a context with ``mentions`` or one ``mention``, or a pair that holds it."""
        holder = member(line, "contextual_mention", dict, where) if "contextual_mention" in line else line
        context = member(holder, "context", dict, where)
        one = "mention" in holder
        mentions = [member(holder, "mention", dict, where)] if one else member(holder, "mentions", list, where)
        document, language = member(context, "document_id", str, where), member(context, "language", str, where)
        if not mentions:
            raise UserError(f"{where}: 'mentions' is empty; expected at least one")
        for place, mention in enumerate(mentions):
            identity = member(mention, "example_id", str, where)
            gold = (member(mention, "entity_id", str, where),)
            text, cluster = _marked(context, mention, where), f"{self.card.name}/{language}/{document}"
            yield RetrievalExample(self.card.name, name, row + place, cluster, language, identity, text, "", gold)


def _marked(context: dict[str, Any], mention: dict[str, Any], where: str) -> str:
    """``mention: sentence with { mention } marked``; the whole context where no one sentence holds the mention."""
    text = member(context, "text", str, where)
    span = member(mention, "mention_span", dict, where)
    start, end, words = (
        member(span, "start", int, where),
        member(span, "end", int, where),
        member(span, "text", str, where),
    )
    if not 0 <= start < end or text[start:end] != words:
        raise UserError(f"{where}: the mention '{words[:40]}' does not stand at {start} to {end} of its context")
    sentences = _spans(context, text, where)
    first, last = next((each for each in sentences if each[0] <= start and end <= each[1]), (0, len(text)))
    left, right = (part.replace("{", "(").replace("}", ")") for part in (text[first:start], text[end:last]))
    return " ".join(f"{words}: {left} {{ {words} }} {right}".split())


def _joined(entity: dict[str, Any], key: str, where: str) -> str:
    """The sentences of an entity's description."""
    text = member(entity, key, str, where)
    spans = _spans(entity, text, where)
    return " ".join(" ".join(text[start:end] for start, end in spans).split()) or " ".join(text.split())


def _spans(holder: dict[str, Any], text: str, where: str) -> list[tuple[int, int]]:
    """Checked ``sentence_spans``."""
    found = []
    for each in member(holder, "sentence_spans", list, where):
        start, end = member(each, "start", int, where), member(each, "end", int, where)
        if not 0 <= start < end <= len(text):
            raise UserError(f"{where}, 'sentence_spans': {start} to {end} is no span of {len(text):,} characters")
        found.append((start, end))
    return found

"""From a locale's templates to rows: English split by template, rows stratified over intents, nothing twice."""

from __future__ import annotations

import hashlib
import heapq
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtremor.sources.intents_templates import Grammar, Template, TemplateError, Utterance
from xtremor.sources.intents_words import FILL, name_words, words_for

COMMAND_INTENTS = ("HassTurnOn", "HassTurnOff", "HassLightSet")
COMMANDS = 40
HELD_OUT_SHARE = 0.15
# An intent is exhausted when this many draws in a row gave nothing new.
PATIENCE = 60


def sentence_intents(data: Mapping[str, Any]) -> list[str]:
    """Names of the intents for which a locale's file holds at least one sentence template."""
    return [name for name, intent in data["intents"].items() if any(block["sentences"] for block in intent["data"])]


class LocaleTemplates:
    """Templates and grammar of one locale, from its parsed JSON file.

    Args:
        locale: code of the locale.
        data: the file's content.
        labels: intents to keep; templates of others are counted in ``unlabelled``.
    """

    def __init__(self, locale: str, data: Mapping[str, Any], labels: Sequence[str]) -> None:
        words, self.own_words = words_for(locale)
        join = bool((data.get("settings") or {}).get("ignore_whitespace"))
        self.locale = locale
        self.grammar = Grammar(data.get("expansion_rules", {}), data.get("lists", {}), words, FILL, join)
        self.templates: dict[str, list[Template]] = {}
        self.unlabelled = 0
        self.broken: dict[str, str] = {}
        for intent, content in data["intents"].items():
            found = _templates(locale, intent, content["data"])
            if intent not in labels:
                self.unlabelled += len(found)
            elif found:
                self.templates[intent] = found

    def split(self, seed: int) -> dict[str, dict[str, list[Template]]]:
        """Share each intent's templates out over train, dev and test; no template is in two of them.

        An intent with one template is in train only, with two in train and test (train gets the one that makes
        more sentences, or there would be next to nothing to learn from), with more in all three.
        """
        parts: dict[str, dict[str, list[Template]]] = {"train": {}, "dev": {}, "test": {}}
        for intent, templates in self.templates.items():
            shuffled = list(templates)
            rng = random.Random(f"split/{seed}/{self.locale}/{intent}")
            rng.shuffle(shuffled)
            if len(shuffled) == 2:
                shuffled.sort(key=lambda template: self._variety(template, rng))
            count = len(shuffled)
            test = 0 if count < 2 else max(1, round(HELD_OUT_SHARE * count))
            dev = 0 if count < 3 else max(1, round(HELD_OUT_SHARE * count))
            cuts = {
                "test": shuffled[:test],
                "dev": shuffled[test : test + dev],
                "train": shuffled[test + dev :],
            }
            for part, chosen in cuts.items():
                if chosen:
                    parts[part][intent] = chosen
        return parts

    def _variety(self, template: Template, rng: random.Random) -> int:
        """Number of different sentences in a few draws from one template."""
        try:
            return len({self.grammar.sample(template.text, rng, template.names)[0] for _ in range(PATIENCE)})
        except TemplateError:
            return 0

    def draw(
        self,
        templates: Mapping[str, Sequence[Template]],
        rows: int,
        rng: random.Random,
        taken: frozenset[str] = frozenset(),
        spread: bool = False,
    ) -> tuple[list[Utterance], int]:
        """Draw up to ``rows`` sentences, all different, from some of this locale's templates.

        Args:
            templates: intent -> its templates.
            rows: upper bound; fewer when the templates cannot make more.
            rng: source of every choice.
            taken: case-folded texts that must not occur.
            spread: give intents with more templates more rows (by the square root of their number) rather than
                the same number each.

        Returns:
            the sentences in random order, and how many texts were dropped because they stand for two intents.
        """
        commands = self._commands(templates, rng)
        streams = {intent: self._stream(intent, group, rng, commands) for intent, group in sorted(templates.items())}
        weight = {intent: math.sqrt(len(templates[intent])) if spread else 1.0 for intent in streams}
        queue = [(1 / weight[intent], rng.random(), intent) for intent in streams]
        heapq.heapify(queue)
        kept: dict[str, Utterance] = {}
        ambiguous: set[str] = set()
        while queue and len(kept) < rows:
            turn, tie, intent = heapq.heappop(queue)
            made = self._next_new(streams[intent], kept, ambiguous, taken)
            if made is not None:
                kept[made.text.casefold()] = made
                heapq.heappush(queue, (turn + 1 / weight[intent], tie, intent))
        out = list(kept.values())
        rng.shuffle(out)
        return out, len(ambiguous)

    @staticmethod
    def _next_new(
        stream: Iterator[Utterance], kept: dict[str, Utterance], ambiguous: set[str], taken: frozenset[str]
    ) -> Utterance | None:
        for _ in range(PATIENCE):
            made = next(stream, None)
            if made is None:
                return None
            key = made.text.casefold()
            if key in kept and kept[key].intent != made.intent:
                # The same words stand for two intents: neither label would be right.
                ambiguous.add(key)
                del kept[key]
            if key not in kept and key not in ambiguous and key not in taken:
                return made
        return None

    def _stream(
        self, intent: str, templates: Sequence[Template], rng: random.Random, commands: list[str]
    ) -> Iterator[Utterance]:
        """Sentences of one intent without end, template after template in a random order."""
        order = list(templates)
        rng.shuffle(order)
        extra = {"command": commands} if commands else {}
        while order:
            for template in list(order):
                try:
                    text, slots = self.grammar.sample(template.text, rng, template.names, extra)
                except TemplateError as error:
                    self.broken[template.id] = f"{template.text}: {error}"
                    order.remove(template)
                    continue
                yield Utterance(text, intent, slots, template.id, self.locale)

    def _commands(self, templates: Mapping[str, Sequence[Template]], rng: random.Random) -> list[str]:
        """Sentences that a timer may be told to carry out, from the same templates as the split."""
        pool = [template for intent in COMMAND_INTENTS for template in templates.get(intent, ())]
        texts: list[str] = []
        for template in rng.sample(pool, min(COMMANDS, len(pool))):
            try:
                texts.append(self.grammar.sample(template.text, rng, template.names)[0])
            except TemplateError as error:
                self.broken[template.id] = f"{template.text}: {error}"
        return texts


def _templates(locale: str, intent: str, blocks: Sequence[Mapping[str, Any]]) -> list[Template]:
    """Distinct templates of one intent in file order; one that occurs for several domains gets all their names."""
    domains: dict[str, tuple[str, ...]] = {}
    for block in blocks:
        names = name_words((block.get("requires_context") or {}).get("domain"))
        for sentence in block["sentences"]:
            domains[sentence] = tuple(dict.fromkeys(domains.get(sentence, ()) + names))
    out = []
    for sentence, names in domains.items():
        digest = hashlib.sha256(f"{intent}\n{sentence}".encode()).hexdigest()[:10]
        out.append(Template(f"{locale}/{intent}/{digest}", intent, sentence, names))
    return out

"""Walking home-assistant sentence templates with a seeded generator, keeping the spans of the slots.

The template language (parsed by the package hassil) has optionals ``[a]``, alternatives ``(a|b)``,
permutations ``(a;b)``, rules ``<rule>`` and slots ``{list:slot}``. hassil's own sampler enumerates, skips
wildcards and gives no spans, so the parsed tree is walked here instead.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 60
OPTIONAL_RATE = 0.5
TEMPLATE_SYNTAX = re.compile(r"[\[\](){}<>|;@\\]")
# Scripts written without spaces: a suffix that touches the word before it is ordinary there.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

Slot = tuple[str, int, int]


class TemplateError(Exception):
    """A template that cannot be walked (a missing rule, a missing list, rules that never end); it is dropped."""


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence template.

    Attributes:
        id: locale, intent and a hash of intent and text; the cluster of every row made from it.
        intent: its label.
        text: the template itself.
        names: word lists that fill ``{name}``, from the device domains that the template is meant for.
    """

    id: str
    intent: str
    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One generated sentence.

    Attributes:
        text: the sentence.
        intent: name of the intent.
        slots: (slot name, start, end) in characters of ``text``, end exclusive, left to right.
        template: id of the template it was made from.
        locale: code of the locale.
    """

    text: str
    intent: str
    slots: tuple[Slot, ...]
    template: str
    locale: str


@dataclass(slots=True)
class _Piece:
    text: str
    slot: str | None = None
    numeric: bool = False


class Grammar:
    """The rules and lists of one locale, from which templates are sampled.

    Args:
        rules: expansion rules, name -> template.
        lists: slot lists as shipped: ``{"values": [...]}``, ``{"range": {...}}`` or ``{"wildcard": true}``.
        words: word lists for everything that is not shipped; ``fill`` names the list for a slot.
        fill: slot list name -> name of the word list (wildcards, areas, floors).
        join_cjk: drop spaces between two ideographs, kana or hangul (the locale's ``ignore_whitespace``).
    """

    def __init__(
        self,
        rules: Mapping[str, str],
        lists: Mapping[str, Any],
        words: Mapping[str, Sequence[str]],
        fill: Mapping[str, str],
        join_cjk: bool = False,
    ) -> None:
        self.rules, self.lists, self.words, self.fill, self.join_cjk = rules, lists, words, fill, join_cjk
        self._parsed: dict[str, Any] = {}

    def sample(
        self,
        template: str,
        rng: random.Random,
        names: Sequence[str] = (),
        extra: Mapping[str, Sequence[str]] | None = None,
    ) -> tuple[str, tuple[Slot, ...]]:
        """Draw one sentence and the spans of its slots.

        Args:
            template: the sentence template.
            rng: source of every choice.
            names: word lists for ``{name}``.
            extra: word lists that take precedence over the grammar's own.

        Raises:
            TemplateError: the template refers to what does not exist, or leaves template syntax in the text.
        """
        walk = _Walk(self, rng, names, extra or {})
        walk.expression(self.parse(template), 0)
        text, slots = tidy(walk.pieces, self.join_cjk)
        if not text or TEMPLATE_SYNTAX.search(text):
            raise TemplateError(f"leaves '{text}'")
        return text, slots

    def parse(self, template: str) -> Any:
        """Return the parsed tree of a template, parsed once; raises TemplateError when it is malformed."""
        if template not in self._parsed:
            from hassil.parse_expression import parse_sentence

            try:
                self._parsed[template] = parse_sentence(template).expression
            except Exception as error:  # hassil raises several kinds, assertions among them
                raise TemplateError(f"cannot be parsed: {error}") from error
        return self._parsed[template]


class _Walk:
    """One walk over one tree; collects pieces of text."""

    def __init__(
        self, grammar: Grammar, rng: random.Random, names: Sequence[str], extra: Mapping[str, Sequence[str]]
    ) -> None:
        self.grammar, self.rng, self.names, self.extra = grammar, rng, names, extra
        self.pieces: list[_Piece] = []

    def expression(self, node: Any, depth: int) -> None:
        from hassil import expression as kinds

        if depth > MAX_DEPTH:
            raise TemplateError("its rules never end")
        if isinstance(node, kinds.TextChunk):
            if node.original_text:
                self.pieces.append(_Piece(node.original_text))
        elif isinstance(node, kinds.Alternative):
            self._alternative(node, depth)
        elif isinstance(node, kinds.Permutation):
            for item in self.rng.sample(node.items, len(node.items)):
                self.expression(item, depth + 1)
        elif isinstance(node, kinds.Group):
            for item in node.items:
                self.expression(item, depth + 1)
        elif isinstance(node, kinds.RuleReference):
            if node.rule_name not in self.grammar.rules:
                raise TemplateError(f"there is no rule <{node.rule_name}>")
            self.expression(self.grammar.parse(self.grammar.rules[node.rule_name]), depth + 1)
        elif isinstance(node, kinds.ListReference):
            self._slot(node, depth)
        else:
            raise TemplateError(f"holds an unknown expression {type(node).__name__}")

    def _alternative(self, node: Any, depth: int) -> None:
        if not node.is_optional:
            if node.items:
                self.expression(self.rng.choice(node.items), depth + 1)
            return
        # hassil closes an optional with an empty chunk; it is the "left out" branch, not one choice of many.
        if self.rng.random() >= OPTIONAL_RATE or len(node.items) < 2:
            return
        before = len(self.pieces)
        self.expression(self.rng.choice(node.items[:-1]), depth + 1)
        if self._spoils(before):
            del self.pieces[before:]

    def _spoils(self, before: int) -> bool:
        """Whether the optional text from piece ``before`` on is better left out.

        Templates are written to recognise speech, so they accept every case ending after a slot
        (``{area}[en|et|n]``) and a noun that the slot already holds (``{floor} [floor]``). A random ending is
        nearly always wrong and a doubled noun always is.
        """
        added = "".join(piece.text for piece in self.pieces[before:])
        ahead = "".join(piece.text for piece in self.pieces[:before])
        if not added.strip() or not ahead.strip():
            return False
        if ahead.split()[-1].casefold() == added.split()[0].casefold():
            return True
        last = next(piece for piece in reversed(self.pieces[:before]) if piece.text.strip())
        if last.slot is None or last.numeric:
            return False
        if last.slot == "floor" and added.strip().isalpha() and added.strip() != "的":
            return True
        touches = not ahead[-1].isspace() and added[0].isalpha()
        return touches and not _UNSPACED.match(added[0])

    def _slot(self, node: Any, depth: int) -> None:
        before = "".join(piece.text for piece in self.pieces).split()[-1:]
        for _ in range(12):
            text, numeric = self._value(node, depth)
            text = " ".join(text.split())
            # "[planta] {floor}" must not become "planta planta baja".
            if numeric or text.split()[:1] != before:
                break
        if text:
            self.pieces.append(_Piece(text, node.slot_name, numeric))

    def _value(self, node: Any, depth: int) -> tuple[str, bool]:
        name = node.list_name
        if node.is_inline_range:
            start, stop, step = node.get_inline_range()
            return str(self.rng.randrange(start, stop + 1, step)), True
        shipped = self.grammar.lists.get(name, {})
        if "range" in shipped:
            return str(draw_number(name, shipped["range"], self.rng)), True
        if shipped.get("values"):
            value = self.rng.choice(shipped["values"])
            inner = _Walk(self.grammar, self.rng, self.names, self.extra)
            inner.expression(self.grammar.parse(str(value["in"] if isinstance(value, dict) else value)), depth + 1)
            return "".join(piece.text for piece in inner.pieces), False
        return self.rng.choice(self._words(name)), False

    def _words(self, name: str) -> Sequence[str]:
        key = self.rng.choice(self.names) if name == "name" and self.names else self.grammar.fill.get(name, name)
        words = self.extra.get(key) or self.grammar.words.get(key)
        if not words:
            raise TemplateError(f"there is no list {{{name}}}")
        return words


def draw_number(name: str, limits: Mapping[str, Any], rng: random.Random) -> int:
    """Draw a number that people would say: whole, room temperatures, percentages in fives, two hours and more."""
    low, high, step = int(limits["from"]), int(limits["to"]), int(limits.get("step", 1))
    if limits.get("type") == "percentage":
        low, step = max(low, 5), max(step, 5)
    elif limits.get("type") == "temperature":
        low, high = max(low, 16), min(high, 28)
    elif step == 1:
        low, high = max(low, 2), min(high, 12 if "hour" in name else 60)
    if low > high:
        low, high, step = int(limits["from"]), int(limits["to"]), int(limits.get("step", 1))
    return rng.randrange(low, high + 1, step)


def tidy(pieces: Sequence[_Piece], join_cjk: bool = False) -> tuple[str, tuple[Slot, ...]]:
    """Join pieces into a sentence with single spaces and none at its ends; slots keep their spans."""
    out: list[str] = []
    slots: list[Slot] = []
    for piece in pieces:
        start: int | None = None
        for char in piece.text:
            if char.isspace():
                if out and out[-1] != " ":
                    out.append(" ")
                continue
            if len(out) > 1 and out[-1] == " " and (char in ",.?!" or (join_cjk and _between(out[-2], char))):
                out.pop()
            if start is None:
                start = len(out)
            out.append(char)
        if piece.slot is not None and start is not None:
            slots.append((piece.slot, start, len(out)))
    return "".join(out).rstrip(), tuple(slots)


def _between(left: str, right: str) -> bool:
    return bool(_CJK.match(left) and _CJK.match(right))

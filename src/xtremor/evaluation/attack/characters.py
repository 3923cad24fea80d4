"""Misspelt words in any script: letters swapped, deleted, inserted and replaced, from the seed and the item alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xtremor.evaluation.attack.graphemes import is_letter, script, words

Alphabet = dict[str, list[str]]


def alphabet(texts: Iterable[str]) -> Alphabet:
    """Script -> the letters that the texts use, sorted: what is inserted in a language is written in it."""
    found: dict[str, set[str]] = {}
    for character in set("".join(texts)):
        if is_letter(character):
            found.setdefault(script(character), set()).add(character.lower())
    return {name: sorted(letters) for name, letters in found.items()}


@dataclass(frozen=True)
class Misspelling:
    """How texts are misspelt.

    Attributes:
        rate: share of words that are touched; at a higher rate the same words are, and others.
        letters: by script, what may be inserted.
        seed: of the draws.
    """

    rate: float
    letters: Alphabet
    seed: str

    def text(self, text: str, place: str) -> str:
        """One edit in each word that is drawn; ``place`` says which text it is, in its item and draw."""
        draw = random.Random(f"{self.seed}\n{place}")
        found = []
        for word in words(text):
            # Drawn for every word, so that what happens to one does not depend on the rate.
            chance, edit, at = draw.random(), draw.random(), draw.random()
            letter = draw.random()
            if is_letter(word[0]) and chance < self.rate:
                word = self._edited(word, edit, at, letter)
            found += word
        return "".join(found)

    def _edited(self, word: list[str], edit: float, at: float, letter: float) -> list[str]:
        """Swap, delete, insert or replace, each as likely as the others; a word of one letter keeps it or another."""
        kind = ("swap", "delete", "insert", "replace")[int(edit * 4)] if len(word) > 1 else "replace"
        if kind == "swap":
            pairs = [place for place in range(len(word) - 1) if word[place] != word[place + 1]]
            if pairs:
                place = pairs[int(at * len(pairs))]
                return [*word[:place], word[place + 1], word[place], *word[place + 2 :]]
            kind = "delete"
        place = int(at * len(word))
        if kind == "delete":
            return word[:place] + word[place + 1 :]
        old = word[place]
        choices = [each for each in self.letters.get(script(old[0]), []) if each != old.lower()] or [old]
        new = choices[int(letter * len(choices))]
        new = new.upper() if old.isupper() and len(new.upper()) == 1 else new
        return [*word[:place], new, *word[place + (kind == "replace") :]]


# Category -> (the texts of an example, the example with other texts in their place).
FIELDS: dict[str, tuple[Callable[[Any], Sequence[str]], Callable[[Any, list[str]], Any]]] = {
    "classification": (lambda each: each.texts, lambda each, texts: replace(each, texts=tuple(texts))),
    "choice": (
        lambda each: (each.context, *each.choices),
        lambda each, texts: replace(each, context=texts[0], choices=tuple(texts[1:])),
    ),
    "tagging": (lambda each: each.tokens, lambda each, texts: replace(each, tokens=tuple(texts))),
    # An answer must stand in the paragraph, so that the question alone is misspelt.
    "spans": (lambda each: (each.question,), lambda each, texts: replace(each, question=texts[0])),
}


def misspelt(category: str, examples: Sequence[Any], rate: float, seed: int, draw: int) -> list[Any]:
    """The examples of one language with about a share ``rate`` of their words misspelt.

    Draws depend on the seed, the number of the draw, and the file and row of an item. Answers stay as they are.
    """
    texts_of, with_texts = FIELDS[category]
    letters = alphabet(text for example in examples for text in texts_of(example))
    how = Misspelling(rate, letters, f"{seed} {draw}")
    return [
        with_texts(
            example,
            [how.text(text, f"{example.file} {example.row} {place}") for place, text in enumerate(texts_of(example))],
        )
        for example in examples
    ]

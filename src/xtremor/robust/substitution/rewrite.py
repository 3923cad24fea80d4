"""Examples with their words substituted: one draw of each, and what was done to their words."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple, TypeVar

from xtremor.robust.substitution.neighbours import Neighbours
from xtremor.robust.substitution.words import RUN, in_case_of, is_clitic, word_of
from xtremor.tasks.base import Answer, ChoiceExample, Example, SpanExample, TaggingExample, TextExample

E = TypeVar("E", bound=Example)


@dataclass
class Counts:
    """Words of texts, every occurrence counted.

    Attributes:
        words: with at least one letter.
        known: of those, the ones that have neighbours and are not protected.
        protected: those that have neighbours and are protected.
        answers: those that would be known, but stand in (or, unless drawn apart, are words of) an answer.
        changed: those that became another word.
    """

    words: int = 0
    known: int = 0
    protected: int = 0
    answers: int = 0
    changed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def as_dict(self) -> dict[str, Any]:
        """The counts and the share of words that changed."""
        return {**asdict(self), "changed_share": self.changed / self.words if self.words else 0.0}


class Choices(NamedTuple):
    """What a run of letters may become.

    Attributes:
        key: word in lower case; words of one key share their draw.
        forms: the run itself, then its neighbours, in its case and with its ending; one form means that it stays.
        protected: whether it stays although it has neighbours.
    """

    key: str
    forms: tuple[str, ...]
    protected: bool = False


class Rewriter:
    """Draws substitutes for the words of examples.

    A draw of an example is a function of the seed, the draw's number and the example's identity (task, file, row), so
    that neither the rows around it nor the draws before it matter, and nothing is carried along.

    Args:
        neighbours: of lower-case words.
        protected: lower-case words that stay.
        apart: draw every occurrence of a word by itself.
    """

    def __init__(self, neighbours: Neighbours, protected: frozenset[str] = frozenset(), apart: bool = False) -> None:
        self.neighbours, self.protected, self.apart = neighbours, protected, apart
        self._choices: dict[str, Choices | None] = {}

    def rewrite(self, examples: Sequence[E], draw: int, seed: int) -> tuple[list[E], Counts]:
        """One draw of all examples, and the counts over their texts; raises TypeError for those of retrieval."""
        counts = Counts()
        return [self._one(example, draw, seed, counts) for example in examples], counts

    def choices(self, run: str) -> Choices | None:
        """What a run of `words.RUN` may become; None where it has no letter."""
        if run not in self._choices:
            self._choices[run] = self._look_up(run)
        return self._choices[run]

    def _look_up(self, run: str) -> Choices | None:
        word = word_of(run)
        if word is None:
            return Choices("", (run,)) if any(map(str.isalpha, run)) else None
        near = self.neighbours.of(word.key)
        if word.key in self.protected:
            return Choices(word.key, (run,), bool(near))
        forms = (in_case_of(word.stem, each) + word.ending for each in near)
        return Choices(word.key, (run, *forms))

    def _one(self, example: E, draw: int, seed: int, counts: Counts) -> E:
        generator = random.Random(f"{seed} {draw} {example.task} {example.file} {example.row}")
        item = _Item(self, generator, counts)
        changed: Any
        if isinstance(example, TextExample):
            changed = replace(example, texts=tuple(map(item.text, example.texts)))
        elif isinstance(example, TaggingExample):
            changed = replace(example, tokens=tuple(map(item.text, example.tokens)))
        elif isinstance(example, ChoiceExample):
            context, question, *choices = map(item.text, (example.context, example.question, *example.choices))
            changed = replace(example, context=context, question=question, choices=tuple(choices))
        elif isinstance(example, SpanExample):
            changed = _spans(example, item)
        else:
            raise TypeError(f"no words are substituted in a {type(example).__name__}")
        return changed  # type: ignore[no-any-return]


def texts_of(examples: Sequence[Example]) -> Iterator[str]:
    """Every text of the examples that is rewritten."""
    for example in examples:
        if isinstance(example, TextExample):
            yield from example.texts
        elif isinstance(example, TaggingExample):
            yield from example.tokens
        elif isinstance(example, ChoiceExample):
            yield from (example.context, example.question, *example.choices)
        elif isinstance(example, SpanExample):
            yield from (example.context, example.question)


class _Item:
    """One draw of one example."""

    def __init__(self, rewriter: Rewriter, generator: random.Random, counts: Counts) -> None:
        self.rewriter, self.generator, self.counts = rewriter, generator, counts
        # Lower-case word -> share of its forms at which its draw lies; below 0 where it stays.
        self.drawn: dict[str, float] = {}

    def text(self, text: str) -> str:
        """The text with its words substituted."""
        return RUN.sub(self._substitute, text)

    def keep(self, words: Iterator[str]) -> None:
        """Let runs of letters stay, wherever they stand; means nothing where words are drawn apart."""
        if not self.rewriter.apart:
            for run in words:
                found = self.rewriter.choices(run)
                if found is not None:
                    self.drawn[found.key] = -1.0

    def context(self, text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, list[int]]:
        """The text with words outside of ``spans`` substituted, and where each span begins now."""
        pieces, shifts, last = [], [(0, 0)], 0
        for match in RUN.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in spans):
                self._count_kept(match)
                continue
            form = self._substitute(match)
            pieces += [text[last : match.start()], form]
            last = match.end()
            shifts.append((last, shifts[-1][1] + len(form) - len(match[0])))
        moved = [start + next(by for end, by in reversed(shifts) if end <= start) for start, _ in spans]
        return "".join([*pieces, text[last:]]), moved

    def _substitute(self, match: re.Match[str]) -> str:
        run, counts = match[0], self.counts
        found = self.rewriter.choices(run)
        if found is None:
            return run
        counts.words += 1
        if len(found.forms) == 1 or is_clitic(match.string, match.start(), run):
            counts.protected += found.protected
            return run
        at = self._draw(found.key)
        if at < 0:
            counts.answers += 1
            return run
        counts.known += 1
        form = found.forms[int(at * len(found.forms))]
        counts.changed += form != run
        return form

    def _draw(self, key: str) -> float:
        if self.rewriter.apart:
            return self.generator.random()
        if key not in self.drawn:
            self.drawn[key] = self.generator.random()
        return self.drawn[key]

    def _count_kept(self, match: re.Match[str]) -> None:
        found = self.rewriter.choices(match[0])
        if found is not None:
            self.counts.words += 1
            self.counts.protected += found.protected
            self.counts.answers += len(found.forms) > 1


def _spans(example: SpanExample, item: _Item) -> SpanExample:
    """A question and its paragraph; words of the answers stay, in the question as well."""
    answers = example.answers or ()
    spans = [(answer.start, answer.start + len(answer.text)) for answer in answers]
    for start, end in spans:
        inside = (match[0] for match in RUN.finditer(example.context) if match.start() < end and start < match.end())
        item.keep(inside)
    context, starts = item.context(example.context, spans)
    moved = tuple(Answer(answer.text, start) for answer, start in zip(answers, starts, strict=True))
    for before, after in zip(answers, moved, strict=True):
        here = slice(after.start, after.start + len(after.text))
        there = slice(before.start, before.start + len(before.text))
        if context[here] != example.context[there]:
            raise RuntimeError(f"{example.file}, item {example.row}: substitution moved an answer")
    question = item.text(example.question)
    return replace(example, context=context, question=question, answers=example.answers and moved)

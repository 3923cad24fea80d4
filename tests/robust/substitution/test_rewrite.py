"""Rewriting examples: only neighbours, one draw an item, offsets, shares."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremor.robust.substitution.neighbours import Neighbours
from xtremor.robust.substitution.rewrite import Counts, Rewriter
from xtremor.robust.substitution.words import RUN
from xtremor.tasks.base import (
    Answer,
    ChoiceExample,
    RetrievalExample,
    SpanExample,
    TaggingExample,
    TextExample,
)

WHERE = {"task": "t", "file": "f", "cluster": "c", "language": "en"}
NEAR = Neighbours({"good": ("great", "fine", "nice"), "dog": ("hound", "puppy"), "no": ("none",), "car": ("auto",),
                   "don't": ("never",), "ice-cream": ("gelato",)})  # fmt: skip
ALWAYS = Neighbours({word: tuple(f"{word}{letter}" for letter in "abcdefgh") for word in ("one", "two", "red")})


def text(*texts: str, row: int = 0) -> TextExample:
    return TextExample(**WHERE, row=row, texts=texts, label="x")


def one(example: Any, rewriter: Rewriter | None = None, draw: int = 0, seed: int = 1) -> Any:
    return (rewriter or Rewriter(NEAR)).rewrite([example], draw, seed)[0][0]


TOKENS = st.one_of(
    st.sampled_from(
        ["good", "Good", "GOOD", "dog's", "Dogs", "no", "don't", "ice-cream", "gOOd", "good1", "a@good.org", "car,"]
    ),
    st.text("aZ1àßİé'’-._ ,\u0301\u2028", max_size=6),
)


@given(st.lists(TOKENS, max_size=12), st.integers(0, 5), st.booleans())
def test_words_become_neighbours_or_stay(tokens: list[str], draw: int, apart: bool) -> None:
    before = " ".join(tokens)
    after = one(text(before), Rewriter(NEAR, frozenset({"no"}), apart), draw).texts[0]
    # Nothing but words changes.
    assert RUN.sub("", before) == RUN.sub("", after)
    runs, others = RUN.findall(before), RUN.findall(after)
    assert len(runs) == len(others)
    for run, other in zip(runs, others, strict=True):
        if run != other:
            key, ending = (run[:-2], run[-2:]) if run[-2:] in ("'s", "’s") else (run, "")
            near = NEAR.of(key.lower())
            assert other.lower() in {each + ending for each in near} and key.lower() != "no"
            if key == key.lower():
                assert other == other.lower()


def test_case_punctuation_and_endings() -> None:
    seen = {one(text("Good, GOOD (good) \"Dog's\" don't."), draw=draw).texts[0] for draw in range(250)}
    for form in seen:
        assert re.fullmatch(r"(Good, GOOD \(good|Great, GREAT \(great|Fine, FINE \(fine|Nice, NICE \(nice)\) "
                            r'"(Dog|Hound|Puppy)\'s" (don\'t|never)\.', form)  # fmt: skip
    # All 4 x 3 x 2 combinations, the untouched text among them.
    assert len(seen) == 24


def test_the_same_word_is_the_same_everywhere_in_an_item_unless_drawn_apart() -> None:
    rows = [text("one two one", "One red", row=row) for row in range(200)]
    together, _ = Rewriter(ALWAYS).rewrite(rows, 0, 1)
    apart, _ = Rewriter(ALWAYS, apart=True).rewrite(rows, 0, 1)
    for example in together:
        first, second = (each.split() for each in example.texts)
        assert first[0] == first[2] == second[0].lower()
    same = sum(example.texts[0].split()[0] == example.texts[0].split()[2] for example in apart)
    # One in nine by chance.
    assert 8 <= same <= 40


def test_a_draw_is_uniform_over_the_word_and_its_neighbours() -> None:
    rows = [text("one", row=row) for row in range(9000)]
    found, counts = Rewriter(ALWAYS).rewrite(rows, 0, 1)
    shares = [sum(each.texts[0] == form for each in found) for form in ("one", *ALWAYS.of("one"))]
    assert sum(shares) == 9000 and min(shares) > 880 and max(shares) < 1120
    assert counts.as_dict() == {
        "words": 9000, "known": 9000, "protected": 0, "answers": 0, "changed": 9000 - shares[0],
        "changed_share": 1 - shares[0] / 9000,
    }  # fmt: skip


def test_counts_of_a_constructed_text() -> None:
    counts = Rewriter(NEAR, frozenset({"no"})).rewrite([text("No good dog, 3 cars & the car's 2nd gOOd X")], 0, 1)[1]
    assert (counts.words, counts.known, counts.protected, counts.answers) == (9, 3, 1, 0)
    assert Counts(1, 1, 1, 1, 1) + Counts(words=1, changed=0) == Counts(2, 1, 1, 1, 1)
    assert Counts().as_dict()["changed_share"] == 0.0


def test_a_draw_is_a_function_of_seed_draw_and_item() -> None:
    rows = [text("one two red", row=row) for row in range(40)]
    rewriter = Rewriter(ALWAYS)
    found, _ = rewriter.rewrite(rows, 2, 1)
    shuffled = random.Random(1).sample(rows, 20)
    assert Rewriter(ALWAYS).rewrite(shuffled, 2, 1)[0] == [found[each.row] for each in shuffled]
    others = [rewriter.rewrite(rows, 3, 1)[0], rewriter.rewrite(rows, 2, 2)[0]]
    others.append(rewriter.rewrite([replace(each, file="g") for each in rows], 2, 1)[0])
    for other in others:
        assert sum(a.texts == b.texts for a, b in zip(found, other, strict=True)) < 5
    assert [each.label for each in found] == ["x"] * 40


def test_multiple_choice_shares_one_draw() -> None:
    example = ChoiceExample(**WHERE, row=0, context="One two.", question="One?", choices=("one", "two red"), label="1")
    for draw in range(20):
        found = one(example, Rewriter(ALWAYS), draw)
        word = found.context.split()[0].lower()
        assert found.question == f"{word.capitalize()}?" and found.choices[0] == word and found.label == "1"
        assert found.choices[1].split()[0] + "." == found.context.split()[1]


def test_tagging_keeps_tokens_and_tags() -> None:
    example = TaggingExample(
        **WHERE, row=0, tokens=("We", "'re", "good", "dog", "gooD", "no good", "'s"), tags=tuple("ABCDEFG")
    )
    near = Neighbours({**NEAR.words, "re": ("about",), "s": ("es",)})
    for draw in range(20):
        found = one(example, Rewriter(near), draw)
        assert found.tags == example.tags and len(found.tokens) == 7
        assert found.tokens[:2] == ("We", "'re") and found.tokens[4] == "gooD" and found.tokens[6] == "'s"
        assert found.tokens[5].split()[1] == found.tokens[2]


def span(context: str, question: str, *answers: str, at: int = 0) -> SpanExample:
    found = tuple(Answer(each, context.index(each, at)) for each in answers)
    return SpanExample(**WHERE, row=0, id="q", context=context, question=question, answers=found)


def test_answers_stay_and_move() -> None:
    example = span("one two, red one. The red two one", "Is one red?", "red two")
    seen = set()
    for draw in range(40):
        for apart in (False, True):
            found = one(example, Rewriter(ALWAYS, apart=apart), draw)
            answer = found.answers[0]
            assert found.context[answer.start :].startswith("red two") and answer.text == "red two"
            seen.add(answer.start)
            if not apart:
                # Words of the answer stay everywhere in the item; others are drawn.
                assert found.question.endswith("red?") and found.context.split()[1] == "two,"
    assert len(seen) > 2


@given(st.lists(st.sampled_from(["one", "two", "red", "blue", "one's"]), min_size=3, max_size=15), st.data())
def test_offsets_of_any_answers(words: list[str], data: Any) -> None:
    """Answers that overlap, begin or end inside a word, or repeat."""
    context = ", ".join(words)
    starts = data.draw(st.lists(st.integers(0, len(context) - 1), min_size=1, max_size=3))
    answers = tuple(Answer(context[at : at + data.draw(st.integers(1, 9))], at) for at in starts)
    example = replace(span(context, "one"), answers=answers)
    found = one(example, Rewriter(ALWAYS, apart=data.draw(st.booleans())), data.draw(st.integers(0, 9)))
    assert [each.text for each in found.answers] == [each.text for each in answers]
    for each in found.answers:
        assert found.context[each.start : each.start + len(each.text)] == each.text


def test_questions_without_answers() -> None:
    example = replace(span("one two", "one"), answers=())
    assert one(example).answers == () and one(replace(example, answers=None)).answers is None
    counts = Rewriter(ALWAYS).rewrite([span("one two red", "one two", "two")], 0, 1)[1]
    assert (counts.words, counts.known, counts.answers) == (5, 3, 2)


def test_retrieval_is_refused() -> None:
    example = RetrievalExample(**WHERE, row=0, id="q", text="one", context="", gold=None)
    with pytest.raises(TypeError, match="RetrievalExample"):
        one(example)

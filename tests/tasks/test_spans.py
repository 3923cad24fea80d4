"""Questions as windows: where answers fall, which window a token is answered from, and the text that comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import make_model, make_tokenizer, words

from xtremor.errors import UserError
from xtremor.tasks import spans, windows
from xtremor.tasks.base import Answer, SpanExample

EN = words("en")
CPU = torch.device("cpu")
INF = torch.inf


def example(length: int, first: int = 0, last: int | None = None, row: int = 0, question: str = EN[5]) -> SpanExample:
    """A paragraph of distinct words; the answer is the words from ``first`` to ``last``."""
    tokens = [f"{EN[at % 50]}" for at in range(length)]
    context = "  ".join(tokens)
    begin = len("  ".join(tokens[:first])) + (2 if first else 0)
    answer = Answer("  ".join(tokens[first : (first if last is None else last) + 1]), begin)
    return SpanExample("xquad", "xquad/x.json", row, f"c{row}", "en", f"q{row}", context, question, (answer,))


def decoded(inputs: Any, context: str) -> list[str]:
    """What the targets of each window point at; empty where at its first token."""
    found = []
    for row, (first, last) in enumerate(inputs.answers + inputs.rows.offsets[:-1, None]):
        begin, end = inputs.characters[first, 0], inputs.characters[last, 1]
        found.append(context[begin:end] if inputs.answers[row, 0] else "")
    return found


def test_an_input_is_what_the_tokenizer_makes_of_the_pair() -> None:
    tokenizer, one = make_tokenizer(), example(9, 3, 5)
    inputs = windows.encode([one], tokenizer, 64)
    expected = tokenizer(one.question, one.context)
    assert inputs.rows.tokens.tolist() == expected["input_ids"]
    assert inputs.rows.types.tolist() == expected["token_type_ids"]
    assert decoded(inputs, one.context) == [one.answers[0].text] and inputs.answers.tolist() == [[6, 8]]
    assert inputs.inside.tolist() == [False] * 3 + [True] * 9 + [False] and (inputs.inside == inputs.may_start).all()
    assert windows.encode([one], make_tokenizer(pairs=False), 64).rows.types is None


def test_windows_begin_a_stride_apart_and_end_with_the_paragraph() -> None:
    assert list(windows.windows(300, 316, 128)) == [(0, 300)]
    assert list(windows.windows(316, 316, 128)) == [(0, 316)]
    assert list(windows.windows(317, 316, 128)) == [(0, 316), (128, 317)]
    assert list(windows.windows(10, 4, 2)) == [(0, 4), (2, 6), (4, 8), (6, 10)]
    assert list(windows.windows(0, 4, 2)) == [(0, 0)]
    found = windows.encode([example(700, 1)], make_tokenizer(), 384)
    # Question of one token and three special ones: 380 tokens of the paragraph.
    assert found.rows.lengths.tolist() == [384, 384, 384, 320] and found.items.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("first", "last", "held"),
    [
        (0, 0, [0]),
        (5, 7, [0, 1]),
        (7, 8, [1]),
        (3, 4, [0]),
        (2, 5, [0]),
        (11, 11, [1, 2]),
        (18, 19, [3]),
        (4, 15, []),
    ],
)
def test_a_window_without_the_whole_answer_points_at_its_first_token(first: int, last: int, held: list[int]) -> None:
    # Room of 8 tokens, windows 4 apart.
    one = example(20, first, last)
    inputs = windows.encode([one], make_tokenizer(), 12)
    text = one.answers[0].text if one.answers else ""
    assert decoded(inputs, one.context) == [text if row in held else "" for row in range(4)]
    assert all(tuple(inputs.answers[row]) == (0, 0) for row in range(4) if row not in held)


def test_a_token_may_start_an_answer_in_the_window_with_most_text_around_it() -> None:
    parts = [(0, 8), (4, 12), (8, 14)]
    found = windows.most_context(parts, 14)
    owners = [next(n for n, (part, own) in enumerate(zip(parts, found, strict=True)) if at >= part[0] and at < part[1]
                   and own[at - part[0]]) for at in range(14)]  # fmt: skip
    assert owners == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert sum(map(np.sum, found)) == 14
    inputs = windows.encode([example(20)], make_tokenizer(), 12)
    assert inputs.may_start.sum() == 20 and inputs.inside.sum() == 32


def test_long_questions_are_cut_and_counted() -> None:
    asked = " ".join(EN[:50] + EN[:30])
    inputs = windows.encode([example(9, question=asked), example(9)], make_tokenizer(), 384)
    assert inputs.cut == 1 and inputs.rows.lengths.tolist() == [64 + 3 + 9, 13]
    assert windows.encode([example(30, question=asked)], make_tokenizer(), 24).rows.lengths.max() == 24


def test_answers_inside_of_words_take_the_words_and_lost_ones_none() -> None:
    tokenizer = make_tokenizer()
    one = SpanExample("t", "f", 0, "c", "en", "q", f"{EN[0]} {EN[1]}-{EN[2]} x", EN[5], ())
    spanned = tokenizer(one.context, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    characters = np.array(spanned)
    at = one.context.index("-")

    def tokens(text: str, start: int) -> Any:
        return windows.answer_tokens(_with(one, text, start), characters)

    assert tokens(f"{EN[1]}-", at - len(EN[1])) == (1, 2)
    assert tokens(EN[0][:1], 0) == (0, 0)
    assert tokens(" ", len(EN[0])) is None and windows.answer_tokens(one, characters) is None


def _with(one: SpanExample, text: str, start: int) -> SpanExample:
    return SpanExample(one.task, one.file, 0, "c", "en", "q", one.context, one.question, (Answer(text, start),))


def test_the_best_span_by_brute_force() -> None:
    draw = torch.Generator().manual_seed(0)
    begin, end = (torch.randn(40, 50, generator=draw) for _ in range(2))
    inside = torch.rand(40, 50, generator=draw) < 0.8
    may_start = inside & (torch.rand(40, 50, generator=draw) < 0.7)
    inside[0] = False
    may_start[:2] = False
    best, first, last = spans.best_spans(begin, end, may_start, inside)
    for row in range(40):
        sums = {
            (a, b): float(begin[row, a] + end[row, b])
            for a in range(50)
            for b in range(a, min(50, a + spans.ANSWER))
            if may_start[row, a] and inside[row, b]
        }
        if sums:
            assert (int(first[row]), int(last[row])) == max(sums, key=sums.__getitem__)
            assert float(best[row]) == pytest.approx(max(sums.values()))
        else:
            assert float(best[row]) == -INF


def test_an_answer_has_at_most_thirty_tokens() -> None:
    begin, end, every = torch.zeros(1, 60), torch.zeros(1, 60), torch.ones(1, 60, dtype=torch.bool)
    begin[0, 5], end[0, 35] = 9.0, 8.0
    assert [int(each) for each in spans.best_spans(begin, end, every, every)[1:]] == [5, 5]
    end[0, 34] = 7.0
    assert [int(each) for each in spans.best_spans(begin, end, every, every)[1:]] == [5, 34]


class Pointer(torch.nn.Module):
    """Begins at one token id and ends at another."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        class Outputs:
            start_logits = (input_ids == self.first).float() * 5 + (input_ids == 3) * 9.0
            end_logits = (input_ids == self.last).float() * 5 + (input_ids == 2) * 9.0

        return Outputs


def predicted(model: Any, examples: list[SpanExample], length: int = 12) -> list[str]:
    table = spans.predict(model, make_tokenizer(), examples, (), length, CPU)
    assert table["logits"].list.len().sum() == 0 and table.height == len(examples)
    return table["predicted"].to_list()


@pytest.mark.parametrize("first", [0, 3, 7, 8, 11, 12, 18])
def test_the_answer_is_the_text_of_the_paragraph_wherever_the_windows_cut(first: int) -> None:
    """Also where logits of special tokens and of the question are the highest."""
    tokenizer, one = make_tokenizer(), example(20, first, first + 1)
    begin, end = tokenizer(one.answers[0].text, add_special_tokens=False)["input_ids"]
    assert predicted(Pointer(begin, end), [example(3, row=1), one])[1] == one.answers[0].text


def test_no_paragraph_no_answer_and_gold_as_json() -> None:
    empty = SpanExample("xquad", "f", 1, "c", "en", "q", " ", EN[5], None)
    model = make_model(spans.AUTO_CLASS, num_labels=2)
    table = spans.predict(model, make_tokenizer(), [example(5, 1), empty], (), 12, CPU)
    assert table["predicted"][1] == "" and table["predicted"][0] and table["gold"][1] is None
    assert json.loads(table["gold"][0]) == [EN[1]]
    with torch.no_grad():
        model.qa_outputs.bias[0] = torch.nan
    with pytest.raises(UserError, match="not finite for 2 of 2 rows"):
        predicted(model, [example(5), example(40, row=1)])


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(UserError, match="needs a fast tokenizer"):
        windows.encode([example(3)], Slow(), 12)


class Fixed(torch.nn.Module):
    """A model with the same logits for every row: those of the first token, and of the span from token 4 to 5."""

    def __init__(self, none: float) -> None:
        super().__init__()
        self.none = torch.nn.Parameter(torch.tensor(none))

    def forward(self, input_ids: torch.Tensor, **more: Any) -> Any:
        begin, end = torch.zeros(input_ids.shape), torch.zeros(input_ids.shape)
        begin[:, 4], end[:, 5] = 1.5, 1.5
        begin[:, 0] = end[:, 0] = self.none
        return SimpleNamespace(start_logits=begin, end_logits=end)


@pytest.mark.parametrize(("none", "answered"), [(1.4, True), (1.5, True), (1.6, False)])
def test_no_answer_is_an_answer_where_a_question_may_have_none(none: float, answered: bool) -> None:
    always, maybe = example(5, 1, 2), replace(example(5, 1, 2, row=1), answerable=False)
    found = spans.predict(Fixed(none), make_tokenizer(), [always, maybe], (), 64, CPU)["predicted"].to_list()
    assert found[0] == always.answers[0].text and bool(found[1]) == answered


def test_questions_without_an_answer_train_to_the_first_token_and_have_an_empty_gold() -> None:
    without = replace(example(9), answers=(), answerable=False)
    assert spans.featurize([without], make_tokenizer(), (), 64).targets[0, :2].tolist() == [0, 0]
    model = make_model("AutoModelForQuestionAnswering")
    assert spans.predict(model, make_tokenizer(), [without], (), 64, CPU)["gold"].to_list() == ["[]"]
    assert spans.constants([("a",), ()]) == [["", ""]] and spans.constants([("a",)]) == []

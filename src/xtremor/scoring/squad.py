"""Exact match and F1 of answers by SQuAD's rules, which XQuAD and TyDiQA apply to every language.

Answers are compared after lower-casing, without ASCII punctuation and English articles, as lists of words between
white space. So a full-width stop counts ("308。" is not "308") and Thai or Chinese, written without spaces, is one
word. Exact match and F1 each take the best gold answer; a question without a prediction scores 0 in both.

SQuAD 2.0's script (``evaluate-v2.0.py``) adds questions without an answer: there the empty answer has 1 in both, and
any other 0; gold answers of which nothing is left to compare do not count.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from xtremor.errors import UserError
from xtremor.scoring.base import Scorer
from xtremor.scoring.counting import check_paired, percent

Words = tuple[str, ...]
PARTS = ("f1", "exact_match", "questions")
VALUES = ("score", "f1", "exact_match")
_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad_words(text: str) -> Words:
    """An answer as SQuAD compares it."""
    return tuple(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def overlap(gold: Words, predicted: Words) -> float:
    """F1 of two bags of words, 0 to 1; 0 when they share none, two empty ones included."""
    shared = sum((Counter(gold) & Counter(predicted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def answer_statistics(
    gold: Sequence[Sequence[str]], predicted: Sequence[str | None], words: Callable[[str], Words]
) -> np.ndarray:
    """Best F1 and best exact match of each question.

    Args:
        gold: right answers of N questions; none stands for the empty answer.
        predicted: answers, None where there is none.
        words: how texts are compared.

    Returns:
        (N, 3) float64: F1 and exact match (0 to 1), and 1.

    Raises:
        UserError: lengths differ, or no question at all has an answer.
    """
    check_paired(gold, predicted, "question")
    if not any(gold):
        raise UserError("no question has a gold answer, so there is nothing to score against; expected labelled data")
    known: dict[str, Words] = {}

    def split(text: str) -> Words:
        # Half of all texts repeat: a right answer is in the gold answers too, often several times.
        if text not in known:
            known[text] = words(text)
        return known[text]

    found = np.zeros((len(gold), 3))
    found[:, 2] = 1
    for row, (answers, text) in enumerate(zip(gold, predicted, strict=True)):
        if text is None:
            continue
        given, right = split(text), [split(answer) for answer in dict.fromkeys(answers or ("",))]
        found[row, 0] = max(overlap(each, given) for each in right)
        found[row, 1] = given in right
    return found


def answer_figures(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """F1, exact match and their mean, which is the task's score."""
    f1, exact = percent(sums[..., 0], sums[..., 2]), percent(sums[..., 1], sums[..., 2])
    return {"score": (exact + f1) / 2, "f1": f1, "exact_match": exact}


def _statistics(gold: Sequence[Sequence[str]], predicted: Sequence[str | None]) -> np.ndarray:
    return answer_statistics(gold, predicted, squad_words)


SQUAD = Scorer("squad", PARTS, VALUES, _statistics, answer_figures)


def _statistics_second(gold: Sequence[Sequence[str]], predicted: Sequence[str | None]) -> np.ndarray:
    """As `answer_statistics`, by the rules of SQuAD 2.0; it may be that no question has an answer."""
    check_paired(gold, predicted, "question")
    found = np.zeros((len(gold), 3))
    found[:, 2] = 1
    for row, (answers, text) in enumerate(zip(gold, predicted, strict=True)):
        if text is None:
            continue
        given = squad_words(text)
        right = [words for words in map(squad_words, answers) if words] or [()]
        found[row, 1] = given in right
        found[row, 0] = max(overlap(each, given) for each in right) if given and right[0] else found[row, 1]
    return found


SQUAD2 = Scorer("squad2", PARTS, VALUES, _statistics_second, answer_figures)

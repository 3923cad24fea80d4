"""Items of every category and models to attack: tiny random encoders, and a linear one whose worst case is known."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import torch
from helpers.tiny import LABELS, make_model, make_tokenizer, sentence
from torch import Tensor, nn

from xtremor.evaluation.attack.categories import open_items
from xtremor.evaluation.attack.items import Items
from xtremor.evaluation.attack.victim import Victim
from xtremor.tasks.base import Answer, ChoiceExample, SpanExample, TaggingExample, TextExample
from xtremor.tasks.cards import card

TASKS = {"classification": "xnli", "choice": "xcopa", "tagging": "panx", "spans": "xquad"}
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")
AUTO = {
    "classification": ("AutoModelForSequenceClassification", {"num_labels": 3}),
    "choice": ("AutoModelForMultipleChoice", {}),
    "tagging": ("AutoModelForTokenClassification", {"num_labels": len(TAGS)}),
    "spans": ("AutoModelForQuestionAnswering", {"num_labels": 2}),
}
# Longest input: sentences and paragraphs of more words are split.
LENGTH = 24


def examples(category: str, rows: int = 10, language: str = "en", seed: int = 0) -> list[Any]:
    """Made-up items with random answers; sentences and paragraphs of two of five rows have several windows."""
    draw = random.Random(f"{category} {language} {seed}")
    found: list[Any] = []
    for row in range(rows):
        where = (TASKS[category], f"{category}-{language}", row, f"cluster {row // 2}", language)
        words = [word for _ in range(6 if row % 5 > 2 else 1) for word in sentence(draw, language).split(" ")]
        if category == "classification":
            texts = (sentence(draw, language), sentence(draw, language))
            found.append(TextExample(*where, texts, draw.choice(LABELS)))
        elif category == "choice":
            choices = tuple(sentence(draw, language, 4) for _ in range(2 + row % 2))
            found.append(ChoiceExample(*where, sentence(draw, language), "why", choices, str(draw.randrange(2))))
        elif category == "tagging":
            found.append(TaggingExample(*where, tuple(words), tuple(draw.choice(TAGS) for _ in words)))
        else:
            context, at = " ".join(words), draw.randrange(len(words))
            answer = Answer(words[at], len(" ".join(words[:at])) + (at > 0))
            found.append(SpanExample(*where, str(row), context, sentence(draw, language, 3), (answer,)))
    return found


def labels_of(category: str) -> tuple[str, ...]:
    """Names of the logits."""
    return {"classification": LABELS, "tagging": TAGS}.get(category, ())


def items_of(category: str, rows: int = 10, tokenizer: Any = None, given: list[Any] | None = None) -> Items:
    """The same as an attack takes them."""
    tokenizer = make_tokenizer() if tokenizer is None else tokenizer
    chosen = examples(category, rows) if given is None else given
    return open_items(card(TASKS[category]), chosen, tokenizer, labels_of(category), LENGTH)


def model_of(category: str, double: bool = False) -> Any:
    """A tiny random model with the category's head, in float64 where chaos of rounding is to be kept out."""
    name, more = AUTO[category]
    model = make_model(name, **more).eval()
    return model.double() if double else model


def victim_of(category: str, items: Items, double: bool = False, **more: Any) -> Victim:
    """It as a victim, its width known."""
    settings = {"site": "word", "loss": "margin", **more}
    victim = Victim(model_of(category, double), **settings)
    victim.unit(items)
    return victim


class Linear(nn.Module):
    """Logits that are a linear function of the sum of a row's word vectors: the worst case in a ball is a formula."""

    def __init__(self, vocabulary: int = 2000, width: int = 6, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.words = nn.Embedding(vocabulary, width)
        self.weight = nn.Parameter(torch.randn(width, classes))
        # The last class is out of reach, so that two remain.
        self.bias = torch.tensor([0.0] * (classes - 1) + [-1000.0])

    def get_input_embeddings(self) -> nn.Module:
        """As transformers' models have it."""
        return self.words

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Any:
        """Padding counts nothing."""
        vectors = self.words(input_ids) * attention_mask.unsqueeze(-1)
        return SimpleNamespace(logits=vectors.sum(1) @ self.weight + self.bias)

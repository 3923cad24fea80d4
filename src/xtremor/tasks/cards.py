"""The cards of every task: a new task is one more card (and, if its layout is new, one more reader)."""

from __future__ import annotations

from xtremor.errors import unknown
from xtremor.tasks.base import Defaults, TaskCard

INTENTS = TaskCard(
    name="intents",
    title="Intents of voice commands for a smart home, generated from human-written templates",
    category="classification",
    source="intents",
    # Empty: the installed data decides, and knowing it would import that data here.
    languages=(),
    labels=(),
    metric="accuracy",
    train="English sentences from the templates of home-assistant-intents, split from dev by template",
    licence="Apache-2.0 (package home-assistant-intents); upstream publishes the templates under CC BY 4.0",
    citation="The Home Assistant authors, https://github.com/home-assistant/intents",
    defaults=Defaults(
        epochs=3,
        batch_size=16,
        learning_rate=2e-4,
        head_learning_rate=2e-3,
        max_length=64,
        train_rows=1000,
    ),
    notes=(
        "Not a task of XTREME-R: an embedded one, so that everything runs without a download.",
        "The sentences come from templates that people wrote for each language; they are not translations of "
        "each other, and one language's templates can be easier than another's.",
    ),
)

XNLI = TaskCard(
    name="xnli",
    title="XNLI: does the premise entail the hypothesis, contradict it, or neither",
    category="classification",
    source="official",
    languages=("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"),
    # The order of the hub's ids; the official scripts sort the names instead. Names, not ids, are compared.
    labels=("entailment", "neutral", "contradiction"),
    metric="accuracy",
    train="MNLI, 392,702 English pairs (train-en.tsv)",
    licence="CC BY-NC 4.0; the MNLI training text: OANC licence and others, for research",
    citation=(
        "Conneau et al. 2018, XNLI: Evaluating Cross-lingual Sentence Representations, EMNLP (arXiv "
        "1809.05053); training set: Williams, Nangia and Bowman 2018, NAACL (arXiv 1704.05426)"
    ),
    defaults=Defaults(
        epochs=2,
        batch_size=32,
        learning_rate=1e-4,
        head_learning_rate=1e-3,
        max_length=128,
    ),
    splits=("test", "dev"),
    notes=(
        "The official download strips the labels of the test files; the labelled test is row-parallel in all "
        "15 languages, so one labelled language is enough to restore them.",
        "Published settings (mBERT / XLM-R Large): AdamW with eps 1e-8, learning rate 2e-5 / 3e-5, linear "
        "decay without warm-up or weight decay, clipping at 1.0, batch 32, 5 epochs, 128 tokens, best by "
        "English dev. The defaults here are for a small encoder on a laptop, and the last step is kept.",
        "Published averages over the 15 languages, English included: mBERT 65.4, XLM-R Large 79.2.",
        "Exposure: multilingual-e5 (the starter encoder too) was tuned on natural-language inference and "
        "trained on translation pairs, so its scores are neither free of the task nor strictly zero-shot.",
        "Swahili is the only language of Joshi class 2 or below here.",
    ),
)

_CARDS = {card.name: card for card in (INTENTS, XNLI)}


def card(name: str) -> TaskCard:
    """Return the card of the task called ``name``; raises UserError with the nearest names for any other."""
    if name not in _CARDS:
        raise unknown("task", name, _CARDS, "`xtremor tasks` lists them")
    return _CARDS[name]


def all_cards() -> tuple[TaskCard, ...]:
    """Return every card, in the order in which they are listed to people."""
    return tuple(_CARDS.values())

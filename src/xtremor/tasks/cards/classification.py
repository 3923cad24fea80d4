"""Cards of the classification tasks: intents, XNLI, PAWS-X."""

from __future__ import annotations

from xtremor.tasks.base import Defaults, TaskCard
from xtremor.tasks.cards.benchmarks import NOT_TRIED, OFFICIAL, XLMR, scored_in, small

INTENTS = TaskCard(
    name="intents",
    title="Intents of voice commands for a smart home, generated from human-written templates",
    category="classification",
    source="intents",
    # Empty: the installed data decides, and knowing it would import that data here.
    languages=(),
    labels=(),
    metric="accuracy",
    splits=("test", "dev"),
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
    **scored_in("xnli"),
    # The order of the hub's ids; the official scripts sort the names instead. Names, not ids, are compared.
    labels=("entailment", "neutral", "contradiction"),
    metric="accuracy",
    train="MNLI, 392,702 English pairs (train-en.tsv)",
    licence="CC BY-NC 4.0; the MNLI training text: OANC licence and others, for research",
    citation=(
        "Conneau et al. 2018, XNLI: Evaluating Cross-lingual Sentence Representations, EMNLP (arXiv "
        "1809.05053); training set: Williams, Nangia and Bowman 2018, NAACL (arXiv 1704.05426)"
    ),
    defaults=small(epochs=2, max_length=128),
    splits=("test", "dev"),
    notes=(
        "The official download strips the labels of the test files; the labelled test is row-parallel in all "
        "15 languages, so one labelled language is enough to restore them.",
        "Exposure: multilingual-e5 (the starter encoder too) was tuned on natural-language inference and "
        "trained on translation pairs, so its scores are neither free of the task nor strictly zero-shot.",
        "Swahili is the only language of Joshi class 2 or below here.",
    ),
    published=(
        f"{OFFICIAL}learning rate 2e-5 / 3e-5, no warm-up, no weight decay, batch 32, 5 epochs, 128 tokens, best by "
        "English dev. The defaults here are for a small encoder on a laptop, and the last step is kept.",
        "Averages over the 15 languages, English included: mBERT 65.4, XLM-R Large 79.2.",
    ),
    exposure=(
        "mBERT: pretrained on Wikipedia; the premises are from ten genres of other English text; no labels seen.",
        XLMR,
        "multilingual-e5: tuned on English natural-language inference, and trained on translation pairs.",
    ),
    labels_at="the row-parallel labelled test of XNLI 1.0 (on the hub: facebook/xnli)",
    hub=("facebook/xnli (all splits, one configuration a language)", "nyu-mll/multi_nli (the training set)", NOT_TRIED),
)

PAWSX = TaskCard(
    name="pawsx",
    title="PAWS-X: do two sentences of much the same words say the same",
    category="classification",
    source="official",
    **scored_in("pawsx"),
    labels=("0", "1"),
    metric="accuracy",
    train="PAWS-Wiki, 49,401 English pairs (train-en.tsv)",
    licence="free for any purpose; Google LLC asks to be named as the source",
    citation=(
        "Yang et al. 2019, PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification, EMNLP "
        "(arXiv 1908.11828); training set: Zhang, Baldridge and He 2019, NAACL (arXiv 1904.01130)"
    ),
    defaults=small(epochs=3, max_length=128),
    splits=("test", "dev"),
    notes=(
        "A task of XTREME that XTREME-R dropped, because scores were close to a person's.",
        "The official download strips the labels of the test files.",
        "In dev, 151 row numbers hold the placeholder NS instead of a translation in some language, and labels "
        "differ from English in 3 to 32 rows a language: the official scores count those rows, and so do these.",
        "A sentence occurs in several rows: rows that share one are one cluster, and a split by row leaks.",
    ),
    aliases=("PAWS-X",),
    published=(
        f"{OFFICIAL}learning rate 2e-5, batch 32, 5 epochs, 128 tokens.",
        "Averages over the 7 languages, English included: mBERT 81.9, XLM-R Large 86.4.",
    ),
    exposure=(
        "mBERT: pretrained on Wikipedia, from which the English sentences were made; no labels seen.",
        XLMR,
        "multilingual-e5: tuned on Quora's duplicate questions, a paraphrase task, and trained on translation pairs.",
    ),
    labels_at="the published PAWS-X test (on the hub: google-research-datasets/paws-x)",
    hub=("google-research-datasets/paws-x (all splits, one configuration a language)", NOT_TRIED),
)

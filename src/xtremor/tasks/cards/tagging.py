"""Cards of the tagging tasks: part of speech, named entities."""

from __future__ import annotations

from xtremor.tasks.base import Defaults, TaskCard
from xtremor.tasks.cards.benchmarks import MBERT_WIKIPEDIA, NOT_TRIED, OFFICIAL, XLMR, scored_in, small

_SETTINGS = f"{OFFICIAL}learning rate 2e-5, batch 32, 10 epochs, 128 tokens, best English dev F1."
_E5 = "multilingual-e5: no tags seen; trained on translation pairs."

SLOTS = TaskCard(
    name="slots",
    title="Slots of voice commands for a smart home (rooms, devices, numbers), in the sentences of `intents`",
    category="tagging",
    source="slots",
    # Empty: the installed data decides, and knowing it would import that data here.
    languages=(),
    labels=(),
    metric="chunk_f1",
    splits=("test", "dev"),
    train="English sentences from the templates of home-assistant-intents, split from dev by template",
    licence="Apache-2.0 (package home-assistant-intents); upstream publishes the templates under CC BY 4.0",
    citation="The Home Assistant authors, https://github.com/home-assistant/intents",
    # At 2e-4, the rate of `intents`, one of twelve runs of the starter was lost in its first updates.
    defaults=Defaults(
        epochs=3, batch_size=16, learning_rate=1.5e-4, head_learning_rate=2e-3, max_length=64, train_rows=1000
    ),
    notes=(
        "Not a task of XTREME-R: an embedded one, so that tagging runs without a download.",
        "Chinese and Thai are tagged by character, other languages by word.",
        "Words in the slots come from lists of this project and of CLDR, the same ones in training and test: a high "
        "score in English says little.",
    ),
)

UDPOS = TaskCard(
    name="udpos",
    title="UD-POS: the part of speech of each token",
    category="tagging",
    source="official",
    **scored_in("udpos"),
    labels=(
        "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
        "SYM", "VERB", "X",
    ),
    metric="pos_f1",
    train="Universal Dependencies 2.7, 21,253 English sentences (train-en.tsv)",
    licence="each treebank its own Creative Commons licence",
    citation="Nivre et al. 2018, Universal Dependencies; XTREME-R takes release 2.7 (handle 11234/1-3424)",
    defaults=small(epochs=5, max_length=128),
    splits=("test", "dev"),
    notes=(
        "The official figure is called F1 and is not token accuracy: it is chunk F1 over tags without prefixes, in "
        "which neighbours of one tag merge. Token accuracy is given beside it.",
        "The official download strips the tags of the test files.",
        "Test sets differ in size: 47 sentences in Marathi, 55 in Tagalog, 100 in Yoruba, 120 in Tamil, 146 in "
        "Telugu, so read those scores with their intervals.",
        "Treebanks of one language mix genres and, at some hosts, stages of the language.",
    ),
    aliases=("UD-POS", "pos"),
    published=(_SETTINGS,),
    exposure=(
        "mBERT: pretrained on Wikipedia, where some treebanks take their text; no tags seen.",
        f"{XLMR} It saw no Wolof and no Yoruba.",
        _E5,
    ),
    labels_at="Universal Dependencies 2.7, whose test sets are tagged (on the hub: izhx/xtreme-r-udpos)",
    hub=("izhx/xtreme-r-udpos (all splits, one configuration a language)", NOT_TRIED),
)  # fmt: skip

PANX = TaskCard(
    name="panx",
    title="WikiANN-NER (PAN-X): persons, organisations and places in Wikipedia sentences",
    category="tagging",
    source="official",
    **scored_in("panx"),
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    metric="chunk_f1",
    train="WikiANN, 20,000 English sentences (train-en.tsv)",
    licence="ODC-BY (WikiANN); the text is Wikipedia's",
    citation=(
        "Pan et al. 2017, Cross-lingual Name Tagging and Linking for 282 Languages, ACL; splits: Rahimi, Li and Cohn "
        "2019, ACL (arXiv 1902.00193)"
    ),
    defaults=small(epochs=5, max_length=128),
    splits=("test", "dev"),
    notes=(
        "The labels are silver: they were made from Wikipedia's links, not by annotators.",
        "The official download strips the tags of the test files.",
        "Test sets differ in size: 10,000 sentences in 29 languages, 1,000 in 13, 100 in gu, jv, my, pa, qu and yo.",
        "Most of XTREME-R's low-resource languages occur in this task alone: compare strata within it, not across "
        "tasks.",
    ),
    aliases=("PAN-X", "WikiANN", "WikiANN-NER", "ner"),
    published=(_SETTINGS, "Averages over XTREME's 40 languages, English included: mBERT 62.2, XLM-R Large 65.4."),
    exposure=(MBERT_WIKIPEDIA, f"{XLMR} It saw no Quechua and no Yoruba.", _E5),
    labels_at="the published WikiANN splits, whose test is tagged (on the hub: unimelb-nlp/wikiann)",
    hub=("unimelb-nlp/wikiann (all splits, one configuration a language)", NOT_TRIED),
)

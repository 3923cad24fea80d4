"""Cards of the retrieval tasks: Mewsli-X, LAReQA, Tatoeba, BUCC."""

from __future__ import annotations

from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards.benchmarks import NOT_TRIED, OFFICIAL, XLMR, scored_in, small

_NO_HUB = ("not read from the hub",)
_PAIRS = "multilingual-e5: trained on translation pairs, which is this task: not zero-shot."

MEWSLIX = TaskCard(
    name="mewslix",
    title="Mewsli-X: which entity of a million does a mention in a news text name",
    category="retrieval",
    source="official",
    **scored_in("mewslix"),
    labels=(),
    metric="mrr@20",
    train="167,719 mentions in English Wikipedia with their entities (wikipedia_pairs-train.jsonl)",
    licence="text of WikiNews CC BY 2.5, of Wikipedia CC BY-SA 3.0",
    citation="Ruder et al. 2021, XTREME-R, EMNLP (arXiv 2104.07412)",
    defaults=small(epochs=2, max_length=64),
    splits=("test", "dev"),
    notes=(
        "Called mAP@20 in the paper: with one right entity a mention it is the mean reciprocal rank within 20.",
        "Candidates are entities described in 50 languages, each described in one.",
        "The released data (20220518_6) were drawn anew after the paper, whose figures cannot be compared with theirs.",
    ),
    aliases=("Mewsli-X",),
    published=(
        f"{OFFICIAL}learning rate 2e-5 / 1e-5, batch 256 / 32, 2 epochs, 64 tokens.",
        "Averages over the 11 languages as released: mBERT 41.45, XLM-R Large 52.51.",
    ),
    exposure=(
        "mBERT: pretrained on Wikipedia, from which the descriptions of the entities are.",
        XLMR,
        "multilingual-e5: tuned on retrieval in many languages, and trained on translation pairs: not zero-shot.",
    ),
    hub=_NO_HUB,
)

LAREQA = TaskCard(
    name="lareqa",
    title="LAReQA (XQuAD-R): which sentences of all 11 languages answer the question",
    category="retrieval",
    source="official",
    **scored_in("lareqa"),
    labels=(),
    metric="map@20",
    train="SQuAD 1.1 as retrieval (squad/train-v1.1.json): each question with the sentence of its answer",
    licence="CC BY-SA 4.0",
    citation="Roy et al. 2020, LAReQA, EMNLP (arXiv 2004.05484)",
    defaults=small(epochs=3, max_length=256, batch_size=16),
    notes=(
        "A question has an answer sentence in each of the 11 languages, all equally right; with a language's file "
        "missing the score would be another one, so that is refused.",
        "SQuAD's file has no sentences: a rule of xtremor finds them, where the benchmark's scripts have a splitter "
        "that was fitted to SQuAD. It may cut a few sentences elsewhere.",
    ),
    aliases=("XQuAD-R",),
    published=(
        f"{OFFICIAL}learning rate 2e-5, batch 16, 3 epochs, questions up to 96 tokens, answers with their paragraph up "
        "to 256.",
    ),
    exposure=(
        "mBERT: pretrained on Wikipedia, so it can have read the English paragraphs; the translations are new to it.",
        XLMR,
        "multilingual-e5: tuned on SQuAD as retrieval, and trained on translation pairs: not zero-shot.",
    ),
    hub=_NO_HUB,
)

TATOEBA = TaskCard(
    name="tatoeba",
    title="Tatoeba: find the translation of an English sentence",
    category="retrieval",
    source="official",
    **scored_in("tatoeba"),
    labels=(),
    metric="accuracy",
    train="none; XTREME-R embeds with an encoder that was tuned on SQuAD",
    licence="CC BY 2.0 FR",
    citation="Artetxe and Schwenk 2019, Massively Multilingual Sentence Embeddings, TACL (arXiv 1812.10464)",
    defaults=small(epochs=1, max_length=128),
    notes=(
        "Queries are the English sentences, in the order of their code points; the answer is the line of the "
        "translation in the other file. The English sentences differ between languages.",
        "1,000 pairs a language, but jv 205, te 234, ta 307, sw 390, th 548, kk 575, ml 687, ka 746.",
        "Short everyday sentences, many of which repeat: scores say little about other text.",
        "The official download sorts the English file, which loses the labels; the original files keep them.",
    ),
    published=(
        "Scripts of the benchmark: mean over the tokens of one block's output (mBERT: index 7 of 12, XLM-R Large: "
        "index 13 of 24, which are --layer 8 and 14 here), cosine, ties to the lowest line.",
    ),
    exposure=("mBERT: pretrained on Wikipedia; no translation pairs seen.", XLMR, _PAIRS),
    labels_at="the row-aligned original files tatoeba.XXX-eng.XXX and .eng of the LASER repository (data/tatoeba/v1)",
    hub=(
        "google/xtreme (configurations tatoeba.XXX, split validation: row-aligned; XTREME's 36 languages, so that az, "
        "lt, pl, ro and uk are missing there)",
        NOT_TRIED,
    ),
)

BUCC2018 = TaskCard(
    name="bucc2018",
    title="BUCC 2018: find the translation pairs hidden in two texts",
    category="retrieval",
    source="official",
    **scored_in("bucc2018"),
    labels=(),
    metric="bucc_f1",
    train="none; a threshold is chosen on dev",
    licence="none that we could find stated; the text is mostly Wikipedia's, with sentences of news among it",
    citation="Zweigenbaum, Sharoff and Rapp 2018, Overview of the Third BUCC Shared Task, BUCC workshop at LREC",
    defaults=small(epochs=1, max_length=128),
    splits=("test", "dev"),
    notes=(
        "A task of XTREME that XTREME-R dropped.",
        "The benchmark's test is the shared task's training set and its dev the sample set; the official download "
        "deletes the gold of the test.",
    ),
    aliases=("BUCC",),
    published=(
        "Scripts of the benchmark: first token of one block's output (index 7 of the last 12: mBERT --layer 8, XLM-R "
        "Large 20), cosine over the mean of the 4 nearest on both sides, pairs taken best first, a pair above the "
        "threshold that is best on the language's own dev.",
    ),
    exposure=(
        "mBERT: pretrained on Wikipedia, from which part of the sentences are; no translation pairs seen.",
        XLMR,
        _PAIRS,
    ),
    labels_at="the shared task's training gold, saved as XX-en.test.gold",
    hub=_NO_HUB,
)

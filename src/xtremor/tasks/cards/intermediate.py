"""Cards of the English intermediate tasks: trained on before a target task, scored on their English dev set alone."""

from __future__ import annotations

from typing import TypedDict

from xtremor.tasks.base import TaskCard
from xtremor.tasks.cards.benchmarks import NOT_TRIED, XLMR, small

_PHANG = (
    "Before XTREME's tasks (Phang et al. 2020, arXiv 2005.13013, XLM-R Large): learning rate 1e-5, warm-up 10%, batch "
    "32 (question answering 16)."
)
_ENGLISH = "English only: a stage before a target task, not a test of transfer."
_E5_NLI = "multilingual-e5: tuned on English natural-language inference."
_E5_UNKNOWN = "multilingual-e5: not among the sets that it is known to be tuned on."


class _English(TypedDict):
    """What these cards have in common."""

    source: str
    languages: tuple[str, ...]


_COMMON: _English = {"source": "intermediate", "languages": ("en",)}


def _exposure(mbert: str, e5: str) -> tuple[str, ...]:
    return (f"mBERT: {mbert}; no labels seen.", XLMR, e5)


MNLI = TaskCard(
    name="mnli",
    title="MNLI: does the premise entail the hypothesis, contradict it, or neither (ten genres)",
    category="classification",
    **_COMMON,
    labels=("entailment", "neutral", "contradiction"),
    metric="accuracy",
    train="MNLI, 392,702 pairs",
    licence="OANC licence and others, for research",
    citation="Williams, Nangia and Bowman 2018, A Broad-Coverage Challenge Corpus, NAACL (arXiv 1704.05426)",
    defaults=small(epochs=2, max_length=128),
    splits=("dev", "dev-mismatched"),
    notes=(
        _ENGLISH,
        "Training set of XNLI too: before XNLI it is the same data twice.",
        "Pairs whose annotators did not agree (gold label '-': 185 of the matched and 168 of the mismatched dev set) "
        "are dropped and counted, as usual.",
    ),
    aliases=("MultiNLI",),
    published=(_PHANG,),
    exposure=_exposure("the premises are from ten genres, Wikipedia not among them", _E5_NLI),
    hub=("nyu-mll/multi_nli", NOT_TRIED),
)

ANLI = TaskCard(
    name="anli",
    title="ANLI: natural-language inference that people wrote to fool models, three rounds",
    category="classification",
    **_COMMON,
    labels=("entailment", "neutral", "contradiction"),
    metric="accuracy",
    train="ANLI 1.0, 162,865 pairs: rounds of 16,946, 45,460 and 100,459",
    licence="CC BY-NC 4.0",
    citation="Nie et al. 2020, Adversarial NLI, ACL (arXiv 1910.14599)",
    defaults=small(epochs=2, max_length=256),
    splits=("dev",),
    notes=(
        _ENGLISH,
        "The three rounds are joined: 3,200 pairs of dev. Usually it is trained on together with MNLI "
        "(--task mnli,anli).",
        "Adversarial data, not adversarial training: pairs were kept because a model failed on them.",
    ),
    published=(_PHANG,),
    exposure=_exposure("pretrained on Wikipedia, where most of the contexts are from", _E5_NLI),
    hub=("facebook/anli (splits train_r1 to dev_r3)", NOT_TRIED),
)

QQP = TaskCard(
    name="qqp",
    title="QQP: do two questions from Quora ask the same",
    category="classification",
    **_COMMON,
    labels=("0", "1"),
    metric="qqp",
    train="Quora Question Pairs as GLUE has them, 363,846 pairs",
    licence="Quora's terms of service, for non-commercial use",
    citation=(
        "Iyer, Dandekar and Csernai 2017, First Quora Dataset Release: Question Pairs; as in Wang et al. 2019, GLUE "
        "(arXiv 1804.07461)"
    ),
    defaults=small(epochs=2, max_length=128),
    splits=("dev",),
    notes=(
        _ENGLISH,
        "The score is accuracy; F1 of the class 1 (duplicates, 37% of the pairs) stands beside it.",
        "Rows that lack a question or the label (3 in the published training set) are dropped and counted.",
    ),
    aliases=("Quora Question Pairs",),
    published=(_PHANG,),
    exposure=_exposure(
        "the questions are not from Wikipedia", "multilingual-e5: tuned on Quora's duplicate questions."
    ),
    hub=("nyu-mll/glue (configuration qqp)", NOT_TRIED),
)

QNLI = TaskCard(
    name="qnli",
    title="QNLI: does a sentence answer the question (made from SQuAD)",
    category="classification",
    **_COMMON,
    labels=("entailment", "not_entailment"),
    metric="accuracy",
    train="QNLI as GLUE has it, 104,743 pairs",
    licence="CC BY-SA 4.0 (SQuAD)",
    citation="Wang et al. 2019, GLUE (arXiv 1804.07461); Rajpurkar et al. 2016 (arXiv 1606.05250)",
    defaults=small(epochs=2, max_length=128),
    splits=("dev",),
    notes=(_ENGLISH, "Its questions and sentences are SQuAD's, which XQuAD and MLQA train on too."),
    published=(_PHANG,),
    exposure=_exposure(
        "pretrained on Wikipedia, where the sentences are from",
        "multilingual-e5: tuned on SQuAD, whose questions and sentences these are.",
    ),
    hub=("nyu-mll/glue (configuration qnli)", NOT_TRIED),
)

SQUAD = TaskCard(
    name="squad",
    title="SQuAD 1.1: find the answer in a paragraph of Wikipedia",
    category="spans",
    **_COMMON,
    labels=(),
    metric="squad",
    train="SQuAD 1.1, 87,599 questions",
    licence="CC BY-SA 4.0",
    citation="Rajpurkar et al. 2016, SQuAD, EMNLP (arXiv 1606.05250)",
    defaults=small(epochs=2, max_length=384, batch_size=16),
    splits=("dev",),
    notes=(
        _ENGLISH,
        "Training set of XQuAD and MLQA too: before them it is the same data twice. XQuAD's paragraphs are from this "
        "dev set.",
    ),
    aliases=("SQuAD 1.1", "squad_v1.1"),
    published=(_PHANG,),
    exposure=_exposure("pretrained on Wikipedia, where the paragraphs are from", "multilingual-e5: tuned on SQuAD."),
    hub=("rajpurkar/squad", NOT_TRIED),
)

SQUAD2 = TaskCard(
    name="squad2",
    title="SQuAD 2.0: find the answer in a paragraph, or find that there is none",
    category="spans",
    **_COMMON,
    labels=(),
    metric="squad2",
    train="SQuAD 2.0, 130,319 questions, 43,498 of them without an answer",
    licence="CC BY-SA 4.0",
    citation="Rajpurkar, Jia and Liang 2018, Know What You Don't Know, ACL (arXiv 1806.03822)",
    defaults=small(epochs=2, max_length=384, batch_size=16),
    splits=("dev",),
    notes=(
        _ENGLISH,
        "A question without an answer is trained on the input's first token; the empty answer is given where that "
        "token, in the window where it scores lowest, scores above the best span (threshold 0).",
        "Scored as SQuAD 2.0's official script does: an empty answer is right where there is none and wrong elsewhere.",
        "An encoder that always answers nothing has 50 on dev: half of its questions have no answer.",
    ),
    aliases=("SQuAD 2.0", "squad_v2", "squad_v2.0"),
    published=(_PHANG,),
    exposure=_exposure(
        "pretrained on Wikipedia, where the paragraphs are from",
        "multilingual-e5: tuned on SQuAD, whose paragraphs these are.",
    ),
    hub=("rajpurkar/squad_v2 (configuration squad_v2)", NOT_TRIED),
)

HELLASWAG = TaskCard(
    name="hellaswag",
    title="HellaSwag: which of four endings continues the text",
    category="choice",
    **_COMMON,
    labels=("0", "1", "2", "3"),
    metric="accuracy",
    train="HellaSwag, 39,905 texts",
    licence="MIT",
    citation="Zellers et al. 2019, HellaSwag: Can a Machine Really Finish Your Sentence?, ACL (arXiv 1905.07830)",
    defaults=small(epochs=2, max_length=128),
    splits=("dev",),
    notes=(
        _ENGLISH,
        "The first text is ctx_a; each ending stands behind ctx_b, the words that it continues (ctx is both, joined).",
        "Wrong endings were written by a language model and kept because BERT did not see through them.",
    ),
    published=(_PHANG,),
    exposure=_exposure("the texts are from ActivityNet captions and WikiHow", _E5_UNKNOWN),
    hub=("Rowan/hellaswag", NOT_TRIED),
)

SIQA = TaskCard(
    name="siqa",
    title="Social IQa: why people do things, and how they feel about it; three answers",
    category="choice",
    **_COMMON,
    labels=("0", "1", "2"),
    metric="accuracy",
    train="Social IQa, 33,410 questions",
    licence="none that we could find stated (none on its card on the hub)",
    citation="Sap et al. 2019, Social IQa: Commonsense Reasoning about Social Interactions, EMNLP (arXiv 1904.09728)",
    defaults=small(epochs=5, max_length=128),
    splits=("dev",),
    notes=(_ENGLISH, "Published XCOPA results train on this first and on COPA then."),
    aliases=("Social IQa", "SocialIQA"),
    published=(_PHANG,),
    exposure=_exposure("the texts were written for the task", _E5_UNKNOWN),
    hub=("allenai/social_i_qa", NOT_TRIED),
)

COSMOSQA = TaskCard(
    name="cosmosqa",
    title="Cosmos QA: what lies behind a paragraph of a diary or blog; four answers",
    category="choice",
    **_COMMON,
    labels=("0", "1", "2", "3"),
    metric="accuracy",
    train="Cosmos QA, 25,262 questions",
    licence="CC BY 4.0",
    citation="Huang et al. 2019, Cosmos QA, EMNLP (arXiv 1909.00277)",
    defaults=small(epochs=3, max_length=256),
    splits=("dev",),
    notes=(_ENGLISH, "One of the four answers often is that none of the others is right: it is a text like any other."),
    aliases=("Cosmos QA", "cosmos_qa"),
    published=(_PHANG,),
    exposure=_exposure("the paragraphs are from blogs", _E5_UNKNOWN),
    hub=("allenai/cosmos_qa", NOT_TRIED),
)

COMMONSENSEQA = TaskCard(
    name="commonsenseqa",
    title="CommonsenseQA: a question about everyday knowledge, without a text; five answers",
    category="choice",
    **_COMMON,
    labels=("0", "1", "2", "3", "4"),
    metric="accuracy",
    train="CommonsenseQA 1.11, random split, 9,741 questions",
    licence="MIT",
    citation="Talmor et al. 2019, CommonsenseQA, NAACL (arXiv 1811.00937)",
    defaults=small(epochs=5, max_length=64),
    splits=("dev",),
    notes=(_ENGLISH, "Answers are taken in the order of their letters A to E, whatever their order in the file."),
    aliases=("CSQA", "commonsense_qa"),
    published=(_PHANG,),
    exposure=_exposure("the questions were written for the task", _E5_UNKNOWN),
    hub=("tau/commonsense_qa", NOT_TRIED),
)

CARDS = (MNLI, ANLI, QQP, QNLI, SQUAD, SQUAD2, HELLASWAG, SIQA, COSMOSQA, COMMONSENSEQA)

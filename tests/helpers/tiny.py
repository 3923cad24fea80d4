"""Tiny random encoders and a tiny task in the official layout: the whole command line in a second."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
import transformers

from xtremor.tasks.cards import card

XNLI = card("xnli")
LABELS = XNLI.labels
# A marker in the hypothesis gives the class away, in every language alike.
MARKERS = dict(zip(LABELS, ("yin", "mem", "nay"), strict=True))
SYLLABLES = ("ba", "de", "fo", "gi", "ku", "la", "ne", "po", "ri", "su")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WIDTH = 16
# ConvBERT stands for the architectures in which a convolution lets real tokens read padding.
KINDS = ("bert", "xlm-roberta", "distilbert", "modernbert", "convbert")
# Tried with every head that transformers has for them.
MORE_KINDS = ("deberta-v2", "eurobert", "xlm")


def words(language: str) -> list[str]:
    """Sixty made-up words, most of them the language's own."""
    draw = random.Random(f"words of {language}")
    return ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 3))) for _ in range(60)]


def vocabulary() -> list[str]:
    """Every word of every language, special tokens first, and some that no text has."""
    found = {word for language in XNLI.languages for word in words(language)}
    return [*SPECIAL, *MARKERS.values(), *sorted(found), *(f"unused{n}" for n in range(20))]


def make_tokenizer(pairs: bool = True) -> Any:
    """A word-level tokenizer that joins pairs as BERT does; ``pairs`` False gives no token types."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    ids = {word: number for number, word in enumerate(vocabulary())}
    core = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"] if pairs else ["input_ids", "attention_mask"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, mask_token="[MASK]", model_input_names=inputs, **names
    )


def make_config(kind: str = "bert", dropout: float = 0.1, **more: Any) -> Any:
    """Configuration of a two-layer encoder of one of `KINDS`, or of `MORE_KINDS` (without dropout in the latter).

    ``mt5`` is the encoder of an encoder-decoder, which transformers has a head for tagging for.
    """
    shape = {
        "vocab_size": len(vocabulary()), "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
        "max_position_embeddings": 140, **more,
    }  # fmt: skip
    drop = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    if kind == "bert":
        return transformers.BertConfig(**shape, **drop)
    if kind == "deberta-v2":
        return transformers.DebertaV2Config(
            **shape, **drop, relative_attention=True, position_buckets=16, pos_att_type=["p2c", "c2p"],
            type_vocab_size=0, pooler_dropout=dropout,
        )  # fmt: skip
    if kind == "eurobert":
        return transformers.EuroBertConfig(**shape, num_key_value_heads=2, head_dim=8, mask_token_id=4)
    if kind == "xlm":
        return transformers.XLMConfig(
            vocab_size=shape["vocab_size"], emb_dim=WIDTH, n_layers=2, n_heads=2, max_position_embeddings=140,
            pad_index=0, unk_index=1, bos_index=2, eos_index=3, n_langs=1, use_lang_emb=False, causal=False,
            dropout=dropout, attention_dropout=dropout, summary_first_dropout=dropout, **more,
        )  # fmt: skip
    if kind == "mt5":
        return transformers.MT5Config(
            vocab_size=shape["vocab_size"], d_model=WIDTH, d_ff=32, d_kv=8, num_layers=2, num_heads=2,
            relative_attention_num_buckets=8, pad_token_id=0, dropout_rate=dropout, classifier_dropout=dropout, **more,
        )  # fmt: skip
    if kind == "convbert":
        return transformers.ConvBertConfig(**shape, **drop, embedding_size=WIDTH, head_ratio=1)
    if kind == "roberta":
        return transformers.RobertaConfig(**shape, **drop, type_vocab_size=1)
    if kind == "xlm-roberta":
        return transformers.XLMRobertaConfig(**shape, **drop, type_vocab_size=1)
    if kind == "distilbert":
        return transformers.DistilBertConfig(
            vocab_size=shape["vocab_size"], dim=WIDTH, n_layers=2, n_heads=2, hidden_dim=32, pad_token_id=0,
            max_position_embeddings=140, dropout=dropout, attention_dropout=dropout,
            seq_classif_dropout=dropout, qa_dropout=dropout, **more,
        )  # fmt: skip
    assert kind == "modernbert", kind
    return transformers.ModernBertConfig(
        **shape, cls_token_id=2, sep_token_id=3, attention_dropout=dropout, embedding_dropout=dropout,
        mlp_dropout=dropout, classifier_dropout=dropout, global_attn_every_n_layers=2, local_attention=8,
    )  # fmt: skip


def make_classifier(kind: str = "bert", dropout: float = 0.0, seed: int = 0) -> Any:
    """A random classifier of three classes; see `make_model`."""
    return make_model("AutoModelForSequenceClassification", kind, dropout, seed, num_labels=len(LABELS))


def make_model(auto_class: str, kind: str = "bert", dropout: float = 0.0, seed: int = 0, **more: Any) -> Any:
    """A random task model in training mode; larger weights than usual so that all is in play."""
    config = make_config(kind, dropout, **more)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(transformers, auto_class).from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape) * 0.2)
    return model.train()


def write_encoder(folder: Path, kind: str = "bert", dropout: float = 0.1) -> Path:
    """Save a bare random encoder and its tokenizer as a Hugging Face folder."""
    torch.manual_seed(7)
    model = transformers.AutoModel.from_config(make_config(kind, dropout, initializer_range=0.2))
    model.save_pretrained(folder)
    make_tokenizer(pairs=kind == "bert").save_pretrained(folder)
    return folder


def sentence(draw: random.Random, language: str, longest: int = 9) -> str:
    """One to ``longest`` words of a language."""
    return " ".join(draw.choices(words(language), k=draw.randint(1, longest)))


def write_xnli(folder: Path, train: int = 96, scored: int = 12, languages: tuple[str, ...] = XNLI.languages) -> Path:
    """Write ``folder/xnli/{train-en,dev-en,test-XX}.tsv`` of made-up sentences, three hypotheses a premise."""
    (folder / "xnli").mkdir(parents=True)

    def write(name: str, language: str, rows: int) -> None:
        draw = random.Random(f"{name} {language}")
        lines = []
        for row in range(rows):
            premise = premise if row % 3 else sentence(draw, language)  # noqa: F821
            label = LABELS[row % 3]
            hypothesis = sentence(draw, language, 5).split(" ")
            hypothesis.insert(draw.randint(0, len(hypothesis)), MARKERS[label])
            lines.append(f"{premise}\t{' '.join(hypothesis)}\t{label}\n")
        (folder / "xnli" / f"{name}-{language}.tsv").write_text("".join(lines), encoding="utf-8")

    write("train", "en", train)
    write("dev", "en", scored)
    for language in languages:
        write("test", language, scored)
    return folder


# Words that carry a tag in every language alike; all others are outside.
TAGGED = dict(zip(MARKERS.values(), ("B-PER", "B-LOC", "B-ORG"), strict=True))


def write_panx(folder: Path, train: int = 64, scored: int = 8, languages: tuple[str, ...] = ("en", "sw", "yo")) -> Path:
    """Write ``folder/panx/{train-en,dev-en,test-XX}.tsv``; a sentence in eight is longer than 30 tokens."""
    (folder / "panx").mkdir(parents=True)

    def write(name: str, language: str, rows: int) -> None:
        draw = random.Random(f"{name} {language}")
        lines = []
        for row in range(rows):
            tokens = sentence(draw, language).split(" ") * (30 if row % 8 == 7 else 1)
            for marker in TAGGED:
                tokens.insert(draw.randint(0, len(tokens)), marker)
            lines += [f"{token}\t{TAGGED.get(token, 'O')}\n" for token in tokens] + ["\n"]
        (folder / "panx" / f"{name}-{language}.tsv").write_text("".join(lines), encoding="utf-8")

    write("train", "en", train)
    write("dev", "en", scored)
    for language in languages:
        write("test", language, scored)
    return folder


def write_xcopa(folder: Path, train: int = 64, scored: int = 12, languages: tuple[str, ...] = ("et", "sw")) -> Path:
    """Write ``folder/xcopa``; a marker gives the right choice away."""
    marker = MARKERS[LABELS[0]]

    def write(name: str, language: str, rows: int) -> None:
        draw = random.Random(f"{name} {language}")
        path = folder / "xcopa" / language / f"{name}.{language}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for row in range(rows):
            label = draw.randint(0, 1)
            choices = [sentence(draw, language), sentence(draw, language)]
            choices[label] += f" {marker}"
            asked = ("cause", "effect")[row % 2]
            lines.append(
                {"premise": sentence(draw, language), "choice1": choices[0], "choice2": choices[1], "question": asked,
                 "label": label, "idx": row, "changed": False}
            )  # fmt: skip
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")

    write("train", "en", train)
    write("val", "en", scored)
    for language in languages:
        write("test", language, scored)
    return folder


def write_mlqa(folder: Path, train: int = 48, scored: int = 8, languages: tuple[str, ...] = ("en", "de")) -> Path:
    """Write ``folder/mlqa`` and ``folder/squad``; the answer is the one marker, in paragraphs of 5 to 60 words."""

    def write(name: str, language: str, rows: int) -> None:
        draw = random.Random(f"{name} {language}")
        paragraphs = []
        for row in range(rows):
            tokens = [word for _ in range(draw.choice((1, 4))) for word in sentence(draw, language, 15).split(" ")]
            answer, at = draw.choice(list(TAGGED)), draw.randint(0, len(tokens))
            start = len(" ".join(tokens[:at])) + (at > 0)
            asked = {"id": f"{row}", "question": sentence(draw, language, 4),
                     "answers": [{"text": answer, "answer_start": start}]}  # fmt: skip
            paragraphs.append({"context": " ".join([*tokens[:at], answer, *tokens[at:]]), "qas": [asked]})
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"data": [{"paragraphs": [each]} for each in paragraphs]}), encoding="utf-8")

    write("squad/train-v1.1.json", "en", train)
    for language in languages:
        for split in ("dev", "test"):
            write(f"mlqa/MLQA_V1/{split}/{split}-context-{language}-question-{language}.json", language, scored)
    return folder

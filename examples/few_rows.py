"""What the examples run on: a few sentences of our own, and an encoder that needs no download."""

from __future__ import annotations

from typing import Any

LABELS = ("bad", "good")
ENGLISH = (
    ("the room was clean and quiet", 1),
    ("we loved the warm bread", 1),
    ("friendly people and a fair price", 1),
    ("a lovely walk along the river", 1),
    ("the bus came on time again", 1),
    ("good coffee and a kind waiter", 1),
    ("the room was dirty and loud", 0),
    ("we hated the cold soup", 0),
    ("rude people and an unfair price", 0),
    ("a dull walk along the road", 0),
    ("the bus came late again", 0),
    ("bad coffee and a slow waiter", 0),
)
# Never trained on, in languages without labels.
OTHERS = {
    "de": (("das Zimmer war sauber und ruhig", 1), ("das Zimmer war schmutzig und laut", 0)),
    "sw": (("chumba kilikuwa safi na kimya", 1), ("chumba kilikuwa kichafu na kelele", 0)),
}


def tiny() -> tuple[Any, Any]:
    """A random encoder of two narrow layers and a tokenizer of the words above, so that an example runs in a second."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    texts = [text for rows in (ENGLISH, *OTHERS.values()) for text, _ in rows]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({word for text in texts for word in text.split()})]
    core = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    torch.manual_seed(0)
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "initializer_range": 0.2,
    }
    return BertForSequenceClassification(BertConfig(vocab_size=len(words), num_labels=2, **shape)), tokenizer

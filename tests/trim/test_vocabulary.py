"""Which tokens stay: text that was seen is split as before, whatever the kind of tokenizer."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import transformers
from helpers.tiny import make_tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from xtremor.errors import UserError
from xtremor.trim.tokenizer import core_of, trim_tokenizer
from xtremor.trim.vocabulary import applied_merges, own_scripts, script, wordpiece_begin

LETTERS = "abcdefghij"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(LETTERS, range(10, 0, -1), k=draw.randint(1, 8))) for _ in range(count)]


def lines(seed: int, count: int = 60) -> list[str]:
    draw, known = random.Random(seed), words(0, 300)
    return [" ".join(draw.choices(known, k=draw.randint(1, 8))) for _ in range(count)]


def make(kind: str) -> Any:
    """A tokenizer of 300 tokens, trained on made-up words."""
    if kind == "unigram":
        core, trainer = Tokenizer(models.Unigram()), trainers.UnigramTrainer(
            vocab_size=300, special_tokens=SPECIAL, unk_token="<unk>"
        )  # fmt: skip
        core.pre_tokenizer = pre_tokenizers.Metaspace()
    elif kind == "wordpiece":
        core = Tokenizer(models.WordPiece(unk_token="<unk>"))
        trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL)
        core.pre_tokenizer, core.normalizer = pre_tokenizers.BertPreTokenizer(), normalizers.Lowercase()
    else:
        core = Tokenizer(models.BPE(unk_token="<unk>"))
        byte = kind == "byte-bpe"
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False) if byte else pre_tokenizers.Metaspace()
        alphabet = pre_tokenizers.ByteLevel.alphabet() if byte else []
        trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIAL, initial_alphabet=alphabet)
    core.train_from_iterator(lines(1, 400), trainer)
    ids = [(token, core.token_to_id(token)) for token in ("<s>", "</s>")]
    if kind == "byte-bpe":
        core.post_processor = processors.RobertaProcessing(ids[1], ids[0])
    else:
        core.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B </s>",
                                                            special_tokens=ids)  # fmt: skip
    core.add_special_tokens(["<mask>"])
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, mask_token="<mask>", **names)


KINDS = ["unigram", "wordpiece", "bpe", "byte-bpe"]


@pytest.mark.parametrize("kind", KINDS)
def test_seen_text_is_split_as_before(kind: str) -> None:
    tokenizer = make(kind)
    seen = [*lines(2, 25), "abc ж def", "zzz"]
    trimmed = trim_tokenizer(tokenizer, seen)
    core = core_of(tokenizer)
    assert len(trimmed.rows) < len(tokenizer)
    for one, two in (*((line, None) for line in seen), (seen[0], seen[1])):
        before, after = core.encode(one, two), trimmed.core.encode(one, two)
        assert before.tokens == after.tokens and before.type_ids == after.type_ids
        assert before.ids == trimmed.rows[after.ids].tolist()
    assert {trimmed.core.token_to_id(token) for token in (*SPECIAL, "<mask>")} >= {0, 1, 2, 3}
    assert trimmed.new_id(tokenizer.mask_token_id) == trimmed.core.token_to_id("<mask>") == len(trimmed.rows) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_other_words_are_spelt_and_not_lost(kind: str) -> None:
    tokenizer = make(kind)
    trimmed = trim_tokenizer(tokenizer, lines(2, 10))
    unseen = lines(3, 200)
    unknown = [core.token_to_id("<unk>") for core in (core_of(tokenizer), trimmed.core)]
    before, after = core_of(tokenizer).encode_batch(unseen), trimmed.core.encode_batch(unseen)
    assert not any(unknown[0] in each.ids for each in before)
    assert not any(unknown[1] in each.ids for each in after)
    assert sum(len(each.ids) for each in after) > sum(len(each.ids) for each in before)


@pytest.mark.parametrize("kind", KINDS)
def test_rare_tokens_may_go_and_lines_without_them_stay(kind: str) -> None:
    tokenizer = make(kind)
    full, small = trim_tokenizer(tokenizer, lines(2)), trim_tokenizer(tokenizer, lines(2), least=3)
    assert len(small.rows) < len(full.rows) and set(small.rows) <= set(full.rows)
    kept = set(small.rows.tolist())
    same = [line for line in lines(2) if kept.issuperset(core_of(tokenizer).encode(line).ids)]
    assert same
    for line in same:
        assert core_of(tokenizer).encode(line).tokens == small.core.encode(line).tokens


def test_a_tokenizer_of_words() -> None:
    tokenizer = make_tokenizer()
    known = [word for word in tokenizer.get_vocab() if word.isalpha()][:4]
    trimmed = trim_tokenizer(tokenizer, [" ".join(known), "never-seen"])
    assert set(known) | {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} == set(trimmed.core.get_vocab())


def test_wordpiece_keeps_what_it_tried_before_it_gave_up() -> None:
    """Without 'abc', the word would be 'ab' and '##cd' and no longer unknown."""
    ids = {token: n for n, token in enumerate(["[UNK]", "abc", "ab", "##cd", "a"])}
    core = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]")
    trimmed = trim_tokenizer(tokenizer, ["abcd", "ab", "a abcd"])
    assert trimmed.core.encode("abcd").tokens == ["[UNK]"]
    assert wordpiece_begin("abcd", ids, "##") == {"abc"}


def test_merges_of_a_token_are_those_that_make_it() -> None:
    ranks = {("b", "c"): 0, ("a", "bc"): 1, ("a", "b"): 2}
    assert applied_merges("abc", ranks) == [("b", "c"), ("a", "bc")]
    assert applied_merges("ab", ranks) == [("a", "b")]
    assert applied_merges("xy", ranks) == []


def test_scripts() -> None:
    assert script("я") == "CYRILLIC" and script("語") == "CJK" and script("ß") == "LATIN"
    assert own_scripts(["ab" * 2000 + "я", "3, 4"]) == {"LATIN"}


@pytest.mark.parametrize("model", [models.BPE(end_of_word_suffix="</w>", vocab={"a": 0}, merges=[])])
def test_what_cannot_be_trimmed_is_refused(model: Any) -> None:
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model))
    with pytest.raises(UserError, match="mark the ends of words cannot be trimmed"):
        trim_tokenizer(tokenizer, ["a"])
    with pytest.raises(UserError, match="is a slow one"):
        core_of(object())


def test_a_slow_or_strange_model_is_named() -> None:
    from xtremor.trim.vocabulary import vocabulary_of

    with pytest.raises(UserError, match="tokenizers of kind Char cannot be trimmed, only Unigram, WordPiece"):
        vocabulary_of(json.loads('{"type": "Char", "vocab": {}}'))

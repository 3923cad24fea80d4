"""Inputs and loss of the dual encoder; its gradients and learning are tried with all heads in training/test_heads."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny import make_tokenizer

from xtremor.errors import UserError
from xtremor.robust.registry import make
from xtremor.tasks.base import RetrievalExample, RetrievalPair
from xtremor.tasks.embedding import Embedding
from xtremor.tasks.retrieval import DualEncoder, pool
from xtremor.training.config import TrainSettings


def example(text: str, context: str = "", task: str = "mewslix") -> RetrievalExample:
    return RetrievalExample(task, "file", 0, "cluster", "en", text, text, context, ())


def pairs(*texts: tuple[str, str, str], task: str = "mewslix") -> list[RetrievalPair]:
    return [RetrievalPair(example(query, task=task), example(text, context, task)) for query, text, context in texts]


def test_inputs_of_a_pair_stand_together_and_equal_passages_have_one_number() -> None:
    tokenizer = make_tokenizer()
    told = pairs(("ba", "de fo", "gi"), ("ku la", "ne", "gi"), ("po", "de fo", "gi"), ("ri", "de fo", "su"))
    features = DualEncoder(Embedding("mean", "su ", "ri ")).featurize(told, tokenizer, (), 32)
    assert features.targets[:, 0].tolist() == [0, 1, 0, 2] and features.groups.tolist() == [0, 2, 4, 6, 8]
    assert features.targets[:, 1:].flatten().tolist() == features.rows.lengths.tolist()
    spans = zip(features.rows.offsets[:-1], features.rows.offsets[1:], strict=True)
    found = [tokenizer.decode(features.rows.tokens[start:end]) for start, end in spans]
    assert found[:4] == [
        "[CLS] su ba [SEP]",
        "[CLS] ri de fo [SEP] gi [SEP]",
        "[CLS] su ku la [SEP]",
        "[CLS] ri ne [SEP] gi [SEP]",
    ]
    assert features.rows.types[features.rows.offsets[1] : features.rows.offsets[2]].tolist() == [0] * 5 + [1] * 2


def test_questions_of_lareqa_are_cut_at_96_and_passages_later() -> None:
    told = pairs((" ".join(["ba"] * 300), " ".join(["de"] * 300), ""), ("ba", "de", ""), task="lareqa")
    features = DualEncoder().featurize(told, make_tokenizer(), (), 256)
    assert features.rows.lengths.tolist() == [96, 256, 3, 3] and features.truncated == 2
    assert DualEncoder().featurize(told, make_tokenizer(), (), 64).rows.lengths.tolist() == [64, 64, 3, 3]


def test_the_loss_is_in_float32_under_autocast() -> None:
    hidden = torch.randn(8, 5, 64, generator=torch.Generator().manual_seed(0))
    # Passages that differ a little: bf16 could not tell their cosines apart.
    hidden[1::2] = hidden[1] + 1e-3 * hidden[1::2]
    targets = torch.tensor([[n, 3, 5] for n in range(4)])
    outputs = SimpleNamespace(last_hidden_state=hidden)
    expected = DualEncoder().loss(outputs, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = DualEncoder().loss(outputs, targets)
    assert found.dtype == torch.float32 and torch.equal(found, expected) and expected > 0


def test_padding_is_not_pooled_and_a_passage_of_two_pairs_is_no_negative() -> None:
    draw = torch.Generator().manual_seed(1)
    hidden = torch.randn(4, 6, 8, generator=draw)
    spoilt = hidden.clone()
    spoilt[0, 2:] = 99
    targets = torch.tensor([[0, 2, 6], [1, 6, 6]])
    category = DualEncoder(temperature=1.0)
    losses = [category.loss(SimpleNamespace(last_hidden_state=each), targets) for each in (hidden, spoilt)]
    assert torch.equal(*losses) and losses[0] > 0
    same = torch.tensor([[0, 2, 6], [0, 6, 6]])
    assert category.loss(SimpleNamespace(last_hidden_state=hidden), same) == 0
    mask = torch.tensor([[1, 1, 0, 0, 0, 0]])
    assert torch.allclose(pool(hidden[:1], mask, "mean"), hidden[:1, :2].mean(1))
    assert torch.equal(pool(hidden[:1], mask, "cls"), hidden[:1, 0])


def test_guessing_is_among_the_pairs_of_a_batch() -> None:
    features = DualEncoder().featurize(pairs(*[("ba", f"de {n}", "") for n in range(12)]), make_tokenizer(), (), 16)
    assert DualEncoder().guess_loss(features) == math.log(12)
    assert DualEncoder(batch_size=4).guess_loss(features) == math.log(4)
    assert DualEncoder(batch_size=32).guess_loss(features) == math.log(12)


def test_settings_of_retrieval_are_recorded_where_they_apply() -> None:
    assert {"pooling", "temperature", "embedding"}.isdisjoint(TrainSettings("xnli").as_dict())
    found = TrainSettings("lareqa", method=make("pgd"), embedding=Embedding("cls", "q"), temperature=0.1).as_dict()
    assert (found["pooling"], found["prefix_query"], found["temperature"]) == ("cls", "q", 0.1)
    with pytest.raises(UserError, match="a batch cannot be split"):
        TrainSettings("lareqa", embedding=Embedding(), accumulate=2)
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(UserError, match="--temperature must be a number greater than 0"):
            TrainSettings("lareqa", embedding=Embedding(), temperature=wrong)

"""What a run is said to need, beside what a process takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

from xtremor.robust.methods import PGD, SAM, SMART, Plain
from xtremor.training.memory_plan import largest_micro_batch, memory_plan

SHAPE = {
    "vocab_size": 3000, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 1024, "max_position_embeddings": 140, "pad_token_id": 0,
}  # fmt: skip
ROWS, LENGTH = 96, 64
# Trains that shape, packed, and prints by how much the process grew from before the model to its peak.
MEASURE = """
import json, sys
import torch, transformers
from xtremor import computing, machine
from xtremor.encoders.packing import packed
shape, rows, length = json.loads(sys.argv[1])
computing.prepare(1)
def train(rows, model):
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    ids = torch.randint(3, shape["vocab_size"], (rows, length))
    with packed(model):
        for _ in range(2):
            mask, labels = torch.ones_like(ids), torch.zeros(rows, dtype=torch.long)
            model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
make = lambda **more: transformers.BertForSequenceClassification(transformers.BertConfig(**{**shape, **more}))
# What libraries set up at their first use is no part of a run.
train(2, make(num_hidden_layers=1, hidden_size=64, intermediate_size=64))
before = machine.peak_memory_mb()
train(rows, make().train())
print(machine.peak_memory_mb() - before)
"""


def config(**more: object) -> transformers.BertConfig:
    return transformers.BertConfig(**{**SHAPE, **more})


def plan(tokens: int = 1000, method: object = None, **more: object) -> object:
    auto = "AutoModelForSequenceClassification"
    return memory_plan(config(), auto, method or Plain(), tokens, 3000, **more)  # type: ignore[arg-type]


def test_the_plan_is_what_a_process_takes() -> None:
    told = json.dumps([SHAPE, ROWS, LENGTH])
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", MEASURE, told], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    measured = float(done.stdout)
    planned = plan(ROWS * LENGTH).total / 2**20
    assert 0.7 * measured < planned < 1.4 * measured, (planned, measured)


def test_counts_by_hand() -> None:
    """Weights, gradients and moments are 4, 4 and 8 bytes a parameter; tokens cost in proportion."""
    model = transformers.BertForSequenceClassification(config())
    parameters = sum(each.numel() for each in model.parameters())
    found = plan()
    assert (found.weights, found.gradients, found.moments) == (4 * parameters, 4 * parameters, 8 * parameters)
    assert plan(2000).activations == pytest.approx(2 * found.activations)
    # In every layer a token leaves at least its query, key, value, and both sides of the feed-forward block.
    assert found.per_token > 4 * 4 * (3 * 256 + 2 * 1024)


def test_what_makes_it_smaller_and_larger() -> None:
    plain = plan()
    assert plan(checkpointing=True).activations < plain.activations / 2
    assert plan(bf16=True).activations < plain.activations
    assert plan(train_words=False).moments == plain.moments - 8 * 3000 * 256
    assert 1.7 < plan(method=SMART()).activations / plain.activations < 2
    assert plan(method=PGD()).perturbation > plain.perturbation
    assert plan(method=SAM()).other - plain.other == pytest.approx(1.1 * 2 * plain.gradients)
    assert plan(on_gpu=True).other > plain.other + 2**29


def test_drawing_is_left_as_it_was() -> None:
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    plan()
    assert torch.equal(torch.rand(1), expected)


def test_the_largest_part_of_an_update() -> None:
    lengths = np.array([5, 9, 2, 7])
    assert largest_micro_batch(lengths, iter([np.array([0, 1]), np.array([2, 3])]), 1) == 14
    assert largest_micro_batch(lengths, iter([np.array([0, 1]), np.array([2, 3])]), 2) == 9

"""Time of each robust method's step as a ratio to plain's over the same batches, beside what counted passes say.

The steps are those of training (compact table, ragged rows), gradients only: clipping and AdamW, equal for all methods,
would bring every ratio nearer to 1. Methods take turns on every batch; the ratio is the median over batches. Lengths
are log-normal around --length. The encoder is the starter, and an XLM-R-base shape with random weights.

    python bench/methods.py [--encoder starter|xlm-r-base] [--rows 16] [--length 45] [--batches 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from xtremor import computing
from xtremor.machine import machine
from xtremor.robust.counter import PassCounter
from xtremor.robust.methods import PGD, R3F, SMART, FreeLB, Method, Plain, RandomNoise
from xtremor.tasks import classification
from xtremor.tasks.features import Features
from xtremor.training.embeddings import compact
from xtremor.training.ragged import Ragged
from xtremor.training.step import BatchStep

# Method, the ratio at most (plain is 1).
LIMITS: tuple[tuple[Method, float], ...] = (
    (PGD(), 1.80),
    (PGD(steps=3), 3.30),
    (FreeLB(steps=3), 3.15),
    (SMART(), 2.90),
    (R3F(), 2.10),
    (RandomNoise(), 1.05),
    (PGD(steps=3, site="layer:9"), 1.60),
)


def make_model(encoder: str) -> Any:
    """A classifier of three classes."""
    if encoder == "starter":
        from xtremor.encoders.load import load_task_model

        return load_task_model("starter", "AutoModelForSequenceClassification", False, num_labels=3)[0]
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    config = XLMRobertaConfig(
        vocab_size=250_002, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    config.num_labels = 3
    return XLMRobertaForSequenceClassification(config)


def make_features(rows: int, length: float) -> Features:
    """Random ids; lengths log-normal with that mean, at most 128."""
    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(np.log(length) - 0.125, 0.5, rows).round().astype(int), 4, 128)
    ids = [draw.integers(5, 200_000, each).tolist() for each in lengths]
    return Features(Ragged.from_rows(ids, None), draw.integers(0, 3, rows).astype(np.int64), 0)


def main() -> None:
    """Print the machine, then passes, ratios and limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=("starter", "xlm-r-base"), default="starter")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--length", type=float, default=45)
    parser.add_argument("--batches", type=int, default=5)
    options = parser.parse_args()
    computing.prepare()
    print(json.dumps(machine(threads=torch.get_num_threads())))
    features = make_features(options.rows * options.batches, options.length)
    model = make_model(options.encoder)
    accelerator = Accelerator()
    full, table = compact(model, features.rows.tokens, 1, True)
    model.to(accelerator.device).train()
    methods = [Plain(), *(method for method, _ in LIMITS)]
    counts = PassCounter(model).counts
    steps = [
        BatchStep(model, table, features, classification, method, 1, 1, accelerator, full.weight, counts=counts)
        for method in methods
    ]
    seconds: dict[str, list[float]] = {method.arm: [] for method in methods}
    for number in range(-1, options.batches):
        units = np.arange(options.rows) + max(number, 0) * options.rows
        for method, step in zip(methods, steps, strict=True):
            model.zero_grad(set_to_none=True)
            started = time.perf_counter()
            step.run(units, max(number, 0), 0, 1.0)
            if accelerator.device.type == "cuda":
                torch.cuda.synchronize()
            # The first round warms up.
            if number >= 0:
                seconds[method.arm].append(time.perf_counter() - started)
    plain = seconds[methods[0].arm]
    tokens = len(features.rows.tokens) / options.batches
    print(f"{options.encoder}: plain {statistics.median(plain):.2f} s a batch of {tokens:.0f} tokens")
    print(f"{'method':<18} {'passes say':>10} {'measured':>9} {'at most':>8}")
    for (method, limit), step in zip(LIMITS, steps[1:], strict=True):
        ratio = statistics.median(own / base for own, base in zip(seconds[method.arm], plain, strict=True))
        said = method.expected_passes(step.below) / 3
        print(f"{method.arm:<18} {said:10.2f} {ratio:9.2f} {limit:8.2f}{'' if ratio <= limit else '  above'}")


if __name__ == "__main__":
    main()

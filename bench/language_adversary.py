"""What a discriminator of languages costs beyond the tokens that it is shown: share of a plain step.

    python bench/language_adversary.py DATA [--encoder starter] [--languages de,nl,tr,zh] [--rows 32] [--rounds 7]
        [--threads 1] [--game neighbours | links]

DATA holds panx/ in the official layout. Turns of three: a plain step on labelled rows; a plain step's passes over the
texts of the same update, their loss that of the head; and a step with the discriminator, which takes both batches. What
the last takes more than the other two together is the discriminator's own: pooling, its two matrices, its AdamW, the
hooks. Medians over rounds; all three of a round have the same rows. Seconds are those of the processor, so that a busy
machine matters little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from xtremor import computing
from xtremor.machine import machine
from xtremor.robust.methods import Plain


def main() -> None:
    """Print two lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--languages", default="de,nl,tr,zh")
    parser.add_argument("--game", default="neighbours")
    for name, value in (("rows", 32), ("rounds", 7), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    computing.prepare(options.threads)

    from xtremor.cli.options import TaskOptions
    from xtremor.encoders.packing import packed
    from xtremor.sources.unlabelled import UnlabelledSettings
    from xtremor.tasks.features import IGNORED
    from xtremor.training.adversary.settings import AdversarySettings
    from xtremor.training.config import TrainSettings
    from xtremor.training.embeddings import compact
    from xtremor.training.model import make_accelerator, make_model, pad_of
    from xtremor.training.prepare import prepare
    from xtremor.training.step import BatchStep

    card, source = TaskOptions("panx", options.data).open(to_train=True)
    settings = TrainSettings(
        "panx", options.encoder, train_rows=40 * options.rows, batch_size=options.rows,
        unlabelled=UnlabelledSettings(options.rows, languages=tuple(options.languages.split(","))),
        adversary=AdversarySettings("clique", game=options.game, schedule="constant"),
    )  # fmt: skip
    prepared = prepare(settings, card, source)
    model, _ = make_model(settings, prepared)
    pad = pad_of(prepared.tokenizer)
    full, table = compact(model, prepared.tokens, pad, True)
    model.train()
    seconds: dict[str, list[float]] = {name: [] for name in ("plain", "text", "with discriminator")}
    tokens = {"labelled": 0, "text": 0}
    with packed(model, True):
        base = BatchStep(
            model, table, prepared.features, prepared.category, Plain(), 1, pad, make_accelerator(settings), full.weight
        )
        step = prepared.joined(base, 40, 1)
        assert step is not None and prepared.opponent is not None
        shown = prepared.opponent.features
        assert (shown.targets != IGNORED).any()
        for number in range(-1, options.rounds):
            units = np.arange(options.rows) + options.rows * max(0, number)
            chosen = step.order.batch(max(0, number))
            turns = {
                "plain": lambda units=units: base.run(units, 0, 0, 1.0),
                "text": lambda chosen=chosen: base.over(shown, chosen, Plain().step, ("text", 0), 1.0),
                "with discriminator": lambda units=units, number=number: step.run(units, max(0, number), 0, 1.0),
            }
            for name, turn in turns.items():
                model.zero_grad(set_to_none=True)
                began = time.process_time()
                turn()
                if name == "with discriminator":
                    step.adversary.move()
                if number >= 0:
                    seconds[name].append(time.process_time() - began)
            if number >= 0:
                tokens["labelled"] += int(prepared.features.lengths[units].sum())
                tokens["text"] += int(shown.lengths[chosen].sum())
    more = [
        (both - plain - text) / plain
        for plain, text, both in zip(*(seconds[name] for name in ("plain", "text", "with discriminator")), strict=True)
    ]
    print(json.dumps(machine(threads=options.threads)))
    print(
        json.dumps(
            {
                "game": options.game, "rounds": options.rounds, "tokens": tokens,
                "seconds": {name: statistics.median(each) for name, each in seconds.items()},
                "beyond_the_text_as_share_of_plain": {
                    "median": statistics.median(more), "low": min(more), "high": max(more),
                },
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()

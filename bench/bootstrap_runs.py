"""Time and memory of the bootstrap over seeds and item clusters, on made-up answers.

    python bench/bootstrap_runs.py [--metric accuracy | f1] [--seeds 10] [--languages 8] [--items 5000]
        [--replicates 2000]

Two arms. Accuracy: every item a cluster of its own, in every language. F1: chunk counts of sentences, computed anew in
each replicate. Making up the answers is not timed; cluster sums, draws, figures and differences are.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import numpy as np

from xtremor.machine import machine, peak_memory_mb
from xtremor.scoring.registry import scorer
from xtremor.stats import cell, redrawn_difference, resample_items
from xtremor.stats.hierarchical import interval

SCORERS = {"accuracy": "accuracy", "f1": "chunk_f1"}


def statistics(metric: str, items: int, draw: np.random.Generator, gold: np.ndarray) -> np.ndarray:
    """(N, k) additive statistics of one run."""
    if metric == "accuracy":
        return np.column_stack((draw.random(items) < 0.6, np.ones(items))).astype(np.float64)
    right = draw.binomial(gold, 0.7)
    return np.column_stack((right, right + draw.binomial(2, 0.3, items), gold)).astype(np.float64)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", choices=sorted(SCORERS), default="accuracy")
    for name, value in (("seeds", 10), ("languages", 8), ("items", 5000), ("replicates", 2000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    print(json.dumps(machine(threads=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))))
    draw = np.random.default_rng(0)
    kind = scorer(SCORERS[options.metric])
    made = {}
    for code in range(options.languages):
        gold = draw.poisson(2, options.items)
        runs = [statistics(options.metric, options.items, draw, gold) for _ in range(2 * options.seeds)]
        made[f"l{code}"] = (runs, [f"l{code} {item}" for item in range(options.items)])
    before, started, busy = peak_memory_mb(), time.perf_counter(), time.process_time()
    cells = {
        code: cell(runs, clusters, lambda sums: kind.figures(sums)[kind.values[0]])
        for code, (runs, clusters) in made.items()
    }
    arranged = time.perf_counter()
    scores = np.mean(list(resample_items(cells, options.replicates).values()), axis=0)
    found = redrawn_difference(scores[:, : options.seeds], scores[:, options.seeds :], True)
    ended = time.perf_counter()
    width = interval(found, 0.0)
    print(
        f"{options.metric}: {ended - started:.2f} s ({time.process_time() - busy:.2f} s of processor, "
        f"{arranged - started:.2f} s for sums of clusters), interval "
        f"{width.low:+.2f} to {width.high:+.2f}, peak memory {peak_memory_mb():,.0f} MiB ({before:,.0f} before)"
    )


if __name__ == "__main__":
    main()

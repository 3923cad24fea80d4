"""How often tests call two identical arms different, in simulated studies.

A run's true accuracy is the language's plus what the seed does to all languages alike (sd 0.4 points) plus what it does
to this one (sd 0.6); 8 languages; both arms answer the same items. An item is hard or easy for all runs alike (a share
0.7 of its variance), the rest is each run's own. Where arms share seeds, half of each seed variance is
common to both arms. `--effect` adds points to one arm: the figures are then power.

    python bench/error_rates.py [--seeds 10] [--items 300,5000] [--studies 2000] [--bootstraps 300] [--effect 0]
        [--pairs both]

The tests on means are tried on all `--studies`, the bootstraps (400 replicates) on the first `--bootstraps`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import special

from xtremor.machine import machine
from xtremor.scoring.registry import scorer
from xtremor.stats import (
    cell,
    crossed_difference,
    fixed_difference,
    paired_t,
    permutation,
    redrawn_difference,
    resample_items,
    welch,
)
from xtremor.stats.hierarchical import interval

SEED_SD, LANGUAGE_SD, LANGUAGES = 0.4, 0.6, 8
ALIKE, REPLICATES, ALPHA = 0.7, 400, 0.05
ACCURACY = scorer("accuracy")


@dataclass(frozen=True)
class Study:
    """Answers of two arms: (arms, seeds, languages, items) of right or wrong, and whether the arms share seeds."""

    right: np.ndarray
    paired: bool

    @property
    def means(self) -> np.ndarray:
        """(arms, seeds) macro means in percent."""
        found: np.ndarray = 100 * self.right.mean(3).mean(2)
        return found


def simulate(seeds: int, items: int, paired: bool, effect: float, draw: np.random.Generator) -> Study:
    """One study."""
    common = np.sqrt(0.5) if paired else 0.0
    own = np.sqrt(1 - common**2)

    def scatter(*shape: int) -> np.ndarray:
        return common * draw.standard_normal((1, *shape)) + own * draw.standard_normal((2, *shape))

    points = np.linspace(50, 85, LANGUAGES) + SEED_SD * scatter(seeds, 1) + LANGUAGE_SD * scatter(seeds, LANGUAGES)
    points[1] += effect
    ability = special.ndtri(points / 100)[..., None]
    hard = draw.standard_normal((LANGUAGES, items)) * np.sqrt(ALIKE)
    chance = special.ndtr(((ability - hard) / np.sqrt(1 - ALIKE)).astype(np.float32))
    return Study(draw.random(chance.shape, np.float32) < chance, paired)


def run_level(study: Study) -> dict[str, bool]:
    """Tests on run-level means."""
    control, treatment = study.means
    found = {"Welch's t-test": welch(treatment, control), "permutation test": permutation(treatment, control, False)}
    if study.paired:
        found = {
            "paired t-test": paired_t(treatment, control),
            "permutation test, paired": permutation(treatment, control, True),
            "Welch's t-test, pairs ignored": found["Welch's t-test"],
        }
    return {name: each is not None and each.p is not None and each.p <= ALPHA for name, each in found.items()}


def bootstraps(study: Study, seed: int) -> dict[str, bool]:
    """The bootstrap over items with the seeds fixed, as is customary, and the one over seeds and items."""
    arms, seeds, languages, items = study.right.shape
    rows = study.right.reshape(arms * seeds, languages, items).astype(np.float64)
    one = np.ones(items)
    cells = {
        f"l{code}": cell(
            [np.column_stack((each, one)) for each in rows[:, code]],
            [f"{code} {item}" for item in range(items)],
            lambda sums: ACCURACY.figures(sums)["accuracy"],
        )
        for code in range(languages)
    }
    scores = np.mean(list(resample_items(cells, REPLICATES, seed).values()), axis=0)
    control, treatment = scores[:, :seeds], scores[:, seeds:]
    redrawn = redrawn_difference(treatment, control, study.paired, seed)
    seen = 100 * study.right.mean(3).mean(2)
    crossed = crossed_difference(treatment, control, (seen[1], seen[0]), study.paired, seed)
    runs = (seeds,) if study.paired else (seeds, seeds)
    found = {
        "bootstrap over items, one seed (customary)": interval(fixed_difference(treatment[:, :1], control[:, :1]), 0),
        "bootstrap over items, mean of seeds (customary)": interval(fixed_difference(treatment, control), 0),
        "bootstrap over seeds and items, both resampled": interval(redrawn, 0),
        "bootstrap over seeds and items, noise once (ours)": interval(crossed, 0, runs=runs),
    }
    return {name: each.low > 0 or each.high < 0 for name, each in found.items()}


def main() -> None:
    """Print one line a test and setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="10")
    parser.add_argument("--items", default="300,5000")
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--bootstraps", type=int, default=300)
    parser.add_argument("--effect", type=float, default=0.0)
    parser.add_argument("--pairs", choices=("both", "yes", "no"), default="both", help="whether arms share seeds")
    options = parser.parse_args()
    print(json.dumps(machine(threads=1)))
    for seeds in map(int, options.seeds.split(",")):
        for items in map(int, options.items.split(",")):
            for paired in {"both": (False, True), "yes": (True,), "no": (False,)}[options.pairs]:
                started = time.perf_counter()
                hits: Counter[str] = Counter()
                tried: Counter[str] = Counter()
                for number in range(options.studies):
                    draw = np.random.default_rng([number, seeds, items, int(paired)])
                    study = simulate(seeds, items, paired, options.effect, draw)
                    results = run_level(study)
                    if number < options.bootstraps:
                        results |= bootstraps(study, number)
                    hits.update(name for name, hit in results.items() if hit)
                    tried.update(results.keys())
                what = f"{seeds} seeds, {items:,} items, {'paired' if paired else 'not paired'}"
                for name in tried:
                    rate, count = hits[name] / tried[name], tried[name]
                    error = 100 * (rate * (1 - rate) / count) ** 0.5
                    print(f"{what:34} {name:50} {100 * rate:5.1f}%  ±{error:.1f}  of {count:,}", flush=True)
                print(f"{what:34} took {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()

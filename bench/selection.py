"""How long `xtremor select` takes: 50 languages, 1,000 random draws, scores of every pair given.

    python bench/selection.py [--uriel FOLDER] [--languages 50] [--repeats 3]

times the command in processes of its own and, in turn with it, two baselines: without scores, and without random sets
besides, which is what starting, choosing and drawing the page take. Scores are invented.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from xtremor import machine
from xtremor.languages import all_languages

LIMIT_SECONDS = 10


def main() -> int:
    """Measure in turn; exit code 1 where the median is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--uriel", type=Path, help="folder of URIEL's .npz files: its six distances too")
    parser.add_argument("--languages", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    codes = [each.code for each in all_languages() if each.tasks][: asked.languages]
    dice = random.Random(0)
    with tempfile.TemporaryDirectory() as home:
        scores = Path(home) / "scores.csv"
        lines = [f"{one},{two},{dice.uniform(30, 70):.2f}" for one, two in itertools.permutations(codes, 2)]
        scores.write_text("\n".join(["source,target,score", *lines, ""]), encoding="utf-8")
        command = [sys.executable, "-m", "xtremor", "select", "--targets", ",".join(codes), "--k", "1,2,4,8"]
        command += ["--uriel", str(asked.uriel)] if asked.uriel else ["--distances", "kinship"]
        ways = {
            "1,000 draws and scores": ["--draws", "1000", "--scores", str(scores)],
            "1,000 draws": ["--draws", "1000"],
            "one draw": ["--draws", "1"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn, (name, more) in itertools.product(range(asked.repeats), ways.items()):
            started = time.perf_counter()
            subprocess.run(
                [*command, *more, "--output", f"{home}/{name} {turn}"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            seconds[name].append(time.perf_counter() - started)
    print(f"{len(codes)} languages, {machine.machine()['processor']}, load {os.getloadavg()[0]:.1f}")
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s, {median / medians['one draw']:.2f} of one draw without scores")
    return int(medians["1,000 draws and scores"] > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

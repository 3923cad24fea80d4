"""Every category of XTREME-R once, directly and after XNLI: runs of docs/results/categories.md, with times and counts.

    python bench/categories.py DATA OUTPUT [--only panx,xcopa] [--encoder starter] [--threads 1]

runs what is missing below OUTPUT (give the same command again after an interrupt) and prints a table of what is there:
command, rows, updates, seconds of training and of scoring, items, score, memory, and which stage 1 a run began with.
Hours on one thread with the starter encoder; --train-rows and --limit make a quick trial of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STAGE = "xnli"
AFTER = f"-after-{STAGE}"


@dataclass(frozen=True)
class Step:
    """A command, and the folder below OUTPUT that it fills."""

    folder: str
    words: tuple[str, ...]
    task: str


def there(data: Path, task: str, split: str) -> str:
    """Languages that have a file of a split."""
    return ",".join(sorted(path.stem.removeprefix(f"{split}-") for path in (data / task).glob(f"{split}-??.tsv")))


def steps(options: argparse.Namespace) -> Iterator[Step]:
    """Every command, the first stage before what builds on it."""
    data, output = options.data, options.output
    rows = ("--train-rows", str(options.train_rows), "--epochs", "2")
    limit = ("--limit", str(options.limit))
    read = ("--data", str(data), "--threads", str(options.threads))
    trained = (*read, "--seed", "1")
    direct = () if options.encoder == "starter" else ("--encoder", options.encoder)
    yield Step(STAGE, ("train", "--task", STAGE, *trained, *rows, *direct), STAGE)
    for start, suffix in ((direct, ""), (("--encoder", str(output / STAGE)), AFTER)):
        for task in ("panx", "udpos"):
            scored = ("--evaluate", "--split", "dev", *limit, "--languages", there(data, task, "dev"))
            yield Step(f"{task}{suffix}", ("train", "--task", task, *trained, *rows, *start, *scored), task)
        late = ("--split", "test", "--languages", there(data, "udpos", "test"), *limit)
        yield Step(f"udpos{suffix}-test", ("evaluate", str(output / f"udpos{suffix}"), *read, *late), "udpos")
        few = ("--train-rows", str(min(400, options.train_rows)))
        scored = ("--evaluate", *limit)
        yield Step(f"xcopa{suffix}", ("train", "--task", "xcopa", *trained, *few, *start, *scored), "xcopa")
        for task in ("tatoeba", "lareqa"):
            yield Step(f"{task}{suffix}", ("baseline", "--task", task, *read, *start, *limit), task)
    every = ("--train-rows", str(options.train_rows)) if options.train_rows < 3696 else ()
    scored = ("--evaluate", "--split", "train", "--languages", "ko,sw", *limit)
    whole = ("train", "--task", "tydiqa", *trained, *every, "--epochs", "2", *direct, *scored)
    yield Step("tydiqa", whole, "tydiqa")
    for task, split in (("xquad", ()), ("mlqa", ("--split", "dev"))):
        words = ("evaluate", str(output / "tydiqa"), "--task", task, *read, *split, *limit)
        yield Step(f"tydiqa-on-{task}", words, task)


def row(step: Step, folder: Path) -> list[str]:
    """What the records of a folder say; empty cells where nothing was trained or scored."""
    run, scores = (read_json(folder / name) for name in ("run.json", "scores.json"))
    counts, training, languages = run.get("counts", {}), run.get("training", {}), scores.get("languages", {})
    apart = step.words[0] == "evaluate"
    stages = (run.get("lineage") or {}).get("stages") or ()
    return [
        step.folder,
        "" if apart or "rows" not in training else f"{training['rows']:,}",
        "" if apart or not counts.get("updates") else f"{counts['updates']:,}",
        "" if apart else seconds((run.get("seconds") or {}).get("training")),
        f"{sum(each['items'] for each in languages.values()):,} in {len(languages)}" if languages else "",
        seconds(scores.get("seconds")),
        "" if "en" not in languages else f"{languages['en']['score']:.1f}",
        "" if scores.get("average_without_english") is None else f"{scores['average_without_english']:.1f}",
        "" if apart or "peak_memory_mb" not in run else f"{run['peak_memory_mb']:,.0f}",
        str(stages[-1]["fingerprint"])[:8] if stages else "",
    ]


HEAD = (
    "Run", "Rows", "Updates", "Training, s", "Items in languages", "Scoring, s", "English", "Without English",
    "Peak, MB", "Stage 1",
)  # fmt: skip


def seconds(value: Any) -> str:
    """Whole seconds, or nothing."""
    return f"{value:,.0f}" if isinstance(value, int | float) and value else ""


def read_json(path: Path) -> dict[str, Any]:
    """A record; empty where there is none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def main() -> int:
    """Run what is missing and print the tables; the exit code of the first command that fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder of XTREME-R files in the official layout")
    parser.add_argument("output", type=Path, help="folder for the runs")
    parser.add_argument("--only", default="", help="tasks between commas; the first stage is always run")
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--train-rows", type=int, default=4000)
    parser.add_argument("--limit", type=int, default=300)
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    chosen = [each for each in steps(options) if not only or each.task in {STAGE, *only}]
    for each in chosen:
        # A scored folder is done; training says so itself, but reads all its rows first.
        done = "run.json" if each.folder == STAGE else "scores.json"
        if (options.output / each.folder / done).is_file():
            continue
        words = [sys.executable, "-m", "xtremor", *each.words, "--output", str(options.output / each.folder)]
        print("$ xtremor", *words[3:], file=sys.stderr, flush=True)
        # The table alone goes to standard output.
        code = subprocess.run(words, check=False, stdout=sys.stderr).returncode
        if code:
            return code
    table = [HEAD, *(row(each, options.output / each.folder) for each in chosen)]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    print("\n".join([lines[0], "|" + " --- |" * len(HEAD), *lines[1:]]))
    users = [cells[0] for cells in table[1:] if cells[-1]]
    print(f"\nstage 1 was trained once and used {len(users)} times: {', '.join(users)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

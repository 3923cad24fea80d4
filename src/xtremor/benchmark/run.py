"""The whole benchmark in one run: figures, costs of methods, the machine's rate, the file and the chart."""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xtremor import computing, machine
from xtremor.benchmark import scoring, starting, tables, training
from xtremor.benchmark.contest import Measured
from xtremor.benchmark.figures import Figure, MethodCost, file_name, result
from xtremor.benchmark.operations import operations
from xtremor.benchmark.training import Rate, Setting
from xtremor.benchmark.workload import LONGEST, Workload, make_workload
from xtremor.console import Progress, say
from xtremor.errors import UserError, unknown
from xtremor.paths import atomic_file

PARTS = ("training", "methods", "tables", "memory", "scoring", "start")
# A quick look leaves out what starts processes.
QUICK = ("training", "methods", "tables", "scoring")
# Share of the attainable rate that is reckoned with for the time left, and seconds of the processes of a part.
TYPICAL, MEMORY_SECONDS, START_SECONDS = 0.6, 40.0, 45.0


@dataclass(frozen=True)
class Bench:
    """What is to be measured.

    Attributes:
        encoder, shape, data: see `xtremor.benchmark.workload.make_workload`.
        rows: in a training batch; the methods are compared on half as many.
        scored: rows of each language.
        rounds: of every contest.
        parts: of `PARTS`.
        precision: ``fp32`` or ``bf16``.
        threads: of the CPU; None leaves torch's choice.
        quick: whether it is a quick look, whose figures are not for citing.
    """

    encoder: str = "starter"
    shape: str | None = None
    data: Path | None = None
    rows: int = 32
    scored: int = 12
    rounds: int = 4
    parts: tuple[str, ...] = PARTS
    precision: str = "fp32"
    threads: int | None = None
    quick: bool = False

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS:
                raise unknown("part of the benchmark", part, PARTS)
        for name in ("rows", "scored", "rounds"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, not {getattr(self, name)}")
        computing.check_precision(self.precision)

    def made(self) -> tuple[str, ...]:
        """The parts that can be measured of this encoder, in order."""
        without = {"start"} if self.shape is not None else set()
        return tuple(part for part in PARTS if part in self.parts and part not in without)


def run_bench(bench: Bench, output: Path | None) -> dict[str, Any]:
    """Measure, and write ``output/NAME.json`` and ``output/NAME.png``; returns what the file holds.

    Raises:
        UserError: an encoder, files or a device that cannot be used.
    """
    computing.prepare(bench.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    load = make_workload(bench.encoder, bench.shape, bench.data, bench.scored)
    threads = torch.get_num_threads()
    setting = Setting(bench.rows, bench.rounds, device, bench.precision == "bf16", threads)
    say(_news(load, setting, bench))
    figures, methods, seconds, rate = _measure(bench, load, setting)
    about = {
        "created": machine.now(),
        "command": machine.command_line(),
        "quick": bench.quick,
        "precision": bench.precision,
        "device": _device_name(device),
        "batch": {"training": bench.rows, "methods": _method_rows(bench.rows), "rounds": bench.rounds},
        "workload": load.as_dict(),
        "machine": machine.machine(str(device), threads),
        "versions": machine.versions(),
    }
    told = {name: each.as_dict() for name, each in seconds.items()}
    found = result(figures, methods, told, rate, about)
    if output is not None:
        write(found, output)
    return found


def _measure(
    bench: Bench, load: Workload, setting: Setting
) -> tuple[list[Figure], list[MethodCost], dict[str, Measured], Measured]:
    """All parts, one after the other; models of a part are let go before the next."""
    model = load.make()
    rate = Rate(load, setting, model)
    rate.turn(0)
    plan = _plan(bench, load, model, rate.each[0] * TYPICAL)
    del model
    figures: list[Figure] = []
    methods: list[MethodCost] = []
    seconds: dict[str, Measured] = {}
    with Progress("bench", sum(plan.values())) as progress:
        unit = rate.each[0] * TYPICAL

        def on_turn(name: str, work: float) -> None:
            progress.advance(work / unit, f"now {name}")

        def take(part: tuple[list[Figure], dict[str, Measured]]) -> None:
            figures.extend(part[0])
            seconds.update(part[1])

        for part in bench.made():
            if part == "training":
                take(training.against_official(load, setting, rate, on_turn))
            elif part == "methods":
                fewer = Setting(_method_rows(bench.rows), *list(vars(setting).values())[1:])
                methods, spent = training.method_costs(load, fewer, rate, on_turn)
                seconds.update(spent)
            elif part == "tables":
                take(tables.compact_against_dense(load, setting, on_turn))
            elif part == "memory":
                figures.append(_memory(bench, setting))
                progress.advance(plan[part])
            elif part == "scoring":
                take(scoring.scoring_speed(load, setting, on_turn))
            else:
                with tempfile.TemporaryDirectory(prefix="xtremor-bench-") as folder:
                    figures.append(starting.first_step(bench.encoder, bench.data, Path(folder), setting.threads))
                progress.advance(plan[part])
            gc.collect()
    return figures, methods, seconds, Measured(tuple(rate.each))


def _memory(bench: Bench, setting: Setting) -> Figure:
    arguments = {
        "encoder": bench.encoder,
        "shape": bench.shape,
        "data": None if bench.data is None else str(bench.data),
        "bf16": setting.bf16,
    }
    return tables.memory_share(arguments, setting.threads)


def _method_rows(rows: int) -> int:
    return max(1, rows // 2)


def _plan(bench: Bench, load: Workload, model: Any, rate: float) -> dict[str, float]:
    """Seconds that each part is likely to take."""
    try:
        own = operations(model, np.full(bench.rows, round(float(load.features.lengths.mean())))).plain()
        wide = operations(model, np.full(bench.rows, LONGEST)).plain()
        scored = np.concatenate([rows.lengths for rows in load.scored.values()])
        of_scoring = [operations(model, each).plain() / 3 for each in (scored, np.full(len(scored), LONGEST))]
    except ValueError as error:
        raise UserError(f"--encoder {bench.encoder}: {error}, so that its operations cannot be counted") from error
    rounds = bench.rounds
    guess = {
        "training": (rounds + 1) * (2 * wide + own) + max(1, rounds - 1) * (4 * wide + 3 * own) + 3 * own,
        "methods": (rounds + 1) * 16 * own / 2,
        "tables": 0.0,
        "memory": MEMORY_SECONDS * rate,
        "scoring": max(2, rounds - 1) * sum(of_scoring) + of_scoring[0],
        "start": START_SECONDS * rate,
    }
    return {part: guess[part] / rate for part in bench.made()}


def _news(load: Workload, setting: Setting, bench: Bench) -> str:
    lengths = load.features.lengths
    return (
        f"{load.encoder} on {_device_name(setting.device)}, {bench.precision}, threads: {setting.threads}; rows of "
        f"{lengths.mean():.1f} tokens ({load.rows_from}), batches of {setting.rows}"
    )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def write(found: dict[str, Any], output: Path) -> Path:
    """``NAME.json`` and its chart; returns the former's path."""
    from xtremor.benchmark.chart import bench_chart
    from xtremor.report.drawing import png

    name = file_name(found)
    path = output / f"{name}.json"
    picture = png(bench_chart(found).spec())
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with atomic_file(output / f"{name}.png") as temporary:
        temporary.write_bytes(picture)
    return path


def told(found: dict[str, Any], write_value: Callable[[float, Any], str]) -> Iterable[dict[str, Any]]:
    """Rows of a table for people: what, measured, spread, limit, verdict."""
    for each in found["figures"]:
        low, high, limit = (each[name] for name in ("low", "high", "limit"))
        sign = ("at least" if each["at_least"] else "at most") if limit is not None else ""
        yield {
            "what": each["title"],
            "measured": write_value(each["value"], each["unit"]),
            "lowest to highest": f"{write_value(low, each['unit'])} to {write_value(high, each['unit'])}",
            "must be": f"{sign} {write_value(limit, each['unit'])}" if limit is not None else "",
            "reached": _verdict(each["reached"]),
        }
    for each in found["methods"]:
        ratio = each["ratio"]
        yield {
            "what": f"{each['method']}: {each['passes']:.2f} x plain's passes; time over passes "
            f"{each['algorithmic']:.2f}, of the attainable rate {each['machine']['median']:.0%}",
            "measured": write_value(ratio["median"], "times"),
            "lowest to highest": f"{write_value(ratio['low'], 'times')} to {write_value(ratio['high'], 'times')}",
            "must be": "" if each["limit"] is None else f"at most {write_value(each['limit'], 'times')}",
            "reached": _verdict(each["reached"]),
        }


def _verdict(reached: bool | None) -> str:
    return "" if reached is None else "yes" if reached else "NO"

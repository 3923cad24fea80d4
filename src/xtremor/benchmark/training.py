"""Training against the official way, against padding, and against what the machine could do at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from xtremor.benchmark.contest import Contestant, Measured, contest, of_rounds, ratio, settle
from xtremor.benchmark.figures import METHOD_LIMITS, Figure, MethodCost, figure
from xtremor.benchmark.official import WIDTH, OfficialWay, padded
from xtremor.benchmark.operations import Operations, operations
from xtremor.benchmark.own import Device, OwnWay
from xtremor.benchmark.rate import matrix_rate
from xtremor.benchmark.workload import Workload
from xtremor.errors import UserError
from xtremor.robust.methods import PGD, Method, Plain

STEPS = 3
# The official way has the radius of ours in absolute terms; no figure depends on it.
RADIUS = 0.005
# Shares of the attainable rate that a plain step must reach.
ON_CPU, ON_GPU = 0.7, 0.4
OnTurn = Callable[[str, float], None]


@dataclass(frozen=True)
class Setting:
    """How it is measured.

    Attributes:
        rows: in a batch.
        rounds: of every contest.
        device, bf16: where, and whether products are in bfloat16.
        threads: of the CPU, which processes of their own are given too.
    """

    rows: int
    rounds: int
    device: torch.device
    bf16: bool
    threads: int

    @property
    def on_gpu(self) -> bool:
        """Whether it is measured on a GPU."""
        return self.device.type == "cuda"


class Rate:
    """The attainable rate, measured again and again beside what is compared with it."""

    def __init__(self, load: Workload, setting: Setting, model: Any) -> None:
        config = model.config
        hidden = config.hidden_size
        inner = getattr(config, "intermediate_size", 4 * hidden)
        tokens = int(load.features.lengths[: setting.rows].sum())
        kind = torch.bfloat16 if setting.bf16 else torch.float32
        self.measure = lambda: matrix_rate(tokens, hidden, inner, setting.device, kind)
        self.each: list[float] = []

    def turn(self, number: int) -> None:
        """Measure once more."""
        self.each.append(self.measure())

    def last(self, rounds: int) -> Measured:
        """Of so many rounds before now."""
        return Measured(tuple(self.each[-rounds:]))


def batch_of(load: Workload, number: int, rows: int) -> np.ndarray:
    """Units of the batch of a round: drawn at random once, whatever their lengths."""
    order = np.random.default_rng(2).permutation(len(load.features.lengths))
    return order.take(np.arange(number * rows, (number + 1) * rows), mode="wrap")


def against_official(
    load: Workload, setting: Setting, rate: Rate, on_turn: OnTurn
) -> tuple[list[Figure], dict[str, Measured]]:
    """Plain training and PGD-3 against the official way; packed against padded; both against the machine."""
    own = OwnWay(
        load.make(), load.features, load.pad_token, Device(setting.device, setting.bf16), [Plain(), PGD(steps=STEPS)]
    )
    official = OfficialWay(load.make().to(setting.device), RADIUS, bf16=setting.bf16)
    passes: list[float] = []

    def officially(number: int, steps: int) -> None:
        units = batch_of(load, number, setting.rows)
        inputs = padded(load.features.rows.take(units), load.pad_token, WIDTH, setting.device)
        official.steps = steps
        labels = torch.from_numpy(load.features.targets[units]).to(setting.device)
        passes.append(_spent(lambda: official.gradients(inputs, labels), setting.device))
        official.apply()

    def train(number: int, arm: str, packing: bool = True) -> None:
        own.update(arm, batch_of(load, number, setting.rows), packing)

    work = _operations(load, own.model, batch_of(load, 0, setting.rows)).plain()
    wide = operations(own.model, np.full(setting.rows, WIDTH)).plain()
    plain = contest(
        {
            "matrix products": Contestant(rate.turn, 0.0),
            "official plain": Contestant(lambda number: officially(number, 0), wide),
            "plain": Contestant(lambda number: train(number, "plain"), work),
            "plain, padded": Contestant(lambda number: train(number, "plain", packing=False), wide),
        },
        setting.rounds, setting.device, on_turn,
    )  # fmt: skip
    attainable = rate.last(setting.rounds)
    inner = Measured(tuple(passes[-setting.rounds :]))
    arm = PGD(steps=STEPS).arm
    attacked = contest(
        {
            "official pgd-3": Contestant(lambda number: officially(number, STEPS), wide * (1 + STEPS)),
            "pgd-3": Contestant(lambda number: train(number, arm), work * STEPS),
        },
        max(1, setting.rounds - 1), setting.device, on_turn, warm=["pgd-3"],
    )  # fmt: skip
    achieved = _achieved(load, own.model, setting)
    official_work = Measured((wide,) * setting.rounds)
    share: Callable[..., float] = lambda done, seconds, most: done / seconds / most  # noqa: E731
    ours, theirs = plain["plain"], plain["official plain"]
    titles = {
        "plain": "training examples/s against the official way, plain",
        "pgd-3": "the same with PGD-3",
        "packed": "packed against padded to the longest row of a random batch",
        "limit": "plain training step: share of the attainable rate",
        "official-limit": "official way, passes over padded tokens: share of the attainable rate",
        "official-update": "official way, whole update: share of the attainable rate",
    }
    # Key, what was measured, what it must reach, and its unit.
    measured: list[tuple[str, Measured, float | None, str]] = [
        ("plain", ratio(theirs, ours), 3.5, "times"),
        ("pgd-3", ratio(attacked["official pgd-3"], attacked["pgd-3"]), 3.8, "times"),
        ("packed", ratio(plain["plain, padded"], ours), 1.5, "times"),
        ("limit", of_rounds(share, achieved, ours, attainable), ON_GPU if setting.on_gpu else ON_CPU, "share"),
        ("official-limit", of_rounds(share, official_work, inner, attainable), ON_CPU, "share"),
        ("official-update", of_rounds(share, official_work, theirs, attainable), None, "share"),
    ]
    figures = [figure(key, titles[key], each, limit=limit, unit=unit) for key, each, limit, unit in measured]
    seconds = {name: each for name, each in (plain | attacked).items() if name != "matrix products"}
    return figures, seconds


def method_costs(
    load: Workload, setting: Setting, rate: Rate, on_turn: OnTurn
) -> tuple[list[MethodCost], dict[str, Measured]]:
    """Every method's step beside plain's on the same batch, gradients only.

    Clipping and AdamW, equal for all methods, would bring every ratio nearer to 1. Methods whose site the encoder
    lacks are left out.
    """
    model = load.make()
    limits = [(method, limit) for method, limit in METHOD_LIMITS if _has_site(model, method)]
    methods: list[Method] = [Plain(), *(method for method, _ in limits)]
    own = OwnWay(model, load.features, load.pad_token, Device(setting.device, setting.bf16), methods)
    work = _operations(load, model, batch_of(load, 0, setting.rows)).plain()
    done: dict[str, list[float]] = {method.arm: [] for method in methods}

    def turn(method: Method, number: int) -> None:
        units = batch_of(load, number, setting.rows)
        before = vars(own.counts).copy()
        own.gradients(method.arm, units)
        counted = type(own.counts)(**{name: value - before[name] for name, value in vars(own.counts).items()})
        done[method.arm].append(_operations(load, model, units).of(counted))

    seconds = contest(
        {
            "matrix products": Contestant(rate.turn, 0.0),
            **{
                method.arm: Contestant(partial(turn, method), work * _passes(own, method))
                for method in methods
            },
        },
        setting.rounds, setting.device, on_turn,
    )  # fmt: skip
    attainable, plain = rate.last(setting.rounds), seconds[methods[0].arm]
    found = []
    for method, limit in [(methods[0], None), *limits]:
        spent = seconds[method.arm]
        made = Measured(tuple(done[method.arm][-setting.rounds :]))
        reached = of_rounds(lambda work, time, most: work / time / most, made, spent, attainable)
        found.append(MethodCost(method.arm, _passes(own, method), ratio(spent, plain), reached, limit))
    return found, {f"step of {name}": each for name, each in seconds.items() if name != "matrix products"}


def _passes(own: OwnWay, method: Method) -> float:
    return method.expected_passes(own.steps[method.arm].below) / 3


def _has_site(model: Any, method: Method) -> bool:
    if not method.at.startswith("layer:"):
        return True
    from xtremor.encoders.layers import layer_names

    return len(layer_names(model) or []) >= int(method.at.partition(":")[2])


def _operations(load: Workload, model: Any, units: np.ndarray) -> Operations:
    try:
        return operations(model, load.features.lengths[units], head_alone=True)
    except ValueError as error:
        raise UserError(f"--encoder {load.encoder}: {error}, so that its operations cannot be counted") from error


def _achieved(load: Workload, model: Any, setting: Setting) -> Measured:
    """Operations of a plain step over the batch of every round."""
    batches = [batch_of(load, number, setting.rows) for number in range(setting.rounds)]
    return Measured(tuple(_operations(load, model, units).plain() for units in batches))


def _spent(work: Callable[[], object], device: torch.device) -> float:
    import time

    began = time.perf_counter()
    work()
    settle(device)
    return time.perf_counter() - began

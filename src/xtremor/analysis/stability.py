"""The smallest perturbation of an English row that changes a trained model's answer, at a layer.

What is perturbed: every token vector of the row, special tokens included, is shifted by one and the same vector s at
the output of the layer. Then the mean of the row's vectors (and their first, for the other pooling) moves by exactly s,
so that a displacement (pooled translation - pooled English) and a stability radius |s| are lengths in one space. Of
all perturbations that move the mean by s this one is the smallest: it has the least sum of squared norms. And a token
moves by |s|, which is what a ball per token of robust training bounds at that site.

Along the translation: s = t (pooled translation - pooled English); t = 1 lands on the translation's vector.
Along the attack: the direction that DeepFool (Moosavi-Dezfooli et al. 2016, arXiv 1511.04599) reaches, the margin's
gradient in s linearised anew a few times; then the crossing on that ray. An upper bound of the smallest radius over all
directions. At random: a direction drawn for the row, at the displacement's own length: what the length alone does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xtremor import computing
from xtremor.analysis.crossing import Changed, Crossing, bisected, on_grid
from xtremor.errors import UserError
from xtremor.evaluation.attack.categories import open_items
from xtremor.evaluation.attack.items import Batch, Items
from xtremor.evaluation.embedder import layers_of
from xtremor.robust.depth import first
from xtremor.robust.site import embedding_block
from xtremor.robust.sited import SitedModel
from xtremor.tasks.base import TaskCard, TextExample
from xtremor.tasks.losses import margins
from xtremor.tasks.retrieval import pool
from xtremor.training.config import derived_seed

TOKEN_BUDGET = 2048
# Linearisations of the attack; a step goes a little beyond the border that it sees.
ATTACK_STEPS = 5
OVERSHOOT = 1.02
ATTACK_GRID = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


@dataclass(frozen=True)
class Place:
    """A layer as `SitedModel` takes it: 0 is the output of the embedding block, ``layers`` the last hidden states."""

    layer: int
    layers: int
    shares_dropout: bool = False

    @property
    def at(self) -> str:
        """Name of the site."""
        if self.layer == 0:
            return "embeddings"
        return "last" if self.layer == self.layers else f"layer:{self.layer}"


@dataclass(frozen=True)
class Read:
    """What a model makes of N rows as they are.

    Attributes:
        answers: theirs.
        pooled: layer -> (N, H) float32.
    """

    answers: list[str]
    pooled: dict[int, np.ndarray]


class Answering:
    """A trained model that answers rows, read and shifted at some layers.

    Args:
        model: of transformers, with its head; frozen.
        tokenizer, labels, max_length: as in `tasks.category.Category.predict`.
        card: of the task that it answers.
        layers: numbers of the layers.
        pooling: ``mean`` or ``cls``.
        sample: a row, to find the layers with.
        precision: of products.

    Attributes:
        forward, backward: passes so far, each counted once a row and as the share of the layers that it went through.
        widths: layer -> H, known once rows were read.

    Raises:
        UserError: a layer that the encoder does not have, or that cannot be shifted.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        labels: Sequence[str],
        max_length: int,
        card: TaskCard,
        layers: Sequence[int],
        pooling: str,
        sample: TextExample,
        precision: str = "fp32",
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.device = next(model.parameters()).device
        self.card, self.pooling, self.precision = card, pooling, precision
        self._made = (tokenizer, labels, max_length)
        self.forward = self.backward = 0.0
        self.widths: dict[int, int] = {}
        one = self.items([sample], None)
        batch = one.batch(np.arange(1), self.device)
        call = self._call(one, batch)
        depth = layers_of(model)
        self.sited: dict[int, SitedModel] = {}
        for layer in layers:
            if layer > depth:
                raise UserError(
                    f"--stability-layers: this encoder has layers 0 (the embeddings) to {depth}, not {layer}"
                )
            try:
                self.sited[layer] = SitedModel(model, Place(layer, depth), lambda: (batch.view.segments, call))
            except UserError as error:
                raise UserError(
                    f"--stability-layers: layer {layer} of this encoder cannot be shifted apart from the others; name "
                    "other layers, or --no-stability"
                ) from error

    def items(self, rows: Sequence[TextExample], answers: Sequence[str] | None) -> Items:
        """Rows as a batch is made of; their targets are ``answers``, or anything."""
        labels = self._made[1]
        given = answers or [labels[0]] * len(rows)
        marked = [replace(row, label=answer) for row, answer in zip(rows, given, strict=True)]
        return open_items(self.card, marked, *self._made)

    def read(self, rows: Sequence[TextExample], told: Callable[[int], None] | None = None) -> Read:
        """One pass over rows as they are."""
        items = self.items(rows, None)
        answers = [""] * len(rows)
        pooled: dict[int, np.ndarray] = {}
        for numbers in items.batches(np.arange(len(rows)), TOKEN_BUDGET):
            batch = items.batch(numbers, self.device)
            states, outputs = self._states(items, batch)
            for layer, state in states.items():
                found = pool(state.float(), batch.view.inputs["attention_mask"].bool(), self.pooling).cpu().numpy()
                self.widths[layer] = found.shape[1]
                pooled.setdefault(layer, np.zeros((len(rows), found.shape[1]), np.float32))[numbers] = found
            for number, answer in zip(numbers, items.answers(batch, outputs)[0], strict=True):
                answers[number] = answer
            self._tell(told, numbers)
        return Read(answers, pooled)

    def _states(self, items: Items, batch: Batch) -> tuple[dict[int, Tensor], Any]:
        """Hidden states (B, L, H) of every layer, and outputs; one pass."""
        import contextlib

        states: dict[int, Tensor] = {}

        def keep(layer: int) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                states[layer] = first(output)

            return hook

        with torch.no_grad(), contextlib.ExitStack() as stack:
            for layer, sited in self.sited.items():
                stack.enter_context(sited.site().hooked(keep(layer)))
            outputs = self._call(items, batch)()
        self.forward += len(batch.items)
        return states, outputs

    def along(
        self,
        layer: int,
        rows: Sequence[TextExample],
        answers: Sequence[str],
        shifts: np.ndarray,
        grid: Sequence[float],
        steps: int,
        told: Callable[[int], None] | None = None,
    ) -> Crossing:
        """Where rows first leave their answers along rays; see `crossing` for what is and is not seen.

        Args:
            layer: that is shifted.
            rows, answers: N rows and the model's own answers to them.
            shifts: (N, H) what 1 on the ray stands for.
            grid, steps: multiples of it to try, and bisections.
            told: the numbers of rows that are done.
        """
        items = self.items(rows, answers)
        low, high = np.zeros(len(rows)), np.full(len(rows), np.inf)
        for numbers in items.batches(np.arange(len(rows)), TOKEN_BUDGET):
            found = on_grid(self._changed(layer, items, numbers, answers, shifts), len(numbers), grid)
            low[numbers], high[numbers] = found.low, found.high
            self._tell(told, numbers)
        # Rows that crossed are put together anew: the others need no bisection.
        for numbers in items.batches(np.flatnonzero(np.isfinite(high)), TOKEN_BUDGET):
            changed = self._changed(layer, items, numbers, answers, shifts)
            found = bisected(changed, Crossing(low[numbers], high[numbers]), steps)
            low[numbers], high[numbers] = found.low, found.high
        return Crossing(low, high)

    def kept_at(
        self, layer: int, rows: Sequence[TextExample], answers: Sequence[str], shifts: np.ndarray
    ) -> np.ndarray:
        """(N,) bool: whether rows keep their answers under shifts (N, H)."""
        found = self.along(layer, rows, answers, shifts, (1.0,), 0)
        return found.censored

    def attack(self, layer: int, rows: Sequence[TextExample], answers: Sequence[str], scale: float) -> np.ndarray:
        """(N, H): shifts towards the nearest border, by DeepFool with the margin; as long as where it ended.

        ``scale`` is the length that a row without a gradient gets, in a direction that does nothing.
        """
        items = self.items(rows, answers)
        found: np.ndarray | None = None
        for numbers in items.batches(np.arange(len(rows)), TOKEN_BUDGET):
            batch = items.batch(numbers, self.device)
            shift = self._deepfool(layer, items, batch)
            if found is None:
                found = np.zeros((len(rows), shift.shape[1]), np.float32)
            found[numbers] = shift.cpu().numpy()
        assert found is not None
        still = np.linalg.norm(found, axis=1) == 0
        found[still, 0] = scale
        return found

    def _deepfool(self, layer: int, items: Items, batch: Batch) -> Tensor:
        run = self._run(layer, items, batch)
        count, width = len(batch.items), self.widths[layer]
        shift = torch.zeros(count, width, device=self.device)
        for _ in range(ATTACK_STEPS):
            at = shift.clone().requires_grad_()
            losses = items.losses(batch, run(at), margins)
            gradient = torch.autograd.grad(losses.sum(), at)[0]
            self.backward += count * (1 - self.sited[layer].below)
            going = (losses.detach() <= 0).unsqueeze(1)
            if not going.any():
                break
            squares = gradient.square().sum(1, keepdim=True)
            # At a tie the step is not 0: the border is there, not behind it.
            needed = losses.detach().abs().clamp_min(1e-6).unsqueeze(1)
            step = OVERSHOOT * needed * gradient / squares.clamp_min(1e-30)
            shift = torch.where(going & (squares > 0), shift + step, shift)
        return shift

    def _changed(
        self, layer: int, items: Items, numbers: np.ndarray, answers: Sequence[str], shifts: np.ndarray
    ) -> Changed:
        """Whether rows of one batch leave their answers; what lies below the layer is computed once."""
        batch = items.batch(numbers, self.device)
        run = self._run(layer, items, batch)
        rays = torch.from_numpy(np.ascontiguousarray(shifts[numbers], np.float32)).to(self.device)
        own = [answers[number] for number in numbers]

        def changed(places: np.ndarray, far: np.ndarray) -> np.ndarray:
            lengths = np.zeros(len(numbers), np.float32)
            lengths[places] = far
            outputs = run(torch.from_numpy(lengths).to(self.device).unsqueeze(1) * rays)
            found = items.answers(batch, outputs)[0]
            return np.array([found[place] != own[place] for place in places], dtype=bool)

        return changed

    def _run(self, layer: int, items: Items, batch: Batch) -> Callable[[Tensor], Any]:
        """The model over a batch as a function of a shift (I, H) of every token of an item."""
        over = self.sited[layer].over(batch.view.segments, self._call(items, batch))
        above = 1 - self.sited[layer].below
        begun = False

        def run(shift: Tensor) -> Any:
            nonlocal begun
            self.forward += len(batch.items) * (above if begun else 1.0)
            begun = True
            # Without a graph the states below would not be kept; weights are frozen, so that none is built.
            with torch.enable_grad():
                return over(shift[batch.item_of_token])

        return run

    def _call(self, items: Items, batch: Batch) -> Callable[[], Any]:
        inputs = items.category.model_inputs(batch.view.inputs)

        def call() -> Any:
            with computing.reduced(self.precision, self.device):
                return self.model(**inputs)

        return call

    @staticmethod
    def _tell(told: Callable[[int], None] | None, numbers: np.ndarray) -> None:
        if told is not None:
            told(len(numbers))


def default_layers(model: nn.Module) -> tuple[int, ...]:
    """The embeddings (where they are one block that can be shifted), the middle layer and the last."""
    depth = layers_of(model)
    try:
        embedding_block(model)
    except UserError:
        return tuple(sorted({max(1, depth // 2), depth}))
    return tuple(sorted({0, depth // 2, depth}))


def random_shifts(rows: Sequence[TextExample], lengths: np.ndarray, width: int, seed: int) -> np.ndarray:
    """(N, H): a direction for each row, a function of seed, file and row, of the given lengths (N,)."""
    seeds = [derived_seed(seed, "shift", row.file, row.row) for row in rows]
    drawn = np.stack([np.random.default_rng(each).standard_normal(width) for each in seeds])
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return (unit * lengths[:, None]).astype(np.float32)

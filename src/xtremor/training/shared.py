"""One encoder with a head for each of several tasks, and their steps behind the one that the loop sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from xtremor.robust.counter import PassCounts
from xtremor.robust.methods.base import Runner
from xtremor.robust.passes import Passes
from xtremor.training.step import BatchStep

# A pooler is part of the head: it is what makes an input one vector for the task's sake.
POOLER = "pooler"


class SharedEncoder(nn.Module):
    """Task models of transformers whose encoders are one and the same modules.

    Every model keeps its head and, where its architecture has one, its pooler. A parameter of the encoder is
    named as the first model's.

    Attributes:
        models: task -> its model, an ordinary one that can be called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.models = nn.ModuleDict()

    def add(self, task: str, model: nn.Module) -> None:
        """Take a model in; from now on its encoder is the first model's."""
        self.models[task] = model
        self.share()

    def share(self) -> None:
        """Give every model the parts of the first one's encoder."""
        first, *rest = (_base(model) for model in self.models.values())
        for base in rest:
            if _parts(base) != _parts(first):
                raise RuntimeError(f"{type(base).__name__} is made of other parts in another head's model")
            for name in _parts(first):
                setattr(base, name, getattr(first, name))

    def of(self, task: str) -> nn.Module:
        """The model of a task."""
        return self.models[task]

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings that all share."""
        first = next(iter(self.models.values()))
        return cast(nn.Module, first.get_input_embeddings())  # type: ignore[operator]

    def set_input_embeddings(self, table: nn.Module) -> None:
        """Replace them in every model."""
        for model in self.models.values():
            model.set_input_embeddings(table)  # type: ignore[operator]

    def encoder_tensors(self) -> dict[str, Tensor]:
        """Tensors of the encoder as ``AutoModel`` names them, no pooler among them."""
        first = _base(next(iter(self.models.values())))
        return {name: tensor for name, tensor in first.state_dict().items() if POOLER not in name.split(".")}

    def head_tensors(self, task: str) -> dict[str, Tensor]:
        """What a task's model has of its own, under its own names."""
        model = self.models[task]
        encoder = {
            id(tensor) for name, tensor in _base(model).named_parameters() if POOLER not in name.split(".")
        }  # fmt: skip
        return {name: tensor.detach() for name, tensor in model.named_parameters() if id(tensor) not in encoder}


def _base(model: nn.Module) -> nn.Module:
    base = getattr(model, "base_model", model)
    assert isinstance(base, nn.Module)
    return base


def _parts(base: nn.Module) -> list[str]:
    """Names of the modules and parameters that an encoder consists of, its pooler left out."""
    names = [name for name, _ in base.named_children()] + [name for name, _ in base.named_parameters(recurse=False)]
    return [name for name in names if name != POOLER]


class Runners:
    """The methods at work on the models of several tasks, for what a loop asks of one."""

    def __init__(self, each: Sequence[Runner]) -> None:
        self.each = each

    def step(self, passes: Passes) -> Tensor:
        """Never asked: a batch is of one task."""
        raise NotImplementedError

    def after_update(self) -> None:
        """Tell all."""
        for runner in self.each:
            runner.after_update()

    def state(self) -> dict[str, Tensor]:
        """All tensors, numbered by task."""
        return {f"{at}/{name}": held for at, each in enumerate(self.each) for name, held in each.state().items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Give everyone his own."""
        for at, each in enumerate(self.each):
            own = f"{at}/"
            each.load_state({name[len(own) :]: held for name, held in tensors.items() if name.startswith(own)})


class MixedStep:
    """Batches of several tasks; a batch is of one. Units are numbered through all tasks.

    Args:
        model: whose models the steps train.
        steps: of the tasks, in their order, which count their passes together.
    """

    def __init__(self, model: SharedEncoder, steps: Sequence[BatchStep]) -> None:
        self.model: nn.Module = model
        self.steps = steps
        self.counts: PassCounts = steps[0].counts
        self.below = steps[0].below
        self.runner: Runner = Runners([step.runner for step in steps])
        self.lengths = np.concatenate([step.lengths for step in steps])
        self.weights = np.concatenate([step.weights for step in steps])
        self.offsets = np.concatenate([[0], np.cumsum([len(step.weights) for step in steps])])

    def about(self) -> dict[str, Any]:
        """What the log says of the latest update beyond the loss: nothing."""
        return {}

    def run(
        self, units: np.ndarray, update: int, part: int, weight: float, method: Runner | None = None
    ) -> tuple[Tensor, int]:
        """As `BatchStep.run`; all units are of one task."""
        task = int(np.searchsorted(self.offsets, units[0], side="right")) - 1
        return self.steps[task].run(units - self.offsets[task], update, part, weight, method)
